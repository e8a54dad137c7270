import Storage
import StorageTesting
import Testing

@Suite("Changes", .timeLimit(.minutes(10)))
struct ChangeTests {
    @Test("of this process and of another are told", arguments: StoreEngine.allCases, [true, false])
    func tells(_ engine: StoreEngine, byAnother: Bool) async throws {
        try await engine.withStore { store in
            let database = try await store.open()
            try await makeNumbers(database)
            let writer = byAnother ? try await store.open() : database
            for number in 0..<3 {
                var changes = database.changes().makeAsyncIterator()
                try await writer.write { try $0.execute("INSERT INTO numbers (number) VALUES ($1)", [number]) }
                await changes.next()
                #expect(try await numbers(database).last == number)
            }
        }
    }

    @Test("are told as few when they are many", arguments: StoreEngine.allCases)
    func coalesces(_ engine: StoreEngine) async throws {
        try await engine.withDatabase { database in
            try await makeNumbers(database)
            let changes = database.changes()
            for number in 0..<100 {
                try await database.write { try $0.execute("INSERT INTO numbers (number) VALUES ($1)", [number]) }
            }
            try await database.close()
            var told = 0
            for await _ in changes { told += 1 }
            #expect((1...1).contains(told))
        }
    }

    @Test("that were undone are not told", arguments: StoreEngine.allCases)
    func skipsReads(_ engine: StoreEngine) async throws {
        try await engine.withStore { store in
            let database = try await store.open()
            try await makeNumbers(database)
            try await database.close()
            let again = try await store.open()
            let changes = again.changes()
            _ = try await numbers(again)
            try await again.write { _ = try $0.query("SELECT number FROM numbers") }
            try await again.close()
            var told = 0
            for await _ in changes { told += 1 }
            #expect(told == 0)
        }
    }
}
