import Foundation
import Logging
import ServiceLifecycle
import Storage
import StorageTesting
import Testing

@testable import Records

@Suite("The record writer", .timeLimit(.minutes(10)))
struct RecordWriterTests {
    private func settle(_ admissions: [Admission], in journal: Journal) throws {
        for admission in admissions { try journal.append(Samples.settlement(of: admission)) }
    }

    private func admit(_ count: Int, in journal: Journal) throws -> [Admission] {
        try (0..<count).map { _ in
            let admission = Samples.admission()
            _ = try journal.append(admission)
            return admission
        }
    }

    /// Waits until all that was appended is readable.
    private func flush(_ journal: Journal) async throws {
        let admission = Samples.admission()
        let settlement = Samples.settlement(of: admission, outcome: .refused)
        try await journal.written(try journal.append(refused: admission, settlement))
    }

    @Test("keeps every field of every record", arguments: StoreEngine.allCases, 0..<5 as Range<UInt64>)
    func keepsFields(_ engine: StoreEngine, seed: UInt64) async throws {
        let fixture = try await StoreFixture(engine)
        var generator = SeededGenerator(seed: seed)
        let journal = try fixture.journal()
        var records: [Record] = []
        for _ in 0..<50 {
            let admission = Samples.admission(using: &generator)
            let settlement = Samples.settlement(of: admission, using: &generator)
            if Bool.random(using: &generator) {
                _ = try journal.append(admission)
                try journal.append(settlement)
            } else {
                try journal.append(refused: admission, settlement)
            }
            records.append(Record(admission: admission, settlement: settlement))
        }
        journal.close()
        try await fixture.writer(journal).drain()
        let all = try await fixture.all()
        #expect(all.map(\.admission.record) == records.map(\.admission.record))
        for (stored, record) in zip(all, records) where record.fitsFrame {
            var expected = record.storable
            // It goes into sums.
            expected.admission.charge = nil
            #expect(stored == expected)
        }
        #expect(try await fixture.requests() == 50)
    }

    @Test(
        "follows with `tail` in the order of settling, whatever the order of admission", arguments: StoreEngine.allCases
    )
    func tail(_ engine: StoreEngine) async throws {
        let fixture = try await StoreFixture(engine)
        let journal = try fixture.journal()
        let writer = fixture.writer(journal)
        let admissions = try admit(6, in: journal)
        try settle([admissions[4], admissions[5]], in: journal)
        try await flush(journal)
        try await writer.drain()
        let last = try #require(try await fixture.store.tail(limit: 1).first)
        try settle([admissions[0], admissions[2]], in: journal)
        try await flush(journal)
        try await writer.drain()
        let next = try await fixture.store.tail(after: last.admission.record, limit: 2)
        #expect(next.map(\.admission.record) == [admissions[0].record, admissions[2].record])
        let filtered = try await fixture.store.tail(limit: 10, filter: RecordFilter(outcome: .refused))
        #expect(filtered.count == 2)
        journal.close()
    }

    @Test(
        "writes records and usage exactly once, whichever step of the store fails", arguments: StoreEngine.allCases,
        [false, true])
    func storeFails(_ engine: StoreEngine, isAfter: Bool) async throws {
        let fixture = try await StoreFixture(engine)
        let journal = try fixture.journal()
        let writer = fixture.writer(journal)
        try settle(try admit(10, in: journal), in: journal)
        journal.close()
        fixture.database.fail(1, isAfter: isAfter)
        await #expect(throws: FaultyDatabase.Fault.self) { try await writer.drain() }
        // Another process takes over, as after a crash.
        let next = try fixture.journal()
        let second = fixture.writer(next)
        fixture.database.fail(1, isAfter: isAfter)
        await #expect(throws: FaultyDatabase.Fault.self) { try await second.drain() }
        try await second.drain()
        #expect(try await fixture.all().count == 10)
        #expect(try await fixture.requests() == 10)
        next.close()
    }

