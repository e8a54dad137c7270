import Storage
import StorageTesting
import Testing

@Suite("A database")
struct DatabaseTests {
    @Test("binds parameters by number, whatever their order in the text", arguments: StoreEngine.allCases)
    func bindsByNumber(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            let row = try #require(
                try await database.write { transaction in
                    try transaction.executeScript("CREATE TABLE pairs (first TEXT, second TEXT, third TEXT)")
                    try transaction.execute(
                        "INSERT INTO pairs (third, second, first) VALUES ($3, $2, $1)", ["one", "two", "three"])
                    try transaction.execute(
                        "UPDATE pairs SET second = $2 WHERE first = $1 OR second = $2", ["one", "zwei"])
                    return try transaction.query("SELECT first, second, third FROM pairs").first
                })
            #expect(try row["first"] == "one")
            #expect(try row["second"] == "zwei")
            #expect(try row["third"] == "three")
        }
    }

    @Test("refuses arguments that don't match the parameters", arguments: StoreEngine.allCases)
    func refusesWrongArguments(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            await #expect(throws: StorageError.parameters(expected: 2, given: 1)) {
                try await database.read { try $0.query("SELECT $1, $2", ["one"]) }
            }
            await #expect(throws: StorageError.self) {
                try await database.read { try $0.query("SELECT $1, $3", ["one", "two"]) }
            }
            await #expect(throws: StorageError.self) {
                try await database.read { try $0.query("SELECT ?", ["one"]) }
            }
        }
    }

    @Test("returns every value as it was stored", arguments: StoreEngine.allCases)
    func roundTrips(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            let values: [SQLValue] = [
                .null, .integer(.min), .integer(0), .integer(.max), .double(0.1), .double(-.infinity),
                .double(.leastNonzeroMagnitude),
                .text(""), .text("a\\b\n'\"$1"), .text("Zoë 👩‍👩‍👧 \u{200B}"), .bytes([]), .bytes([0, 255, 0]),
                .bytes([UInt8](repeating: 7, count: 100_000)), .text(String(repeating: "ß", count: 50_000)),
            ]
            let found = try await database.read { reader in
                try values.map { try reader.query("SELECT $1 AS value", [$0])[0]["value"] as SQLValue }
            }
            #expect(found == values)
        }
    }

    @Test("stores a NUL inside a text as it is, or not at all", arguments: StoreEngine.allCases)
    func neverCutsText(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            do {
                let found: String = try await database.read {
                    try $0.query("SELECT $1 AS value", ["a\u{0}b"])[0]["value"]
                }
                #expect(found == "a\u{0}b")
            } catch StorageError.statement {
                #expect(engine == .postgres)
            }
        }
    }

    @Test("stores a batch as it stores rows one by one", arguments: StoreEngine.allCases)
    func storesBatches(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            let id = KeyID(at: Timestamp(microseconds: 1_795_000_000_123_456))
            let texts: [String?] = ["", nil, "a\\N\t\n'b", "Zoë 👩‍👩‍👧", String(repeating: "ß", count: 5_000)]
            let rows = try await database.write { transaction in
                try transaction.executeScript(
                    "CREATE TABLE batch (id TEXT, number BIGINT, note TEXT, at BIGINT, flag BIGINT)")
                // Numbers in another order than places.
                try transaction.execute(
                    "INSERT INTO batch (flag, at, note, number, id) VALUES ($5, $4, $3, $2, $1)",
                    rows: texts.count
                ) { row, arguments in
                    arguments.append(row == 2 ? nil : id)
                    arguments.append(row == 0 ? Int.min : row)
                    arguments.append(texts[row])
                    arguments.append(Timestamp(microseconds: -1))
                    arguments.append(row == 3)
                }
                return try transaction.query("SELECT id, number, note, at, flag FROM batch ORDER BY number")
            }
            #expect(try rows.map { try $0["note"] as String? } == texts)
            #expect(try rows.map { try $0["number"] as Int } == [.min, 1, 2, 3, 4])
            #expect(try rows.map { try $0["id"] as KeyID? } == [id, id, nil, id, id])
            #expect(try rows.map { try $0["at"] as Timestamp }.allSatisfy { $0.microseconds == -1 })
            #expect(try rows.map { try $0["flag"] as Bool } == [false, false, false, true, false])
        }
    }

    @Test(
        "refuses a batch whose arguments don't match the parameters, and one that breaks a constraint",
        arguments: StoreEngine.allCases)
    func refusesWrongBatches(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            try await database.write { try $0.executeScript("CREATE TABLE batch (number BIGINT PRIMARY KEY)") }
            for wrong in [[1, 2], []] {
                await #expect(throws: StorageError.self) {
                    try await database.write { transaction in
                        try transaction.execute("INSERT INTO batch VALUES ($1)", rows: 1) { _, arguments in
                            for number in wrong { arguments.append(number) }
                        }
                    }
                }
            }
            await #expect(throws: StorageError.self) {
                try await database.write { transaction in
                    try transaction.execute("INSERT INTO batch VALUES ($1)", rows: 3) { $1.append($0 % 2) }
                }
            }
            #expect(try await database.read { try $0.query("SELECT number FROM batch") }.isEmpty)
            try await database.write { transaction in
                try transaction.execute("INSERT INTO batch VALUES ($1)", rows: 2) { $1.append($0) }
            }
        }
    }

    @Test("stores times, ids, truth values and absent values", arguments: StoreEngine.allCases)
    func storesOurTypes(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            let time = Timestamp(microseconds: 1_795_000_000_123_456)
            let id = KeyID(at: time)
            let nothing: Timestamp? = nil
            let row = try await database.read { reader in
                try reader.query(
                    "SELECT $1 AS time, $2 AS id, $3 AS flag, $4 AS absent", [time, id, true, nothing])[0]
            }
            #expect(try row["time"] == time)
            #expect(try row["id"] == id)
            #expect(try row["id"] == id.description)
            #expect(try row["flag"] == true)
            #expect(try row["absent"] == nothing)
            #expect(throws: StorageError.unreadableValue(column: "absent", expected: "Timestamp", found: "NULL")) {
                try row["absent"] as Timestamp
            }
            #expect(throws: StorageError.self) { try row["id"] as ApplicationID }
            #expect(throws: StorageError.missingColumn("other")) { try row["other"] as Int }
        }
    }

    @Test("undoes a transaction that throws, and only that one", arguments: StoreEngine.allCases)
    func undoesFailures(_ engine: StoreEngine) async throws {
        struct Refused: Error {}
        try await engine.withDatabase { database in
            try await makeNumbers(database)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        do {
                            try await database.write { transaction in
                                try transaction.execute("INSERT INTO numbers (number) VALUES ($1)", [number])
                                if number % 3 == 0 { throw Refused() }
                            }
                            #expect(number % 3 != 0)
                        } catch is Refused {
                            #expect(number % 3 == 0)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let found = try await numbers(database)
            #expect(found == (0..<500).filter { $0 % 3 != 0 })
        }
    }

    @Test("tells which kind of constraint a change would break", arguments: StoreEngine.allCases)
    func namesConstraints(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            try await database.write {
                try $0.executeScript(
                    """
                    CREATE TABLE parents (
                        id BIGINT PRIMARY KEY, size BIGINT NOT NULL CHECK (size > 0), code TEXT UNIQUE
                    );
                    CREATE TABLE children (parent BIGINT NOT NULL REFERENCES parents (id));
                    INSERT INTO parents (id, size, code) VALUES (1, 1, 'a');
                    """)
            }
            let cases: [(String, StorageError.Constraint)] = [
                ("INSERT INTO parents (id, size) VALUES (1, 1)", .unique),
                ("INSERT INTO parents (id, size, code) VALUES (2, 1, 'a')", .unique),
                ("INSERT INTO parents (id, size) VALUES (2, 0)", .check),
                ("INSERT INTO parents (id, size) VALUES (2, NULL)", .notNull),
                ("INSERT INTO children (parent) VALUES (3)", .foreignKey),
            ]
            for (sql, expected) in cases {
                do {
                    _ = try await database.write { try $0.execute(sql) }
                    Issue.record("\(sql) was accepted.")
                } catch StorageError.constraint(let constraint, _) {
                    #expect(constraint == expected, "\(sql)")
                }
            }
        }
    }

    @Test("counts the rows a statement changed, also with RETURNING", arguments: StoreEngine.allCases)
    func countsRows(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            try await makeNumbers(database)
            try await database.write { transaction in
                #expect(try transaction.execute("INSERT INTO numbers (number) VALUES (1), (2), (3)") == 3)
                #expect(try transaction.execute("UPDATE numbers SET number = number + 10 WHERE number > $1", [1]) == 2)
                #expect(try transaction.execute("DELETE FROM numbers WHERE number = $1", [99]) == 0)
                #expect(try transaction.execute("SELECT number FROM numbers") == 0)
                let rows = try transaction.query("DELETE FROM numbers WHERE number > $1 RETURNING number", [5])
                #expect(rows.count == 2)
            }
        }
    }

    @Test("does not let a read change anything", arguments: StoreEngine.allCases)
    func readsOnly(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            try await makeNumbers(database)
            await #expect(throws: StorageError.readOnly) {
                try await database.read { try $0.query("INSERT INTO numbers (number) VALUES (1) RETURNING number") }
            }
        }
    }

    @Test("fails clearly once it is closed", arguments: StoreEngine.allCases)
    func failsWhenClosed(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            let changes = database.changes()
            try await database.close()
            for await _ in changes {}
            await #expect(throws: StorageError.closed) { try await database.write { try $0.execute("SELECT 1") } }
            await #expect(throws: StorageError.closed) { try await database.read { try $0.query("SELECT 1") } }
        }
    }
}

func makeNumbers(_ database: any Database) async throws {
    try await database.write { try $0.executeScript("CREATE TABLE numbers (number BIGINT PRIMARY KEY)") }
}

func numbers(_ database: any Database) async throws -> [Int] {
    try await database.read { reader in
        try reader.query("SELECT number FROM numbers ORDER BY number").map { try $0["number"] }
    }
}
