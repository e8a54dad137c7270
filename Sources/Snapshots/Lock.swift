#if TSAN
internal import Glibc
#else
public import Synchronization
#endif

/// A value behind a lock that is held for a few lines and never across `await` or I/O. One that guards what does I/O, such
/// as the journal's pen, event loops take with ``withLockIfAvailable(_:)`` only.
///
/// One type for the whole project: `Mutex`, or a pthread mutex when the thread sanitizer is on (`-DTSAN`), which
/// reports false races on `Synchronization.Mutex` on Linux.
public final class Lock<Value>: Sendable {
    #if TSAN
    // Proof of Sendable: `value` is only touched between lock and unlock of `mutex`.
    private nonisolated(unsafe) var value: Value
    private nonisolated(unsafe) let mutex: UnsafeMutablePointer<pthread_mutex_t>

    public init(_ value: sending Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        let code = pthread_mutex_init(mutex, nil)
        precondition(code == 0, "pthread_mutex_init failed with \(code)")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    public func withLock<Result, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// `nil` if another thread holds it.
    public func withLockIfAvailable<Result, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result? {
        guard pthread_mutex_trylock(mutex) == 0 else { return nil }
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
    #else
    // Public and inlinable, since the compiler specialises nothing else across modules, and looking up metadata costs
    // more than the lock.
    @usableFromInline let mutex: Mutex<Value>

    @inlinable
    public init(_ value: sending Value) {
        mutex = Mutex(value)
    }

    @inlinable
    public func withLock<Result, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        try mutex.withLock(body)
    }

    /// `nil` if another thread holds it.
    @inlinable
    public func withLockIfAvailable<Result, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result? {
        try mutex.withLockIfAvailable(body)
    }
    #endif
}