    @Test(
        "closes what a crash left open as interrupted and charges it in full, once", arguments: StoreEngine.allCases,
        0..<3)
    func interrupted(_ engine: StoreEngine, failures: Int) async throws {
        let fixture = try await StoreFixture(engine)
        let journal = try fixture.journal()
        let admissions = try admit(4, in: journal)
        try settle([admissions[1]], in: journal)
        try await flush(journal)
        if failures > 1 { try await fixture.writer(journal).drain() }
        journal.close()
        let next = try fixture.journal()
        let writer = fixture.writer(next)
        for attempt in 0..<failures {
            fixture.database.fail(1, isAfter: attempt % 2 == 1)
            await #expect(throws: FaultyDatabase.Fault.self) { try await writer.drain() }
        }
        let live = try admit(1, in: next)
        try await flush(next)
        try await writer.drain()
        let all = try await fixture.all()
        let open = all.filter { $0.settlement.outcome == .interrupted }
        #expect(Set(open.map(\.admission.record)) == Set([0, 2, 3].map { admissions[$0].record }))
        #expect(open.allSatisfy { $0.settlement.inputTokens == 500 && $0.settlement.tokensEstimated })
        #expect(try await fixture.requests() == all.count)
        #expect(await writer.openCount == live.count)
        next.close()
    }

    @Test(
        "deletes segments although one exchange stays open, and still joins it when it ends, restart or not",
        arguments: StoreEngine.allCases)
    func longExchange(_ engine: StoreEngine) async throws {
        let fixture = try await StoreFixture(engine)
        let journal = try fixture.journal { $0.segmentBytesMax = 4_096 }
        let writer = fixture.writer(journal)
        let long = try admit(2, in: journal)
        for _ in 0..<20 {
            try settle(try admit(10, in: journal), in: journal)
            try await flush(journal)
            try await writer.drain()
        }
        #expect(try fixture.segments.count <= 2)
        try settle([long[0]], in: journal)
        try await flush(journal)
        try await writer.drain()
        journal.close()
        let record = try #require(try await fixture.store.record(long[0].record))
        #expect(record.admission == long[0] && record.settlement.outcome == .answered)
        let next = try fixture.journal()
        try await fixture.writer(next).drain()
        next.close()
        #expect(try await fixture.store.record(long[1].record)?.settlement.outcome == .interrupted)
        #expect(try await fixture.all().count == 223)
        #expect(try await fixture.requests() == 223)
    }

    @Test("begins anew with a journal that replaced a lost one", arguments: StoreEngine.allCases)
    func newJournal(_ engine: StoreEngine) async throws {
        let fixture = try await StoreFixture(engine)
        let first = try fixture.journal { $0.segmentBytesMax = 2_048 }
        try settle(try admit(50, in: first), in: first)
        first.close()
        try await fixture.writer(first).drain()
        for segment in try fixture.segments {
            try SystemFiles().remove(Segment.path(of: segment, in: fixture.folder.path + "/journal"))
        }
        try SystemFiles().remove(fixture.folder.path + "/journal/lock")
        let second = try fixture.journal()
        try settle(try admit(5, in: second), in: second)
        second.close()
        try await fixture.writer(second).drain()
        #expect(try await fixture.all().count == 55)
    }

    @Test(
        "keeps the journal within its bound while the store is away, then fails closed, then catches up",
        arguments: StoreEngine.allCases)
    func storeAway(_ engine: StoreEngine) async throws {
        let fixture = try await StoreFixture(engine)
        let journal = try fixture.journal {
            $0.bytesMax = 40_000
            $0.segmentBytesMax = 4_000
        }
        let writer = fixture.writer(journal)
        fixture.database.fail(1_000, isAfter: false)
        var count = 0
        await #expect(throws: JournalError.full) {
            while true {
                let admission = Samples.admission()
                try await journal.written(
                    try journal.append(refused: admission, Samples.settlement(of: admission, outcome: .refused)))
                count += 1
                if count % 50 == 0 { _ = try? await writer.drain() }
            }
        }
        #expect(journal.load.bytes <= 40_000)
        fixture.database.fail(2, isAfter: true)
        for _ in 0..<2 { await #expect(throws: FaultyDatabase.Fault.self) { try await writer.drain() } }
        try await writer.drain()
        #expect(try await fixture.all().count == count)
        #expect(try await fixture.requests() == count)
        #expect(journal.state == .healthy)
        try await flush(journal)
        journal.close()
    }

