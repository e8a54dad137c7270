import Dispatch
import Snapshots
import Storage
import StorageTesting
import Testing

@testable import Records

@Suite(
    "Partitions of PostgreSQL", .timeLimit(.minutes(10)),
    .enabled(if: PostgresServer.programs != nil, "no PostgreSQL server"))
struct PostgresPartitionTests {
    @Test("are made once, however many processes write a month's first record, and dropped while others are read")
    func madeOnce() async throws {
        let opened = try await StoreEngine.postgres.makeStore()
        let main = try await opened.open()
        try await main.migrate(RecordMigrations.main, at: Samples.noon)
        let months = try ["2026-10", "2026-11", "2026-12"].map { try #require(Month($0)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                let partitions = PostgresRecordPartitions(database: try await opened.open())
                for month in months { group.addTask { _ = try await partitions.store(for: month) } }
            }
            try await group.waitForAll()
        }
        let partitions = PostgresRecordPartitions(database: main)
        #expect(try await partitions.months() == months)
        try await partitions.drop(months[0])
        try await partitions.drop(months[0])
        #expect(try await partitions.months() == Array(months.dropFirst()))
    }

    @Test("of one month alone are read and written when that is asked for")
    func prunes() async throws {
        let opened = try await StoreEngine.postgres.makeStore()
        let main = try await opened.open()
        try await main.migrate(RecordMigrations.main, at: Samples.noon)
        let partitions = PostgresRecordPartitions(database: main)
        for month in ["2026-10", "2026-11"] { _ = try await partitions.store(for: try #require(Month(month))) }
        let month = try #require(Month("2026-11"))
        let plan: [String] = try await main.read { reader in
            try reader.query(
                "EXPLAIN SELECT id FROM records WHERE settled_at >= \(month.start.microseconds)"
            ).map { try $0["QUERY PLAN"] }
        }
        #expect(plan.contains { $0.contains("records_2026_11") })
        #expect(!plan.contains { $0.contains("records_2026_10") })
    }

    @Test("keep one order for all who write, so that nobody who follows it misses a record")
    func keepsOrder() async throws {
        let opened = try await StoreEngine.postgres.makeStore()
        let (main, other) = (try await opened.open(), try await opened.open())
        try await main.migrate(RecordMigrations.main, at: Samples.noon)
        let store = RecordStore(main: main, partitions: PostgresRecordPartitions(database: main))
        let records = (0..<2).map { _ in
            let admission = Samples.admission()
            return Record(admission: admission, settlement: Samples.settlement(of: admission)).storable
        }
        _ = try await store.partitions.store(for: Month(containing: records[0].settlement.at))
        let (isWritten, written) = AsyncStream.makeStream(of: Void.self)
        let release = DispatchSemaphore(value: 0)
        async let first: Void = main.write { transaction in
            try RecordRows.insert([records[0]], in: transaction)
            written.yield()
            release.wait()
        }
        for await _ in isWritten { break }
        let isSecondOver = Lock(false)
        async let second: Void = {
            try await other.write { try RecordRows.insert([records[1]], in: $0) }
            isSecondOver.withLock { $0 = true }
        }()
        let end = ContinuousClock.now + .seconds(20)
        while try await waitingCount(main) == 0, !isSecondOver.withLock(\.self), ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(10))
        }
        // The later one must not be seen before the earlier one is there.
        let seen = try await store.tail(limit: 10)
        release.signal()
        try await first
        try await second
        #expect(seen.isEmpty)
        #expect(try await store.tail(limit: 10).map(\.admission.record) == records.map(\.admission.record))
    }

    /// How many wait for a lock of the application's own.
    private func waitingCount(_ database: any Database) async throws -> Int {
        try await database.read {
            try $0.query(
                """
                SELECT COUNT(*) AS count
                FROM pg_locks
                WHERE locktype = 'advisory' AND NOT granted
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """)[0]["count"]
        }
    }
}
