internal import Glibc

/// A thread of ours, joined by its owner.
package struct OwnedThread: Sendable {
    private let id: pthread_t

    /// - Throws: if the system has no thread left.
    package init(_ body: @escaping @Sendable () -> Void) throws(ThreadFailure) {
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
            throw ThreadFailure(code: code)
        }
        self.id = id
    }

    package func join() {
        pthread_join(id, nil)
    }

    /// Lets it end by itself; nobody may join it then.
    package func letGo() {
        pthread_detach(id)
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    /// Naps on the calling thread, the kernel's slack of 50 µs longer; only for threads of ours, never for tasks.
    package static func nap(microseconds: Int) {
        var time = timespec(tv_sec: microseconds / 1_000_000, tv_nsec: microseconds % 1_000_000 * 1_000)
        nanosleep(&time, nil)
    }
}

/// Why there is no thread.
package struct ThreadFailure: Error, Hashable {
    /// As `errno`.
    package let code: Int32
}
