internal import Glibc
internal import Storage

/// What the segment is written with. Whoever holds it writes: the journal's thread, or a caller at the end of its turn.
struct JournalPen: Sendable {
    var segment: OpenSegment
    /// The latest segment number tried; a number whose creation failed is not tried again.
    var segmentNumber: UInt32
    /// What is being written; empty once it is.
    var back = FrameBuffer()
    /// The number of its last entry.
    private(set) var lastSequence: UInt64 = 0
    /// The current segment's file is not to be trusted with more.
    var mustRotate = false
    /// The disk refused with this code, and the journal's thread has not dealt with it yet: what it refused is still in
    /// `back`, and nobody writes.
    var fault: Int32?
    /// Until then the disk has been slow lately, in nanoseconds of the monotonic clock; 0 if it was not.
    private var slowUntil = 0

    /// Callers would hold up all that their event loop serves.
    private static let slowNanoseconds = 2_000_000
    private static let slowFor = 1_000_000_000
    /// A caller's turn makes less, unless the disk has been away.
    private static let quickBytesMax = 256 << 10

    init(_ segment: OpenSegment) {
        self.segment = segment
        segmentNumber = segment.number
    }

    /// Takes over what has gathered, also of those who handed theirs over.
    mutating func take(_ state: inout JournalState) {
        precondition(back.used == 0, "What the disk refused is dealt with first.")
        swap(&state.front, &back)
        lastSequence = state.appended
        state.isHandedOver = false
    }

    /// Notes that the batch is written.
    ///
    /// - Returns: whom to resume, whether the file has to be synced that had not to be before, and how many entries it was.
    mutating func complete(_ state: inout JournalState, _ durability: JournalDurability) -> Completed {
        state.completed = lastSequence
        state.bytesOnDisk += back.used
        state.readable = JournalOffset(segment: segment.number, byte: segment.end)
        let mustSync = durability == .crash && state.dirty == nil
        if durability == .crash { state.dirty = segment.file }
        defer { back.removeAll() }
        return Completed(waiters: state.takeWaiters(), mustSync: mustSync, entries: back.entries)
    }

    struct Completed {
        var waiters: [(waiter: Waiter, wakeup: Wakeup)] = []
        var mustSync = false
        var entries = 0

        /// Without the pen, since whoever is resumed may want it.
        func tell(_ core: JournalCore) {
            if mustSync { core.syncWake.post() }
            for (waiter, wakeup) in waiters { waiter.resume(returning: wakeup) }
        }
    }

    /// Whether a caller may write `bytes` more: surely without making a file, and hardly with a wait.
    func isQuick(adding bytes: Int, _ configuration: Journal.Configuration) -> Bool {
        fault == nil && !mustRotate && slowUntil == 0 && bytes <= Self.quickBytesMax
            && segment.end + bytes <= configuration.segmentBytesMax
    }

    /// Writes the batch. A slow write leaves all to the journal's thread for a second, until that sees a quick one.
    mutating func write(_ files: any JournalFiles) throws(FileFault) {
        back.seal()
        let begin = Self.now
        try segment.write(back.bytes, count: back.used, files: files)
        let end = Self.now
        if end - begin > Self.slowNanoseconds {
            slowUntil = end + Self.slowFor
        } else if end >= slowUntil {
            slowUntil = 0
        }
    }

    private static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}

/// What became of entries that a caller wanted written.
package enum JournalWriting: Sendable, Hashable {
    case written
    /// Somebody else is writing, and takes them next.
    case handedOver
    /// The journal's thread has been told to.
    case leftToThread
}

extension JournalCore {
    /// How often a caller writes for others, who would otherwise have written meanwhile.
    private static let roundsMax = 4

    /// Writes what has gathered, on the caller's thread, if that is sure to be quick and nobody else is at it.
    func writeNow() -> JournalWriting {
        for _ in 0..<Self.roundsMax {
            guard let isWritten = writeIfFree() ?? handOver() else { return .handedOver }
            guard isWritten else {
                wakeWriter()
                return .leftToThread
            }
            // Whoever hands over has looked at the pen again since, so this is seen.
            guard state.withLock(\.isHandedOver) else { return .written }
        }
        wakeWriter()
        return .written
    }

    /// Leaves to who has the pen what has gathered, unless it has become free; `nil` if it has not.
    private func handOver() -> Bool? {
        state.withLock { $0.isHandedOver = true }
        return writeIfFree()
    }

    /// - Returns: whether all is written that had gathered; `nil` if somebody else has the pen.
    private func writeIfFree() -> Bool? {
        let outcome = pen.withLockIfAvailable { pen -> (isWritten: Bool, completed: JournalPen.Completed) in
            let mayWrite = state.withLock { state -> Bool? in
                if state.front.used == 0, state.lost.isEmpty {
                    state.isHandedOver = false
                    return nil
                }
                guard state.failure == nil, state.syncFault == nil, state.lost.isEmpty, !state.isClosing,
                    pen.isQuick(adding: state.front.used, configuration)
                else { return false }
                pen.take(&state)
                return true
            }
            guard let mayWrite else { return (true, .init()) }
            guard mayWrite else { return (false, .init()) }
            do throws(FileFault) {
                try pen.write(files)
            } catch {
                pen.fault = error.code
                return (false, .init())
            }
            return (true, state.withLock { pen.complete(&$0, configuration.durability) })
        }
        outcome?.completed.tell(self)
        return outcome?.isWritten
    }

    func wakeWriter() {
        let mustWake = state.withLock { state in
            defer { state.isParked = false }
            return state.isParked
        }
        if mustWake { wake.post() }
    }
}
