import Dispatch
import Storage
import StorageTesting
import Testing

@Suite(
    "The PostgreSQL engine", .serialized, .timeLimit(.minutes(10)),
    .enabled(if: PostgresServer.programs != nil, "no PostgreSQL server"))
struct PostgresDatabaseTests {
    /// Runs `body` with a handle on an empty database.
    static func withDatabase(
        _ change: (inout PostgresOptions) -> Void = { _ in },
        _ body: (any Database, TestStore) async throws -> Void
    ) async throws {
        var options = PostgresOptions()
        change(&options)
        try await StoreEngine.postgres.withStore { store in
            let database = try await store.open(options)
            try await body(database, store)
            try await database.close()
        }
    }

    /// Runs `body` while all of `connections` are busy.
    static func holding(
        _ connections: Int, of database: any Database, _ body: () async throws -> Void
    ) async throws {
        let (isHeld, held) = AsyncStream.makeStream(of: Void.self)
        let release = DispatchSemaphore(value: 0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<connections {
                group.addTask {
                    try await database.read { _ in
                        held.yield()
                        release.wait()
                    }
                }
            }
            var count = 0
            for await _ in isHeld {
                count += 1
                if count == connections { break }
            }
            let result = await Result { try await body() }
            for _ in 0..<connections { release.signal() }
            try await group.waitForAll()
            try result.get()
        }
    }

    @Test("refuses work beyond its bound, and does what it took")
    func boundsQueue() async throws {
        try await Self.withDatabase {
            $0.connectionsMax = 2
            $0.waitingMax = 5
        } _: { database, _ in
            try await makeNumbers(database)
            try await withThrowingTaskGroup(of: Bool.self) { group in
                try await Self.holding(2, of: database) {
                    for number in 0..<12 {
                        group.addTask {
                            do {
                                try await database.write {
                                    try $0.execute("INSERT INTO numbers (number) VALUES ($1)", [number])
                                }
                                return true
                            } catch StorageError.overloaded(waiting: 5) {
                                return false
                            }
                        }
                    }
                    for _ in 0..<7 {
                        let isDone = try await group.next()
                        #expect(isDone == false)
                    }
                }
                for try await isDone in group { #expect(isDone) }
            }
            #expect(try await numbers(database).count == 5)
        }
    }

    @Test("undoes a statement that takes too long, and goes on")
    func timesOut() async throws {
        try await Self.withDatabase {
            $0.statementTimeout = .milliseconds(100)
        } _: { database, _ in
            await #expect(throws: StorageError.timedOut) {
                try await database.read { try $0.query("SELECT pg_sleep(60) AS slept") }
            }
            let one: Int = try await database.read { try $0.query("SELECT 1 AS one")[0]["one"] }
            #expect(one == 1)
        }
    }

