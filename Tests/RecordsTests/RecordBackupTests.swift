import Foundation
import Storage
import StorageTesting
import Testing

@testable import Records

@Suite("Backups", .serialized, .timeLimit(.minutes(10)))
struct RecordBackupTests {
    static let time = Samples.noon

    /// A table beside the records that has every kind of value, and one that names it.
    static let migrations =
        RecordMigrations.main + [
            Migration(
                name: "20261130-1-extra", owner: "Test",
                sql: """
                    CREATE TABLE b_parents (
                        id BIGINT PRIMARY KEY, note TEXT, bytes BYTEA, share DOUBLE PRECISION,
                        successor BIGINT REFERENCES b_parents (id)
                    );
                    CREATE TABLE a_children (parent BIGINT NOT NULL REFERENCES b_parents (id));
                    INSERT INTO b_parents (id, note) VALUES (0, 'made by the migration');
                    """)
        ]

    static func store(_ engine: StoreEngine) async throws -> (store: RecordStore, folder: TemporaryFolder) {
        let opened = try await engine.makeStore()
        let main = try await opened.open()
        let partitions: any RecordPartitions =
            engine == .sqlite
            ? SQLiteRecordPartitions(folder: opened.folder.path + "/records") : PostgresRecordPartitions(database: main)
        return (RecordStore(main: main, partitions: partitions), opened.folder)
    }

    /// - Parameter counts: Records of three months.
    static func fill(_ store: RecordStore, _ counts: [Int] = [3, 2, 1]) async throws -> [Record] {
        try await store.main.migrate(migrations, at: time)
        try await store.main.write { transaction in
            try transaction.execute("DELETE FROM b_parents")
            for (id, note) in ["", "a\tb\\n\nc\r", nil, "Zoë"].enumerated() {
                try transaction.execute(
                    "INSERT INTO b_parents (id, note, bytes, share, successor) VALUES ($1, $2, $3, $4, $5)",
                    [id, note, [UInt8](0..<UInt8(id * 50)), 0.1 * Double(id), id == 0 ? nil : id - 1])
                try transaction.execute("INSERT INTO a_children (parent) VALUES ($1)", [id])
            }
        }
        var generator = SeededGenerator(seed: 7)
        var records: [Record] = []
        for (index, count) in counts.enumerated() {
            let month = Month(containing: time.adding(.seconds(86_400 * 31 * index)))
            let made = (0..<count).map { index in
                var admission = Samples.admission(using: &generator)
                // It stands in sums, and in no record.
                admission.charge = nil
                var settlement = Samples.settlement(of: admission, using: &generator)
                settlement.at = month.start.adding(.milliseconds(index))
                return Record(admission: admission, settlement: settlement).storable
            }
            try await store.partitions.store(for: month).write { try RecordRows.insert(made, in: $0) }
            records += made
        }
        return records
    }

    static func rows(_ store: RecordStore) async throws -> [[SQLValue]] {
        try await store.main.read { reader in
            try reader.query("SELECT id, note, bytes, share, successor FROM b_parents ORDER BY id").map { row in
                try ["id", "note", "bytes", "share", "successor"].map { try row[$0] }
            }
        }
    }

    private static func restore(_ path: String, into store: RecordStore, isReplacing: Bool = false) async throws {
        try await store.restore(
            from: path, migrations: migrations, seeded: ["b_parents"], isReplacing: isReplacing, at: time,
            begin: { _ in }, finish: { _, _ in })
    }

    @Test(
        "give back what was there, on either engine, in one that had something else too",
        arguments: StoreEngine.allCases, StoreEngine.allCases)
    func roundTrips(_ source: StoreEngine, _ target: StoreEngine) async throws {
        let (store, folder) = try await Self.store(source)
        // More than a page is read, more than a batch written.
        let records = try await Self.fill(store, [2_010, 3, 2])
        let path = folder.path + "/a.backup"
        let rows = try await store.backUp(to: path, at: Self.time)
        // Four parents, four children and the records; progress and usage are empty.
        #expect(rows == 2_023)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)

        let (other, otherFolder) = try await Self.store(target)
        try await Self.restore(path, into: other)
        #expect(try await Self.rows(other) == Self.rows(store))
        let restored = try await other.tail(limit: 10_000)
        #expect(restored.map(\.admission.record) == records.map(\.admission.record))
        #expect(try await other.partitions.months().count == 3)

        await #expect(throws: BackupError.notEmpty) { try await Self.restore(path, into: other) }
        try await other.main.write { _ = try $0.execute("DELETE FROM a_children") }
        try await Self.restore(path, into: other, isReplacing: true)
        let again = try await other.backUp(to: otherFolder.path + "/b.backup", at: Self.time)
        #expect(again == rows)
    }