    @Test(
        "drops whole months that are older than retention allows, and keeps usage longer",
        arguments: StoreEngine.allCases)
    func retention(_ engine: StoreEngine) async throws {
        let fixture = try await StoreFixture(engine)
        let journal = try fixture.journal()
        for days in [0, 20, 40, 100, 400] {
            let admission = Samples.admission(at: Samples.noon.adding(.seconds(-86_400 * days)))
            try journal.append(refused: admission, Samples.settlement(of: admission))
        }
        journal.close()
        try await fixture.writer(journal).drain()
        let dropped = try await fixture.store.drop(
            outside: Retention(recordDays: 30, usageDays: 200), at: Samples.noon)
        #expect(dropped.map(\.description) == ["2025-10", "2026-08"])
        #expect(try await fixture.all().count == 3)
        #expect(try await fixture.requests() == 4)
        #expect(try await fixture.store.partitions.months().map(\.description) == ["2026-10", "2026-11"])
    }

    @Test("stops where another one follows the same journal", arguments: StoreEngine.allCases)
    func anotherFollower(_ engine: StoreEngine) async throws {
        let fixture = try await StoreFixture(engine)
        let journal = try fixture.journal()
        let (first, second) = (fixture.writer(journal), fixture.writer(journal))
        try settle(try admit(1, in: journal), in: journal)
        try await flush(journal)
        try await first.drain()
        try settle(try admit(1, in: journal), in: journal)
        try await flush(journal)
        try await second.drain()
        try settle(try admit(1, in: journal), in: journal)
        try await flush(journal)
        await #expect(throws: RecordWriterError.anotherFollower) { try await first.drain() }
        try await second.drain()
        #expect(try await fixture.requests() == 6)
        journal.close()
    }

    @Test("opens each month once, however many ask for it at the same time")
    func opensOnce() async throws {
        let fixture = try await StoreFixture(.sqlite)
        let partitions = SQLiteRecordPartitions(folder: fixture.folder.path + "/records")
        func open(_ month: Month, times: Int) async throws -> [ObjectIdentifier] {
            try await withThrowingTaskGroup(of: ObjectIdentifier.self) { group in
                for _ in 0..<times {
                    group.addTask {
                        let store = try await partitions.store(for: month)
                        return ObjectIdentifier(store as AnyObject)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        func handles() throws -> Int {
            let folder = "/proc/self/fd/"
            return try FileManager.default.contentsOfDirectory(atPath: folder).count { name in
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: folder + name)
                return target?.contains("\(fixture.folder.path)/records/") == true
            }
        }
        for month in try ["2026-10", "2026-11"].map({ try #require(Month($0)) }) {
            let stores = try await open(month, times: 8)
            #expect(stores.count == 8 && Set(stores).count == 1)
        }
        #expect(try handles() > 0)
        try await partitions.close()
        #expect(try handles() == 0)
    }

    @Test("writes what is left when it is told to end", arguments: StoreEngine.allCases)
    func service(_ engine: StoreEngine) async throws {
        let fixture = try await StoreFixture(engine)
        let journal = try fixture.journal()
        let service: any Service = RecordWriterService(writer: fixture.writer(journal))
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: service)], logger: Logger(label: "test")))
        async let running: Void = group.run()
        try settle(try admit(3, in: journal), in: journal)
        try await flush(journal)
        await group.triggerGracefulShutdown()
        try await running
        #expect(try await fixture.all().count == 4)
        journal.close()
    }
}

extension Record {
    /// Whether no text is so long that the journal cuts it.
    var fitsFrame: Bool {
        let texts =
            [admission.model, admission.callerRequestID ?? ""]
            + [settlement.upstream, settlement.refusal, settlement.clause].map { $0 ?? "" }
            + (admission.promptFindings + settlement.completionFindings).flatMap {
                [$0.rule, $0.category, $0.clause ?? ""]
            }
        return texts.allSatisfy { $0.utf8.count <= FrameLimits.stringBytesMax }
    }
}
