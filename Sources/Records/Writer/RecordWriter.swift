internal import Snapshots
internal import Storage

/// Brings what the journal has into the store, in batches; the journal's segments go when they are there.
///
/// ```
///   journal ──frames──► join admissions and settlements ──► 1. records of each month   (idempotent, by id)
///                                                          2. usage, progress, parked  (one transaction)
///                                                          3. delete older segments
/// ```
/// A crash between 1 and 2 repeats both: the records are there already, and usage is added once, because it is added
/// with the progress. When the store is away, the batch waits and is tried again; the journal's bound does the rest.
///
/// Used by one task: ``RecordWriterService``, or a test.
package actor RecordWriter {
    private let journal: Journal
    private let store: RecordStore
    private let notice: @Sendable (JournalNotice) -> Void
    private var reader: JournalReader
    private var open = OpenExchanges()
    private var progress = RecordProgress.start
    private var hasLoaded = false
    private var hasClosedInterrupted = false
    /// Whether the last time took about as long as there is between two, or failed, or there is a journal of before to read.
    private var isBehind = true
    /// Of one time. More, and it is behind: the store was away, or has yet to see what an earlier process left.
    private static let pausingBatchesMax = 2
    /// Read and joined, not yet in the store.
    private var pending: RecordBatch?

    package init(
        journal: Journal, store: RecordStore, notice: @escaping @Sendable (JournalNotice) -> Void = { _ in }
    ) {
        self.journal = journal
        self.store = store
        self.notice = notice
        reader = JournalReader(
            folder: journal.core.configuration.folder, files: journal.core.files, from: RecordProgress.start.replay,
            notice: notice)
    }

    /// Admissions read, not yet settled: for metrics and tests.
    package var openCount: Int { open.count }

    /// Whether what an earlier process left in the journal is in the store, exchanges that it broke off too.
    package private(set) var hasCaughtUp = false

    /// Takes all that is in the journal now; returns how many records it wrote.
    ///
    /// - Throws: `StorageError`, `FileFault` or `RecordWriterError`. Nothing is lost then: call again.
    @discardableResult
    package func drain() async throws -> Int {
        if !hasLoaded { try await load() }
        let begin = ContinuousClock.now
        var pausingBatches = isBehind ? 0 : Self.pausingBatchesMax
        // Until this time has come to its end.
        isBehind = true
        var written = try await writePending(pauses: false)
        // What comes meanwhile waits for the next time, so that a busy gateway's records share transactions.
        let readable = journal.readable
        while true {
            let end = hasClosedInterrupted ? readable : journal.core.begin
            if let batch = try nextBatch(before: end) {
                pending = batch
            } else if !hasClosedInterrupted {
                pending = interruptedBatch()
                hasClosedInterrupted = true
            } else {
                isBehind = !hasCaughtUp || ContinuousClock.now - begin > .milliseconds(150)
                hasCaughtUp = true
                return written
            }
            written += try await writePending(pauses: pausingBatches > 0)
            pausingBatches -= 1
        }
    }

    private func load() async throws {
        let identity = journal.core.identity
        let (progress, parked) = try await store.main.read { reader in
            (try RecordProgress.load(identity, in: reader), try RecordProgress.parked(identity, in: reader))
        }
        self.progress = progress
        for admission in parked { open.restore(admission) }
        reader = JournalReader(
            folder: journal.core.configuration.folder, files: journal.core.files, from: progress.replay, notice: notice)
        hasLoaded = true
    }

    /// The next frames, joined; `nil` if there are none.
    private func nextBatch(before end: JournalOffset) throws(FileFault) -> RecordBatch? {
        var batch = RecordBatch()
        let done = progress.done
        let hasMoved = try reader.next(before: end) { frame, offset in
            // What lies before `done` was written before; it only says what is open.
            if case .record(let record, let wasParked) = open.take(frame, at: offset), offset >= done {
                batch.add(record, wasParked: wasParked)
            }
        }
        guard hasMoved else { return nil }
        batch.parking = open.park(before: reader.offset.segment)
        // While replay has not come to `done`, more may be open than was seen so far.
        batch.progress = RecordProgress(
            done: max(done, reader.offset), replay: min(open.replayFrom ?? reader.offset, reader.offset))
        return batch
    }

    /// Closes what an earlier process left open.
    private func interruptedBatch() -> RecordBatch {
        var batch = RecordBatch()
        let (records, parked) = open.interruptAll()
        for record in records { batch.add(record, wasParked: false) }
        batch.unparking = parked
        // Behind this process's first header, so that it differs from where the last frame before left it.
        let begin = JournalOffset(segment: journal.core.begin.segment, byte: Segment.headerBytes)
        let done = max(progress.done, begin)
        batch.progress = RecordProgress(done: done, replay: done)
        return batch
    }

    private func writePending(pauses: Bool) async throws -> Int {
        guard let batch = pending else { return 0 }
        let backstage = RecordRows.backstage(pauses: pauses)
        for (month, records) in batch.months {
            let partition = try await store.partitions.store(for: month)
            try await partition.write { transaction in
                try RecordRows.insert(records, in: transaction, backstage: backstage)
            }
        }
        let identity = journal.core.identity
        let previous = progress
        try await store.main.write { transaction in
            let stored = try RecordProgress.load(identity, in: transaction)
            // An earlier try was committed although it failed.
            if stored == batch.progress { return }
            guard stored == previous else { throw RecordWriterError.anotherFollower }
            try batch.usage.save(in: transaction)
            try batch.spending.save(in: transaction)
            for admission in batch.parking { try RecordProgress.park(admission, of: identity, in: transaction) }
            for record in batch.unparking { try RecordProgress.unpark(record, in: transaction) }
            try batch.progress.save(identity, in: transaction)
        }
        progress = batch.progress
        pending = nil
        try journal.discard(before: progress.replay.segment, damaged: reader.damaged)
        return batch.count
    }
}

/// What one round brings to the store.
struct RecordBatch: Sendable {
    /// Mostly one.
    private(set) var months: [(month: Month, records: [Record])] = []
    private(set) var usage = UsageSums()
    private(set) var spending = SpendingSums()
    private(set) var count = 0
    var parking: [Admission] = []
    var unparking: [RecordID] = []
    var progress = RecordProgress.start

    mutating func add(_ record: consuming Record, wasParked: Bool) {
        record.makeStorable()
        let month = Month(containing: record.settlement.at)
        if months.last?.month != month, let index = months.firstIndex(where: { $0.month == month }) {
            months.swapAt(index, months.count - 1)
        } else if months.last?.month != month {
            months.append((month, []))
        }
        usage.add(record)
        spending.add(record)
        if wasParked { unparking.append(record.admission.record) }
        count += 1
        months[months.count - 1].records.append(record)
    }
}
