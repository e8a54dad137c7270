import Dispatch
import Storage
import StorageTesting
import Testing

/// Servers whose processes stand still: their kernel accepts and acknowledges, and nobody answers.
@Suite(
    "A PostgreSQL server that hears and never answers", .serialized, .timeLimit(.minutes(10)),
    .enabled(if: PostgresServer.programs != nil, "no PostgreSQL server"))
struct PostgresSilenceTests {
    private static var options: PostgresOptions {
        var options = PostgresOptions()
        options.statementTimeout = .milliseconds(300)
        options.answerSlack = .milliseconds(200)
        options.connectTimeout = .seconds(2)
        options.pauseMax = .milliseconds(100)
        return options
    }

    /// Runs `body`, which pauses the server, and lets the server go on afterwards.
    private static func withServer(
        _ options: PostgresOptions = options, _ body: (PostgresServer, any Database) async throws -> Void
    ) async throws {
        let server = try await PostgresServer()
        let database = try await PostgresDatabase.open(server.address(), options: options)
        try await makeNumbers(database)
        do {
            try await body(server, database)
        } catch {
            try server.resume()
            throw error
        }
        try server.resume()
        try await awaitNumbers(in: database)
        try await database.close()
        try await server.stop()
    }

    /// Reads until the server is found to be back.
    private static func awaitNumbers(in database: any Database) async throws {
        let end = ContinuousClock.now + .seconds(20)
        while true {
            do {
                _ = try await numbers(database)
                return
            } catch StorageError.unavailable where ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private static func isUnavailable(_ body: () async throws -> Void) async throws -> Bool {
        do {
            try await body()
            return false
        } catch StorageError.unavailable {
            return true
        }
    }

    @Test("is given up, by those whose session it has as by those who want one, and found again")
    func isGivenUp() async throws {
        try await Self.withServer { server, database in
            let begin = ContinuousClock.now
            let isFirstUnavailable = try await Self.isUnavailable {
                try await database.read { reader in
                    try server.pause()
                    _ = try reader.query("SELECT 1 AS one")
                }
            }
            let isSecondUnavailable = try await Self.isUnavailable { _ = try await numbers(database) }
            #expect(isFirstUnavailable && isSecondUnavailable)
            // Half a second for the statement, two for the connection.
            #expect(ContinuousClock.now - begin < .seconds(10))
        }
    }

    @Test("is given up also while it does not take what is sent")
    func isGivenUpWhileSending() async throws {
        try await Self.withServer { server, database in
            // More than the kernel keeps for it.
            let text = String(repeating: "x", count: 32 << 20)
            let isUnavailable = try await Self.isUnavailable {
                try await database.read { reader in
                    try server.pause()
                    _ = try reader.query("SELECT length($1) AS length", [text])
                }
            }
            #expect(isUnavailable)
        }
    }

    @Test("makes a commit's fate unknown, and nothing else")
    func losesCommit() async throws {
        try await Self.withServer { server, database in
            do {
                try await database.write { transaction in
                    try transaction.execute("INSERT INTO numbers (number) VALUES (1)")
                    try server.pause()
                }
                Issue.record("It was committed.")
            } catch StorageError.commitUnknown {}
        }
    }

    @Test("keeps nobody from closing the store")
    func letsClose() async throws {
        let server = try await PostgresServer()
        let database = try await PostgresDatabase.open(server.address(), options: Self.options)
        try await makeNumbers(database)
        try server.pause()
        let begin = ContinuousClock.now
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { _ = try? await numbers(database) } }
            try? await database.close()
        }
        #expect(ContinuousClock.now - begin < .seconds(20))
        try server.resume()
        try await server.stop()
    }

    @Test("keeps no reader whose task is cancelled")
    func letsReadersGo() async throws {
        // So long that the test would not end in time.
        var options = PostgresOptions()
        options.statementTimeout = .seconds(600)
        let server = try await PostgresServer()
        let database = try await PostgresDatabase.open(server.address(), options: options)
        try server.pause()
        let reading = Task { try await database.read { try $0.query("SELECT 1 AS one").count } }
        try await Task.sleep(for: .milliseconds(200))
        reading.cancel()
        await #expect(throws: CancellationError.self) { try await reading.value }
        try server.resume()
        try await database.close()
        try await server.stop()
    }
}

@Suite(
    "Migrations beside others", .serialized, .timeLimit(.minutes(10)),
    .enabled(if: PostgresServer.programs != nil, "no PostgreSQL server"))
struct PostgresSchemaLockTests {
    @Test("say that another process changes the schema, once they have waited long enough")
    func endsWaiting() async throws {
        try await PostgresDatabaseTests.withDatabase {
            $0.schemaLockTimeout = .milliseconds(100)
            // Migrations have times of their own.
            $0.statementTimeout = .milliseconds(50)
        } _: { database, store in
            let migration = Migration(
                name: "20261124-1-slow", owner: "Test", sql: "CREATE TABLE slow (a BIGINT); SELECT pg_sleep(0.3);")
            let other = try await store.open()
            let (isHeld, held) = AsyncStream.makeStream(of: Void.self)
            let release = DispatchSemaphore(value: 0)
            async let holding: Void = other.write { transaction in
                try transaction.lockSchema(for: .brief)
                held.yield()
                release.wait()
            }
            for await _ in isHeld { break }
            await #expect(throws: StorageError.schemaBusy) { try await database.migrate([migration], at: .now) }
            release.signal()
            try await holding
            #expect(try await database.migrate([migration], at: .now) == [migration.name])
            try await other.close()
        }
    }
}
