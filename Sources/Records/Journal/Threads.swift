internal import Glibc

/// A counting semaphore: where the journal's threads sleep when there is nothing to do.
///
/// Proof of Sendable: the pointer never changes, and POSIX semaphores may be used by any thread.
final class Semaphore: @unchecked Sendable {
    private let pointer: UnsafeMutablePointer<sem_t>

    init() {
        pointer = .allocate(capacity: 1)
        let code = sem_init(pointer, 0, 0)
        precondition(code == 0, "sem_init failed with errno \(errno)")
    }

    deinit {
        sem_destroy(pointer)
        pointer.deallocate()
    }

    func post() {
        sem_post(pointer)
    }

    func wait() {
        while sem_wait(pointer) != 0 {}
    }
}

/// A thread of ours, joined by its owner.
struct OwnedThread: Sendable {
    private let id: pthread_t

    /// - Throws: `failed` if the system has no thread left.
    init(_ body: @escaping @Sendable () -> Void) throws(JournalError) {
        var id = pthread_t()
        let box = Unmanaged.passRetained(Body(run: body))
        let code = pthread_create(
            &id, nil,
            { argument in
                Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, box.toOpaque())
        guard code == 0 else {
            box.release()
            throw .failed(code: code)
        }
        self.id = id
    }

    func join() {
        pthread_join(id, nil)
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    /// Naps on the calling thread, the kernel's slack of 50 µs longer; only for threads of ours, never for tasks.
    static func nap(microseconds: Int) {
        var time = timespec(tv_sec: microseconds / 1_000_000, tv_nsec: microseconds % 1_000_000 * 1_000)
        nanosleep(&time, nil)
    }
}
