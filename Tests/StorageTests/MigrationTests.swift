import Storage
import StorageTesting
import Testing

@Suite("Migrations")
struct MigrationTests {
    static let now = Timestamp(microseconds: 1_795_000_000_000_000)
    static let first = Migration(name: "20261124-1-a", owner: "Test", sql: "CREATE TABLE a (id BIGINT);")
    static let second = Migration(
        name: "20261124-2-b", owner: "Test", sql: "ALTER TABLE a ADD COLUMN b BIGINT; CREATE INDEX a_b ON a (b);")
    static let tenth = Migration(
        name: "20261124-10-c", owner: "Test", sql: "ALTER TABLE a ADD COLUMN c BIGINT; CREATE INDEX a_c ON a (b, c);")

    @Test("are applied in the order of their days and numbers, once", arguments: StoreEngine.allCases)
    func appliesInOrder(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            let applied = try await database.migrate([Self.tenth, Self.second, Self.first], at: Self.now)
            #expect(applied == ["20261124-1-a", "20261124-2-b", "20261124-10-c"])
            #expect(try await database.migrate([Self.first, Self.second, Self.tenth], at: Self.now).isEmpty)
        }
    }

    @Test("are refused when a released text changed", arguments: StoreEngine.allCases)
    func refusesChanges(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            try await database.migrate([Self.first], at: Self.now)
            let changed = Migration(name: Self.first.name, owner: "Test", sql: "CREATE TABLE a (id BIGINT) ;")
            await #expect(throws: StorageError.changedMigration(Self.first.name)) {
                try await database.migrate([changed, Self.second], at: Self.now)
            }
            #expect(try await database.migrate([Self.first, Self.second], at: Self.now) == [Self.second.name])
        }
    }

    @Test("of a newer version are refused if they contract", arguments: StoreEngine.allCases)
    func refusesNewer(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            let contracting = Migration(name: "20261124-3-a-contract", owner: "Test", sql: "DROP INDEX a_b;")
            try await database.migrate([Self.first, Self.second, contracting], at: Self.now)
            await #expect(throws: StorageError.newerStore(migrations: [contracting.name])) {
                try await database.migrate([Self.first, Self.second], at: Self.now)
            }
        }
    }

    @Test("of a newer version that expand let an older one go on", arguments: StoreEngine.allCases)
    func toleratesExpansion(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            try await database.migrate([Self.first, Self.second], at: Self.now)
            #expect(try await database.migrate([Self.first], at: Self.now).isEmpty)
            try await database.write { try $0.execute("INSERT INTO a (id) VALUES (1)") }
        }
    }

    @Test("that fail leave nothing behind, and keep those before", arguments: StoreEngine.allCases)
    func undoesFailures(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            let wrong = Migration(
                name: "20261124-2-wrong", owner: "Test",
                sql: "CREATE TABLE w (id BIGINT); INSERT INTO missing VALUES (1);")
            await #expect(throws: StorageError.self) { try await database.migrate([Self.first, wrong], at: Self.now) }
            let again = try await database.migrate([Self.first], at: Self.now)
            #expect(again.isEmpty)
            await #expect(throws: StorageError.self) {
                try await database.read { try $0.query("SELECT id FROM w") }
            }
        }
    }

    @Test("are applied once when many processes start together", arguments: StoreEngine.allCases)
    func appliesOnceTogether(_ engine: StoreEngine) async throws {
        try await engine.withStore { store in
            let all = [Self.first, Self.second, Self.tenth]
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<6 {
                    group.addTask { try await store.open().migrate(all, at: Self.now) }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(applied.sorted() == all.map(\.name).sorted())
        }
    }

    @Test("have one digest for each text", arguments: SQLDialect.allCases)
    func digests(_ dialect: SQLDialect) {
        let migration = Migration(name: "20261124-1-a", owner: "Test", sqlite: "abc", postgres: "abc")
        // The test vector of FIPS 180-2, appendix B.1.
        #expect(
            migration.digest(for: dialect)
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
