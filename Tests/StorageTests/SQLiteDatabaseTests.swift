import Dispatch
import GRDBSQLite
import Glibc
import Storage
import StorageTesting
import Testing

@Suite("The SQLite engine", .timeLimit(.minutes(10)))
struct SQLiteDatabaseTests {
    /// A pragma's value on the connection that writes.
    static func pragma(_ name: String, of database: SQLiteDatabase) async throws -> SQLValue {
        try await database.write { try $0.query("PRAGMA \(name)")[0][name] }
    }

    @Test("syncs at each commit, in WAL mode, with foreign keys on")
    func isDurable() async throws {
        let folder = try TemporaryFolder()
        for _ in 0..<2 {
            let database = try SQLiteDatabase(path: folder.path + "/a.sqlite")
            #expect(try await Self.pragma("journal_mode", of: database) == .text("wal"))
            #expect(try await Self.pragma("synchronous", of: database) == .integer(2))
            #expect(try await Self.pragma("foreign_keys", of: database) == .integer(1))
            try await database.close()
        }
    }

    @Test("waits with opening for who looks at a store that is not in WAL mode yet")
    func waitsForReaders() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.sqlite"
        var reader: OpaquePointer?
        try #require(sqlite3_open(path, &reader) == SQLITE_OK)
        defer { sqlite3_close(reader) }
        for sql in ["CREATE TABLE a (b)", "BEGIN", "SELECT * FROM a"] {
            try #require(sqlite3_exec(reader, sql, nil, nil, nil) == SQLITE_OK)
        }
        var options = SQLiteDatabase.Options()
        options.busyTimeout = .milliseconds(50)
        #expect(throws: StorageError.busy) { try SQLiteDatabase(path: path, options: options) }
        await #expect(throws: StorageError.busy) { try await SQLiteDatabase.open(path: path, options: options) }
        async let opening = SQLiteDatabase.open(path: path)
        // As long as it takes to be refused some times.
        try await Task.sleep(for: .milliseconds(100))
        try #require(sqlite3_exec(reader, "COMMIT", nil, nil, nil) == SQLITE_OK)
        let database = try await opening
        #expect(try await Self.pragma("journal_mode", of: database) == .text("wal"))
        try await database.close()
    }

    @Test("makes a store with the pages that are asked for, and leaves those of one that is there")
    func makesPages() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.sqlite"
        var options = SQLiteDatabase.Options()
        for asked in [16_384, 4_096] {
            options.pageBytes = asked
            let database = try SQLiteDatabase(path: path, options: options)
            try await database.write { try $0.executeScript("CREATE TABLE IF NOT EXISTS a (b)") }
            #expect(try await Self.pragma("page_size", of: database) == .integer(16_384))
            // 4 MiB, whatever was asked for.
            #expect(try await Self.pragma("wal_autocheckpoint", of: database) == .integer(256))
            try await database.close()
        }
    }

    @Test("makes folders and files for their owner alone")
    func keepsOthersOut() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/data/records/2026-11.sqlite"
        let database = try SQLiteDatabase(path: path)
        try await makeNumbers(database)
        for (file, mode) in [
            ("", 0o600), ("-wal", 0o600), ("-shm", 0o600), ("/..", 0o700), ("/../..", 0o700),
        ] as [(String, mode_t)] {
            var status = stat()
            let target = file.hasPrefix("/") ? folder.path + "/data" + (file == "/.." ? "/records" : "") : path + file
            #expect(stat(target, &status) == 0)
            #expect(status.st_mode & 0o777 == mode, "\(target)")
        }
    }

    @Test("says which file it can't open", arguments: ["/proc/steward/a.sqlite", "/dev/null/a.sqlite"])
    func namesPath(_ path: String) {
        do {
            _ = try SQLiteDatabase(path: path)
            Issue.record("It was opened.")
        } catch StorageError.cannotOpen(let named, _) {
            #expect(named == path)
        } catch {
            Issue.record(error)
        }
    }

    @Test("refuses a file that is no store")
    func refusesOtherFiles() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.sqlite"
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
        let bytes = [UInt8](repeating: 0x41, count: 8_192)
        #expect(write(descriptor, bytes, bytes.count) == bytes.count)
        close(descriptor)
        #expect(throws: StorageError.corrupt("file is not a database")) { try SQLiteDatabase(path: path) }
    }

    @Test("reports a full disk, keeps what was there, and goes on when there is space")
    func reportsFullDisk() async throws {
        let folder = try TemporaryFolder()
        let database = try SQLiteDatabase(path: folder.path + "/a.sqlite")
        try await database.write {
            try $0.executeScript("CREATE TABLE blobs (number BIGINT PRIMARY KEY, payload BYTEA)")
            _ = try $0.query("PRAGMA max_page_count = 40")
        }
        let outcomes = await withTaskGroup(of: (Int, StorageError?).self) { group in
            for number in 0..<100 {
                group.addTask {
                    do {
                        try await database.write {
                            try $0.execute(
                                "INSERT INTO blobs (number, payload) VALUES ($1, $2)",
                                [number, [UInt8](repeating: 1, count: 3_000)])
                        }
                        return (number, nil)
                    } catch {
                        return (number, error as? StorageError ?? .closed)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(outcomes.compactMap(\.1)) == [.diskFull])
        let acknowledged = outcomes.filter { $0.1 == nil }.map(\.0).sorted()
        let stored: [Int] = try await database.read {
            try $0.query("SELECT number FROM blobs ORDER BY number").map { try $0["number"] }
        }
        #expect(!acknowledged.isEmpty)
        #expect(stored == acknowledged)
        try await database.write { _ = try $0.query("PRAGMA max_page_count = 4000") }
        try await database.write { try $0.execute("INSERT INTO blobs (number) VALUES (1000)") }
    }

    @Test("reports that another process holds the store, and goes on when it lets go")
    func reportsBusy() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.sqlite"
        let holder = try SQLiteDatabase(path: path)
        try await makeNumbers(holder)
        var options = SQLiteDatabase.Options()
        options.busyTimeout = .milliseconds(50)
        let database = try SQLiteDatabase(path: path, options: options)
        try await holdingWriter(of: holder) {
            await #expect(throws: StorageError.busy) {
                try await database.write { try $0.execute("INSERT INTO numbers (number) VALUES (1)") }
            }
            let found = try await numbers(database)
            #expect(found.isEmpty)
        }
        try await database.write { try $0.execute("INSERT INTO numbers (number) VALUES (1)") }
    }

    @Test("refuses writes beyond its bound, and does those it took")
    func boundsQueue() async throws {
        let folder = try TemporaryFolder()
        var options = SQLiteDatabase.Options()
        options.waitingWritesMax = 10
        let database = try SQLiteDatabase(path: folder.path + "/a.sqlite", options: options)
        try await makeNumbers(database)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            try await holdingWriter(of: database) {
                for number in 0..<30 {
                    group.addTask {
                        do {
                            try await database.write {
                                try $0.execute("INSERT INTO numbers (number) VALUES ($1)", [number])
                            }
                            return true
                        } catch StorageError.overloaded(waiting: 10) {
                            return false
                        }
                    }
                }
                for _ in 0..<20 {
                    let isDone = try await group.next()
                    #expect(isDone == false)
                }
            }
            for try await isDone in group { #expect(isDone) }
        }
        #expect(try await numbers(database).count == 10)
    }

    @Test("fails only the write whose deferred constraint breaks the common commit")
    func isolatesDeferredFailures() async throws {
        let folder = try TemporaryFolder()
        let database = try SQLiteDatabase(path: folder.path + "/a.sqlite")
        try await database.write {
            try $0.executeScript(
                """
                CREATE TABLE parents (id BIGINT PRIMARY KEY);
                INSERT INTO parents (id) VALUES (0);
                CREATE TABLE children (
                    number BIGINT PRIMARY KEY,
                    parent BIGINT NOT NULL REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED
                );
                """)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            try await holdingWriter(of: database) {
                for number in 0..<50 {
                    group.addTask {
                        do {
                            try await database.write {
                                try $0.execute(
                                    "INSERT INTO children (number, parent) VALUES ($1, $2)",
                                    [number, number == 25 ? 1 : 0])
                            }
                            #expect(number != 25)
                        } catch StorageError.constraint(.foreignKey, _) {
                            #expect(number == 25)
                        }
                    }
                }
                try await Task.sleep(for: .milliseconds(20))
            }
            try await group.waitForAll()
        }
        let count: Int = try await database.read { try $0.query("SELECT COUNT(*) AS count FROM children")[0]["count"] }
        #expect(count == 49)
    }

    /// Runs `body` while a write of `database` is under way.
    private func holdingWriter(
        of database: SQLiteDatabase, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Void
    ) async throws {
        let (isHeld, held) = AsyncStream.makeStream(of: Void.self)
        let release = DispatchSemaphore(value: 0)
        async let holding: Void = database.write { _ in
            held.yield()
            release.wait()
        }
        for await _ in isHeld { break }
        do {
            try await body()
        } catch {
            release.signal()
            try await holding
            throw error
        }
        release.signal()
        try await holding
    }
}
