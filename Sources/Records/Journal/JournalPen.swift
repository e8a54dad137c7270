internal import Glibc
internal import Storage

/// What the segment is written with. Whoever holds it writes: the journal's thread, or a caller at the end of its turn.
struct JournalPen: Sendable {
    var segment: OpenSegment
    /// The latest segment number tried; a number whose creation failed is not tried again.
    var number: UInt32
    /// What is being written; empty once it is.
    var back = FrameBuffer()
    /// The number of its last entry.
    private(set) var last: UInt64 = 0
    /// The current segment's file is not to be trusted with more.
    var mustRotate = false
    /// A caller's write failed with this code; its batch is still in `back`.
    var fault: Int32?
    /// Until then the disk has been slow lately, in nanoseconds of the monotonic clock.
    private var slowUntil = 0

    /// Callers would hold up all that their event loop serves.
    private static let slowNanoseconds = 2_000_000
    private static let slowFor = 1_000_000_000

    init(_ segment: OpenSegment) {
        self.segment = segment
        number = segment.number
    }

    /// Takes over what has gathered.
    mutating func take(_ state: inout JournalState) {
        swap(&state.front, &back)
        last = state.appended
    }

    /// Notes that the batch is written.
    ///
    /// - Returns: whom to resume, whether the file has to be synced that had not to be before, and how many entries it was.
    mutating func complete(_ state: inout JournalState, _ durability: JournalDurability) -> (
        waiters: [(waiter: Waiter, wakeup: Wakeup)], mustSync: Bool, entries: Int
    ) {
        state.completed = last
        state.bytesOnDisk += back.used
        state.readable = JournalOffset(segment: segment.number, byte: segment.end)
        let mustSync = durability == .crash && state.dirty == nil
        if durability == .crash { state.dirty = segment.file }
        defer { back.removeAll() }
        return (state.takeWaiters(), mustSync, back.entries)
    }

    /// Whether a caller may write `bytes` more: surely without making a file, and hardly with a wait.
    func isQuick(adding bytes: Int, _ configuration: Journal.Configuration) -> Bool {
        fault == nil && !mustRotate && segment.end + bytes <= configuration.segmentBytesMax
            && (slowUntil == 0 || Self.now >= slowUntil)
    }

    /// Writes the batch for a caller.
    mutating func writeQuickly(_ files: any JournalFiles) throws(FileFault) {
        back.seal()
        let begin = Self.now
        try segment.write(back.bytes, count: back.used, files: files)
        let end = Self.now
        slowUntil = end - begin > Self.slowNanoseconds ? end + Self.slowFor : 0
    }

    private static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}

extension JournalCore {
    /// Writes what has gathered, on the caller's thread, if that is sure to be quick and nobody else is at it. Otherwise the
    /// writer does it soon.
    ///
    /// - Returns: `nil` if somebody else is.
    func writeNow() -> Bool? {
        let outcome = pen.withLockIfAvailable { pen -> (isDone: Bool, waiters: [(waiter: Waiter, wakeup: Wakeup)]) in
            let taken = state.withLock { state -> Bool? in
                if state.front.used == 0, state.lost.isEmpty { return nil }
                guard state.failure == nil, state.syncFault == nil, state.lost.isEmpty, !state.isClosing,
                    pen.isQuick(adding: state.front.used, configuration)
                else { return false }
                pen.take(&state)
                return true
            }
            guard let taken else { return (true, []) }
            guard taken else { return (false, []) }
            do throws(FileFault) {
                try pen.writeQuickly(files)
            } catch {
                pen.fault = error.code
                return (false, [])
            }
            let completed = state.withLock { pen.complete(&$0, configuration.durability) }
            if completed.mustSync { syncWake.post() }
            return (true, completed.waiters)
        }
        guard let outcome else { return nil }
        for (waiter, wakeup) in outcome.waiters { waiter.resume(returning: wakeup) }
        if !outcome.isDone { wakeWriter() }
        return outcome.isDone
    }

    func wakeWriter() {
        let mustWake = state.withLock { state in
            defer { state.isParked = false }
            return state.isParked
        }
        if mustWake { wake.post() }
    }
}
