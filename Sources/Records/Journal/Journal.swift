internal import Snapshots
internal import Storage

/// The local append-only log of admissions and settlements: what permits bytes to leave is written here first.
///
/// Callers append under a short lock and never wait for the disk. What has gathered is written with one `write`, then
/// whoever waits for it is resumed, all at once. Under `crash`, where that takes some microseconds, event loops write
/// themselves at the end of a turn (``writeNow()``); a thread of the journal's own does it under `power`, and where a disk
/// is slow or refuses.
///
/// ```
///   append ──► front buffer ──swap──► one pwrite ──► [power: fdatasync] ──► resume the waiters
///                                         └─ crash: a second thread syncs at least every 50 ms
/// ```
/// When the disk refuses, the batch and all that gathered meanwhile fail, as do new entries, until a probe gets
/// through again (ten tries in the first seconds, then one a second). The file is cut back to its last good frame
/// before anything else is written. An exchange whose settlement was refused is closed as `interrupted` then.
package final class Journal: Sendable {
    package struct Configuration: Sendable {
        package var folder: String
        package var durability: JournalDurability
        /// The bound on all segments; room for the settlements of open admissions is kept free.
        package var bytesMax: Int
        package var segmentBytesMax: Int
        /// The bound on entries that wait for the disk.
        package var bufferBytesMax: Int
        /// How long the writer lets entries gather while several exchanges are open, in microseconds: for as long as some
        /// sixteen take, within these bounds.
        package var lingerMicroseconds: ClosedRange<Int>
        /// How long entries may stay unsynced under `crash`, in microseconds, less the time that a sync takes.
        package var syncMicroseconds: Int
        /// Whether callers see to it that what they append is written, by ``Journal/writeNow()`` or ``Journal/written(_:)``.
        /// Otherwise each entry wakes the writer.
        package var isWrittenInTurns: Bool

        package init(
            folder: String, durability: JournalDurability = .crash, bytesMax: Int = 1 << 30,
            segmentBytesMax: Int = 64 << 20, bufferBytesMax: Int = 8 << 20,
            lingerMicroseconds: ClosedRange<Int> = 200...500,
            syncMicroseconds: Int = 35_000, isWrittenInTurns: Bool = false
        ) {
            self.folder = folder
            self.durability = durability
            self.bytesMax = bytesMax
            self.segmentBytesMax = segmentBytesMax
            self.bufferBytesMax = bufferBytesMax
            self.lingerMicroseconds = lingerMicroseconds
            self.syncMicroseconds = syncMicroseconds
            self.isWrittenInTurns = isWrittenInTurns
        }
    }

    package enum State: Sendable, Hashable {
        case healthy
        /// Entries are refused until the disk, or the store, is back.
        case failed(JournalError)
    }

    /// Kept free in the bound for each open exchange, so that what was admitted can be settled.
    static let settlementBytesReserved = 512

    let core: JournalCore
    private let threads: [OwnedThread]
    private let hasEnded = Lock(false)

    /// Opens the folder, cuts off a torn tail, and begins a new segment.
    ///
    /// - Throws: `inUse` if another process has the folder; `failed` if the disk refuses.
    package init(
        _ configuration: Configuration, files: any JournalFiles = SystemFiles(),
        notice: @escaping @Sendable (JournalNotice) -> Void = { _ in }
    ) throws(JournalError) {
        core = try JournalCore.open(configuration, files: files, notice: notice)
        let core = core
        var threads: [OwnedThread] = []
        threads.append(try OwnedThread.forJournal { JournalWriter(core: core).run() })
        if configuration.durability == .crash {
            threads.append(try OwnedThread.forJournal { JournalSyncer(core: core).run() })
        }
        self.threads = threads
    }

    deinit {
        close()
    }

    /// Writes what was appended, syncs, and ends the threads. Waits for them: not for the request path.
    package func close() {
        let isFirst = hasEnded.withLock { ended in
            defer { ended = true }
            return !ended
        }
        guard isFirst else { return }
        core.state.withLock { $0.isClosing = true }
        core.wake.post()
        core.syncWake.post()
        for thread in threads { thread.join() }
        core.end()
    }

    /// Whether entries are taken.
    package var state: State {
        core.state.withLock { state in
            if let failure = state.failure { return .failed(failure) }
            return core.isFull(state, adding: 0) ? .failed(.full) : .healthy
        }
    }

    /// Bytes of all segments on disk, and admissions that are open: for metrics.
    package var load: (bytes: Int, open: Int) {
        core.state.withLock { ($0.bytesOnDisk, $0.open) }
    }

    /// Appends an admission. Encodes; never waits for the disk.
    ///
    /// - Throws: `full`, `failed` or `closed`; then the exchange must not go on, and needs no settlement.
    package func append(_ admission: Admission) throws(JournalError) -> JournalPosition {
        try core.append(bytes: admission.encodedBytesMax + Journal.settlementBytesReserved) { state in
            state.front.append(admission)
            state.open += 1
        }
    }

    /// Appends the settlement of an admitted exchange; taken beyond the bound too.
    ///
    /// - Throws: `failed` or `closed`, and `full` above twice the buffer's bound; the record then says `interrupted`, and
    ///   nobody needs to try again.
    @discardableResult
    package func append(_ settlement: Settlement) throws(JournalError) -> JournalPosition {
        try core.append(settlement)
    }

    /// Appends an exchange that was refused or blocked before it went anywhere, as one entry.
    ///
    /// - Throws: `full`, `failed` or `closed`.
    @discardableResult
    package func append(
        refused admission: Admission, _ settlement: Settlement
    ) throws(JournalError) -> JournalPosition {
        try core.append(bytes: admission.encodedBytesMax + settlement.encodedBytesMax) { state in
            state.front.append(refused: admission, settlement)
        }
    }

    /// Whether entries are on record once a loop has written them at the end of its turn.
    package var isWrittenInTurns: Bool { core.configuration.isWrittenInTurns }

    /// Writes all that was appended so far, on the caller's thread: some microseconds. Where the disk was slow lately,
    /// refuses, or wants a new file, the journal's thread is told to. Waits for nobody.
    @discardableResult
    package func writeNow() -> JournalWriting { core.writeNow() }

    /// What became of an entry; `nil` if it is not written yet.
    package func result(of position: JournalPosition) -> Result<Void, JournalError>? {
        core.state.withLock { $0.completed >= position.sequence ? $0.result(of: position.sequence) : nil }
    }

    /// Returns once the entry is written (`crash`) or synced (`power`). Does not suspend if it already is.
    ///
    /// Resumes on the caller's executor. Waits for one batch of the disk; a cancelled caller waits as well.
    /// - Throws: `failed` if the disk refused the entry: its bytes must not leave.
    package nonisolated(nonsending) func written(_ position: JournalPosition) async throws(JournalError) {
        let sequence = position.sequence
        if let result = result(of: position) { return try result.get() }
        let wakeup = await withUnsafeContinuation { (waiter: Waiter) in
            core.enqueue(waiter, for: sequence)
        }
        wakeup.passOn()
        return try wakeup.result.get()
    }

    /// Up to where a reader may read.
    var readable: JournalOffset {
        core.state.withLock { $0.readable }
    }

    /// Deletes the segments before `segment`, which the store has taken; those in `damaged` are put aside as
    /// `….log.corrupt`, outside the bound, until ``dropDamaged(before:)``. Blocks on the disk: not for the request path.
    func discard(before segment: UInt32, damaged: Set<UInt32>) throws(FileFault) {
        let folder = core.configuration.folder
        let files = core.files
        for number in Segment.numbers(in: try files.names(in: folder)) where number < segment {
            let path = Segment.path(of: number, in: folder)
            let bytes = try files.size(of: path)
            if damaged.contains(number) {
                try files.rename(path, to: path + Self.damagedSuffix)
            } else {
                try files.remove(path)
            }
            core.state.withLock { $0.bytesOnDisk -= bytes }
        }
    }

    /// Deletes the damaged segments that were put aside and last written before `time`; returns their names. Blocks on
    /// the disk: not for the request path.
    func dropDamaged(before time: Timestamp) throws(FileFault) -> [String] {
        let folder = core.configuration.folder
        var dropped: [String] = []
        for name in try core.files.names(in: folder) where name.hasSuffix(".log" + Self.damagedSuffix) {
            let path = folder + "/" + name
            guard try core.files.writtenAt(path) < time else { continue }
            try core.files.remove(path)
            dropped.append(name)
        }
        return dropped
    }

    private static let damagedSuffix = ".corrupt"
}
