internal import Glibc
internal import Snapshots

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

extension OwnedThread {
    /// - Throws: `failed` if the system has no thread left.
    static func forJournal(_ body: @escaping @Sendable () -> Void) throws(JournalError) -> OwnedThread {
        do throws(ThreadFailure) {
            return try OwnedThread(body)
        } catch {
            throw .failed(code: error.code)
        }
    }
}