    @Test("go into a store that has its tables and no rows yet", arguments: StoreEngine.allCases)
    func takesMigratedStore(_ engine: StoreEngine) async throws {
        let (store, folder) = try await Self.store(engine)
        let records = try await Self.fill(store)
        let path = folder.path + "/a.backup"
        _ = try await store.backUp(to: path, at: Self.time)
        // Some of the migrations, or all.
        for migrations in [RecordMigrations.main, Self.migrations] {
            let (other, otherFolder) = try await Self.store(engine)
            try await other.main.migrate(migrations, at: Self.time)
            try await Self.restore(path, into: other)
            #expect(try await Self.rows(other) == Self.rows(store))
            #expect(try await other.tail(limit: 100).map(\.admission.record) == records.map(\.admission.record))
            await #expect(throws: BackupError.notEmpty) { try await Self.restore(path, into: other) }
            withExtendedLifetime(otherFolder) {}
        }
    }

    @Test("whose restoring was broken off are restored by doing it again", arguments: StoreEngine.allCases)
    func restoresAgain(_ engine: StoreEngine) async throws {
        struct BrokenOff: Error {}
        let (store, folder) = try await Self.store(engine)
        let records = try await Self.fill(store)
        let path = folder.path + "/a.backup"
        _ = try await store.backUp(to: path, at: Self.time)
        let (other, otherFolder) = try await Self.store(engine)
        await #expect(throws: BrokenOff.self) {
            try await other.restore(
                from: path, migrations: Self.migrations, seeded: ["b_parents"], isReplacing: false, at: Self.time,
                begin: { _ in }, finish: { _, _ in throw BrokenOff() })
        }
        // All records but no table: the last step was what failed.
        #expect(try await other.tail(limit: 100).count == records.count)
        #expect(try await other.main.read { try $0.query("SELECT parent FROM a_children").isEmpty })
        try await Self.restore(path, into: other)
        #expect(try await Self.rows(other) == Self.rows(store))
        #expect(try await other.tail(limit: 100).map(\.admission.record) == records.map(\.admission.record))
        withExtendedLifetime(otherFolder) {}
    }

    @Test("make no month that retention dropped meanwhile", arguments: StoreEngine.allCases)
    func makesNoMonth(_ engine: StoreEngine) async throws {
        let (store, folder) = try await Self.store(engine)
        _ = try await Self.fill(store)
        let months = try await store.partitions.months()
        let stale = RecordStore(
            main: store.main, partitions: StalePartitions(partitions: store.partitions, seen: months))
        try await store.partitions.drop(months[1])
        let rows = try await stale.backUp(to: folder.path + "/a.backup", at: Self.time)
        // Four parents, four children, four of six records.
        #expect(rows == 12)
        #expect(try await store.partitions.months() == [months[0], months[2]])
    }

    @Test("that are damaged or cut off change nothing", arguments: StoreEngine.allCases)
    func refusesDamage(_ engine: StoreEngine) async throws {
        let (store, folder) = try await Self.store(engine)
        _ = try await Self.fill(store)
        let path = folder.path + "/a.backup"
        _ = try await store.backUp(to: path, at: Self.time)
        let whole = try Data(contentsOf: URL(filePath: path))
        let (other, otherFolder) = try await Self.store(engine)
        var flipped = whole
        flipped[whole.count / 2] ^= 1
        let lines = whole.split(separator: 10, omittingEmptySubsequences: false)
        let twice = Data((lines.prefix(16) + [lines[15]] + lines.dropFirst(16)).joined(separator: [10]))
        for damaged in [Data(), whole.dropLast(), whole.prefix(whole.count / 2), flipped, twice, whole + whole] {
            let place = folder.path + "/damaged"
            try damaged.write(to: URL(filePath: place))
            await #expect(throws: BackupError.self) { try await Self.restore(place, into: other) }
        }
        #expect(try await other.main.appliedMigrations() == nil)
        withExtendedLifetime(otherFolder) {}
    }

    @Test("overwrite no file, and leave none when they fail")
    func leavesNothing() async throws {
        let (store, folder) = try await Self.store(.sqlite)
        _ = try await Self.fill(store)
        let path = folder.path + "/a.backup"
        _ = try await store.backUp(to: path, at: Self.time)
        await #expect(throws: BackupError.self) { _ = try await store.backUp(to: path, at: Self.time) }
        try await store.main.close()
        await #expect(throws: StorageError.closed) { _ = try await store.backUp(to: folder.path + "/b", at: Self.time) }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(names.filter { $0.hasPrefix("b") || $0.hasSuffix(".partial") }.isEmpty)
    }
}

/// Partitions whose months were looked up a while ago.
private struct StalePartitions: RecordPartitions {
    let partitions: any RecordPartitions
    let seen: [Month]

    func months() async throws -> [Month] { seen }
    func stores(from month: Month?) async throws -> [any Database] { try await partitions.stores(from: month) }
    func existingStore(for month: Month) async throws -> (any Database)? {
        try await partitions.existingStore(for: month)
    }
    func store(for month: Month) async throws -> any Database { try await partitions.store(for: month) }
    func drop(_ month: Month) async throws { try await partitions.drop(month) }
    func close() async throws { try await partitions.close() }
}