    @Test("runs transactions again that the server undid for one another's sake")
    func retriesConflicts() async throws {
        try await Self.withDatabase { database, _ in
            try await database.write {
                try $0.executeScript("CREATE TABLE sums (sum BIGINT NOT NULL); INSERT INTO sums (sum) VALUES (0);")
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        for _ in 0..<10 {
                            try await database.write { transaction in
                                let sum: Int = try transaction.query("SELECT sum FROM sums")[0]["sum"]
                                try transaction.execute("UPDATE sums SET sum = $1", [sum + 1])
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await database.read { try $0.query("SELECT sum FROM sums")[0]["sum"] as Int } == 80)
        }
    }

    @Test("does not commit what a failed statement left, whatever the caller makes of the failure")
    func undoesSwallowedFailures() async throws {
        try await Self.withDatabase { database, _ in
            try await makeNumbers(database)
            await #expect(throws: StorageError.self) {
                try await database.write { transaction in
                    try transaction.execute("INSERT INTO numbers (number) VALUES (1)")
                    _ = try? transaction.execute("INSERT INTO numbers (number) VALUES (1)")
                }
            }
            #expect(try await numbers(database).isEmpty)
        }
    }

    @Test("puts no stored value into an error")
    func hidesValues() async throws {
        try await Self.withDatabase { database, _ in
            try await database.write { try $0.executeScript("CREATE TABLE t (a TEXT UNIQUE CHECK (length(a) < 20))") }
            let secret = "sk-secret"
            try await database.write { try $0.execute("INSERT INTO t (a) VALUES ($1)", [secret]) }
            for (sql, value) in [
                ("INSERT INTO t (a) VALUES ($1)", secret), ("INSERT INTO t (a) VALUES ($1)", secret + secret + secret),
                ("SELECT CAST($1 AS BIGINT)", secret),
            ] {
                do {
                    _ = try await database.write { try $0.query(sql, [value]) }
                    Issue.record("\(sql) was accepted.")
                } catch {
                    #expect(!"\(error)".contains(secret))
                }
            }
        }
    }

    @Test("fails while the server is away, and is at work again when it is back, without being opened again")
    func reconnects() async throws {
        let server = try await PostgresServer()
        var options = PostgresOptions()
        options.pauseMax = .milliseconds(100)
        let database = try await PostgresDatabase.open(server.address(), options: options)
        try await makeNumbers(database)
        for round in 0..<2 {
            var changes = database.changes().makeAsyncIterator()
            try await server.stop()
            do {
                try await database.write { try $0.execute("INSERT INTO numbers (number) VALUES (-1)") }
                Issue.record("It wrote without a server.")
            } catch StorageError.unavailable {}
            try await server.start()
            // Something may have been missed.
            await changes.next()
            try await Self.insert(round, into: database)
        }
        #expect(try await numbers(database) == [0, 1])
        try await database.close()
        try await server.stop()
    }

    /// Tries until the server is back.
    private static func insert(_ number: Int, into database: any Database) async throws {
        let end = ContinuousClock.now + .seconds(20)
        while true {
            do {
                try await database.write { try $0.execute("INSERT INTO numbers (number) VALUES ($1)", [number]) }
                return
            } catch StorageError.unavailable where ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    @Test("loses nothing that it acknowledged when the server is killed in between")
    func survivesCrashes() async throws {
        let server = try await PostgresServer()
        let database = try await PostgresDatabase.open(server.address())
        try await makeNumbers(database)
        let acknowledged = try await withThrowingTaskGroup(of: [Int].self) { group in
            for writer in 0..<4 {
                group.addTask {
                    var written: [Int] = []
                    for number in 0..<10_000 {
                        do {
                            try await database.write {
                                try $0.execute(
                                    "INSERT INTO numbers (number) VALUES ($1)", [number * 4 + writer])
                            }
                            written.append(number * 4 + writer)
                        } catch StorageError.unavailable {
                            return written
                        } catch StorageError.commitUnknown {
                            return written
                        }
                    }
                    return written
                }
            }
            try await Task.sleep(for: .milliseconds(300))
            try await server.stop()
            return try await group.reduce(into: []) { $0 += $1 }
        }
        try await server.start()
        let again = try await PostgresDatabase.open(server.address())
        let stored = Set(try await numbers(again))
        #expect(!acknowledged.isEmpty)
        #expect(Set(acknowledged).subtracting(stored).isEmpty)
        // Of each writer one may be there whose acknowledgement was lost.
        #expect(stored.count <= acknowledged.count + 4)
        try await again.close()
        try await database.close()
        try await server.stop()
    }

    @Test("says why it can't connect, without the password")
    func hidesPassword() async throws {
        let address = try PostgresAddress("postgres://steward:hunter2@127.0.0.1:1/none?password=hunter3")
        #expect("\(address)" == "postgres://steward:[secret]@127.0.0.1:1/none")
        do {
            _ = try await PostgresDatabase.open(address)
            Issue.record("It connected.")
        } catch StorageError.unavailable(let reason) {
            #expect(reason.contains("127.0.0.1"))
            #expect(!reason.contains("hunter"))
        }
    }

    @Test("refuses what is no address", arguments: ["", "mysql://a/b", "postgres://a b/c", "postgres://[::1/x"])
    func refusesAddresses(_ text: String) {
        #expect(throws: PostgresAddress.Complaint.self) { try PostgresAddress(text) }
    }

    @Test("lets go of threads and connections when it is closed or forgotten", arguments: [true, false])
    func letsGo(isClosed: Bool) async throws {
        try await StoreEngine.postgres.withStore { store in
            var options = PostgresOptions()
            options.connectionsMax = 1
            let observer = try await store.open(options)
            func sessions() async throws -> Int {
                try await observer.read {
                    try $0.query(
                        """
                        SELECT COUNT(*) AS count
                        FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid() AND query <> 'LISTEN steward'
                        """)[0]["count"]
                }
            }
            var database: (any Database)? = try await store.open()
            if let database {
                try await Self.holding(3, of: database) {
                    let count = try await sessions()
                    #expect(count == 3)
                }
                if isClosed { try await database.close() }
            }
            database = nil
            let end = ContinuousClock.now + .seconds(10)
            while try await sessions() > 0, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(10)) }
            #expect(try await sessions() == 0)
        }
    }

    @Test("writes batches of many rows and wide values")
    func writesLargeBatches() async throws {
        try await Self.withDatabase { database, _ in
            try await database.write { transaction in
                try transaction.executeScript(
                    "CREATE TABLE wide (number BIGINT PRIMARY KEY, small INTEGER, note TEXT, share DOUBLE PRECISION)")
                try transaction.execute(
                    "INSERT INTO wide (note, number, small, share) VALUES ($2, $1, $3, $4) ON CONFLICT DO NOTHING",
                    rows: 5_002
                ) { index, row in
                    let number = index < 5_000 ? index : 17
                    row.append(number)
                    row.append(number % 3 == 0 ? nil : String(repeating: "x", count: number))
                    row.append(-number)
                    row.append(number)
                }
            }
            let row = try await database.read {
                try $0.query(
                    """
                    SELECT COUNT(*) AS count, SUM(small) AS small, SUM(length(note)) AS length, COUNT(note) AS notes,
                        MAX(share) AS share
                    FROM wide
                    """)[0]
            }
            #expect(try row["count"] == 5_000)
            #expect(try row["small"] == -12_497_500)
            #expect(try row["notes"] == 3_333)
            #expect(try row["share"] == 4_999.0)
            #expect(try row["length"] == (0..<5_000).filter { $0 % 3 != 0 }.reduce(0, +))
            await #expect(throws: StorageError.self) {
                try await database.write { transaction in
                    try transaction.execute("INSERT INTO wide (number, small) VALUES ($1, $2)", rows: 1) { _, row in
                        row.append(1 << 40)
                        row.append(1 << 40)
                    }
                }
            }
        }
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
