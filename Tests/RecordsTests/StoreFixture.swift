import Snapshots
import Storage
import StorageTesting

@testable import Records

/// A journal and a store in a folder of their own.
struct StoreFixture: Sendable {
    let folder: TemporaryFolder
    let database: FaultyDatabase
    let store: RecordStore

    init(_ engine: StoreEngine) async throws {
        let opened = try await engine.makeStore()
        folder = opened.folder
        let main = try await opened.open()
        try await main.migrate(RecordMigrations.main, at: Samples.noon)
        database = FaultyDatabase(main)
        let partitions: any RecordPartitions =
            switch engine {
            case .sqlite: SQLiteRecordPartitions(folder: folder.path + "/records")
            // Not the one whose writes fail: in SQLite the months have files of their own too.
            case .postgres: PostgresRecordPartitions(database: main)
            }
        store = RecordStore(main: database, partitions: partitions)
    }

    func journal(
        files: any JournalFiles = SystemFiles(), notices: Notices = Notices(),
        _ change: (inout Journal.Configuration) -> Void = { _ in }
    ) throws -> Journal {
        var configuration = Journal.Configuration(folder: folder.path + "/journal")
        change(&configuration)
        return try Journal(configuration, files: files, notice: notices.add)
    }

    func writer(_ journal: Journal, notices: Notices = Notices()) -> RecordWriter {
        RecordWriter(journal: journal, store: store, notice: notices.add)
    }

    func all() async throws -> [Record] {
        try await store.tail(limit: 1_000_000)
    }

    func requests() async throws -> Int {
        try await store.usage(from: Day("2000-01-01")!, through: Day("2999-12-31")!).reduce(0) { $0 + $1.requests }
    }

    var segments: [UInt32] {
        get throws { Segment.numbers(in: try SystemFiles().names(in: folder.path + "/journal")) }
    }
}

/// What was reported.
final class Notices: Sendable {
    private let list = Lock([JournalNotice]())

    var all: [JournalNotice] { list.withLock { $0 } }

    @Sendable func add(_ notice: JournalNotice) {
        list.withLock { $0.append(notice) }
    }
}

/// A store whose next writes fail, before or after they are committed.
final class FaultyDatabase: Database {
    struct Fault: Error {}

    private let inner: any Database
    private let fault = Lock((isAfter: false, times: 0))

    init(_ inner: any Database) {
        self.inner = inner
    }

    var dialect: SQLDialect { inner.dialect }

    func fail(_ times: Int, isAfter: Bool) {
        fault.withLock { $0 = (isAfter, times) }
    }

    func read<Result: Sendable>(_ body: @escaping @Sendable (any Reader) throws -> Result) async throws -> Result {
        try await inner.read(body)
    }

    func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        let (isAfter, strikes) = fault.withLock { fault in
            defer { fault.times = max(0, fault.times - 1) }
            return (fault.isAfter, fault.times > 0)
        }
        if strikes, !isAfter { throw Fault() }
        let result = try await inner.write(body)
        if strikes { throw Fault() }
        return result
    }

    func changes() -> AsyncStream<Void> { inner.changes() }
    func close() async throws { try await inner.close() }
}
