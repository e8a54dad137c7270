internal import Glibc

/// A counting semaphore: where threads of ours sleep when there is nothing to do.
///
/// Proof of Sendable: the pointer never changes, and POSIX semaphores may be used by any thread.
package final class Semaphore: @unchecked Sendable {
    private let pointer: UnsafeMutablePointer<sem_t>

    package init() {
        pointer = .allocate(capacity: 1)
        let code = sem_init(pointer, 0, 0)
        precondition(code == 0, "sem_init failed with errno \(errno)")
    }

    deinit {
        sem_destroy(pointer)
        pointer.deallocate()
    }

    package func post() {
        sem_post(pointer)
    }

    package func wait() {
        while sem_wait(pointer) != 0 {}
    }
}
