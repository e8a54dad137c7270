internal import Glibc

/// Where log lines go: a bounded buffer that a thread of its own empties into a file descriptor.
///
/// Whoever logs copies a line into memory and never waits for a terminal, a pipe or a disk. When the buffer is full the
/// line is dropped and counted, and the log itself says how many were lost once there is room again.
///
/// ```
///   event loops ──append──► pending (≤ bytesMax) ──swap──► writer thread ──write(2)──► descriptor
/// ```
final class LogSink: Sendable {
    // Shared with the thread, which keeps it alive until it has written the last line.
    private let shared: LogSinkState

    /// - Parameters:
    ///   - descriptor: written to, never closed.
    ///   - bytesMax: how much may wait.
    ///   - dropped: counts the lines that found no room.
    ///   - lossNote: the line that says how many were lost, written once there is room again.
    init(descriptor: Int32, bytesMax: Int, dropped: Counter, lossNote: @escaping @Sendable (Int64) -> [UInt8]) {
        shared = LogSinkState(descriptor: descriptor, bytesMax: bytesMax, dropped: dropped, lossNote: lossNote)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(shared).toOpaque()
        let code = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<LogSinkState>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, context)
        precondition(code == 0, "pthread_create failed with \(code)")
        // Nobody waits for it: it ends by itself after the last line, and a descriptor that is stuck must not hold
        // whoever lets go of the sink.
        pthread_detach(thread)
    }

    deinit {
        shared.close()
    }

    /// Takes a whole line, its newline included. Never blocks.
    func append(_ line: [UInt8]) {
        shared.append(line)
    }

    /// Waits until everything appended so far was written, or the time is up; not for event loops.
    ///
    /// - Returns: whether all was written.
    @discardableResult
    func flush(within limit: Duration) -> Bool {
        shared.flush(within: limit)
    }
}

/// The buffer and what the two sides tell each other.
///
/// Proof of Sendable: every mutable property is only touched between lock and unlock of `mutex`; the mutex and the
/// condition live as long as the object, which both the sink and the thread hold. (A pthread mutex rather than `Lock`
/// because the thread waits on a condition.)
private final class LogSinkState: @unchecked Sendable {
    let dropped: Counter
    private let descriptor: Int32
    private let bytesMax: Int
    private let lossNote: @Sendable (Int64) -> [UInt8]
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private var pending: [UInt8] = []
    private var droppedSinceNote: Int64 = 0
    private var isWriting = false
    private var isClosed = false

    init(descriptor: Int32, bytesMax: Int, dropped: Counter, lossNote: @escaping @Sendable (Int64) -> [UInt8]) {
        (self.descriptor, self.bytesMax, self.dropped, self.lossNote) = (descriptor, bytesMax, dropped, lossNote)
        mutex = .allocate(capacity: 1)
        changed = .allocate(capacity: 1)
        let codes = (pthread_mutex_init(mutex, nil), pthread_cond_init(changed, nil))
        precondition(codes == (0, 0), "pthread initialisation failed with \(codes)")
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    func append(_ line: [UInt8]) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard pending.count + line.count <= bytesMax, !isClosed else {
            droppedSinceNote += 1
            dropped.add()
            pthread_cond_broadcast(changed)
            return
        }
        let wasEmpty = pending.isEmpty
        pending.append(contentsOf: line)
        if wasEmpty, !isWriting { pthread_cond_broadcast(changed) }
    }

    func flush(within limit: Duration) -> Bool {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += Int(limit.components.seconds)
        deadline.tv_nsec += Int(limit.components.attoseconds / 1_000_000_000)
        if deadline.tv_nsec >= 1_000_000_000 {
            deadline.tv_sec += 1
            deadline.tv_nsec -= 1_000_000_000
        }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !pending.isEmpty || isWriting || droppedSinceNote > 0 {
            if pthread_cond_timedwait(changed, mutex, &deadline) == ETIMEDOUT { return false }
        }
        return true
    }

    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }

    /// The thread's life: wait, take all, write, until closed and empty.
    func run() {
        // A reader that went away must cost its lines, not the process.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        var batch: [UInt8] = []
        pthread_mutex_lock(mutex)
        while true {
            while pending.isEmpty, droppedSinceNote == 0, !isClosed { pthread_cond_wait(changed, mutex) }
            if pending.isEmpty, droppedSinceNote == 0 { break }
            swap(&batch, &pending)
            let lost = droppedSinceNote
            droppedSinceNote = 0
            isWriting = true
            pthread_mutex_unlock(mutex)
            if lost > 0 { batch.append(contentsOf: lossNote(lost)) }
            write(batch)
            batch.removeAll(keepingCapacity: batch.capacity <= bytesMax)
            pthread_mutex_lock(mutex)
            isWriting = false
            pthread_cond_broadcast(changed)
        }
        pthread_mutex_unlock(mutex)
    }

    /// Writes all; an interrupted or momentarily full descriptor is tried again, any other error loses the batch.
    private func write(_ batch: [UInt8]) {
        batch.withUnsafeBytes { bytes in
            var position = 0
            while position < bytes.count {
                let written = Glibc.write(descriptor, bytes.baseAddress! + position, bytes.count - position)
                if written >= 0 {
                    position += written
                } else if errno == EAGAIN {
                    var interest = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&interest, 1, 1_000)
                } else if errno != EINTR {
                    return
                }
            }
        }
    }
}
