import Storage
import StorageTesting
import Testing

@testable import Records

@Suite("What was spent, in the store", .timeLimit(.minutes(5)))
struct SpendingTests {
    private static let tomorrow = Samples.noon.adding(.seconds(86_400))

    private func write(_ records: [(Admission, Settlement?)], in fixture: StoreFixture) async throws {
        let journal = try fixture.journal()
        for (admission, settlement) in records {
            let position = try journal.append(admission)
            if let settlement { try journal.append(settlement) }
            try await journal.written(position)
        }
        let last = Samples.admission()
        try await journal.written(
            try journal.append(refused: last, Samples.settlement(of: last, outcome: .refused, tokens: 0)))
        try await fixture.writer(journal).drain()
        journal.close()
    }

    private func sums(_ fixture: StoreFixture, on time: Timestamp = Samples.noon) async throws -> Set<Spending> {
        let day = time.microseconds / 86_400_000_000 * 86_400_000_000
        let (rows, isWhole) = try await fixture.store.spending(on: Timestamp(microseconds: day), limit: 1_000)
        #expect(isWhole)
        return Set(rows)
    }

    private func spending(
        _ admission: Admission, tokens: Int64, money: Int64, endUser: UInt64? = nil, periods: [Bool] = [true, false]
    ) -> Set<Spending> {
        var subjects: [(UInt8, UInt64)] = [
            (0, admission.key!.low), (1, admission.application!.low), (2, admission.organisation!.low),
        ]
        if let endUser { subjects.append((3, endUser)) }
        return Set(
            periods.flatMap { isOfDay in
                subjects.map {
                    Spending(scope: $0.0, subject: $0.1, isOfDay: isOfDay, tokens: tokens, money: money)
                }
            })
    }

    /// Catches sums that miss a scope or a period, and days by the clock of another moment than that which was charged.
    @Test(
        "is the sum of records by day and month, of each key, application, organisation and end user",
        arguments: StoreEngine.allCases)
    func sums(_ engine: StoreEngine) async throws {
        let fixture = try await StoreFixture(engine)
        var first = Samples.admission()
        let today = Int32(Samples.noon.microseconds / 86_400_000_000)
        first.charge = Charge(day: today, costReserved: 900, endUser: .max)
        var second = first
        second.record = RecordID(at: Samples.noon)
        // As where the clock stepped back: it counts in the day that was charged.
        var third = second
        third.record = RecordID(at: Samples.noon)
        third.charge?.day = today + 1
        third.charge?.endUser = nil
        try await write(
            [first, second, third].map { ($0, Samples.settlement(of: $0, tokens: 100, cost: 70)) }, in: fixture)
        let month = spending(first, tokens: 300, money: 210, periods: [false])
        let ofUser = Set(
            [true, false].map {
                Spending(scope: 3, subject: .max, isOfDay: $0, tokens: 200, money: 140)
            })
        #expect(
            try await sums(fixture)
                == month.union(ofUser).union(spending(first, tokens: 200, money: 140, periods: [true])))
        #expect(
            try await sums(fixture, on: Self.tomorrow)
                == month.union(ofUser.filter { !$0.isOfDay }).union(
                    spending(first, tokens: 100, money: 70, periods: [true])))
        let usage = try await fixture.store.usage(from: Day("2000-01-01")!, through: Day("2999-12-31")!)
        #expect(usage.compactMap(\.cost) == [210])
    }

    /// Catches a crash that opens a budget again: what was held is charged.
    @Test("an exchange that a restart broke off is charged all that it held", arguments: StoreEngine.allCases)
    func interrupted(_ engine: StoreEngine) async throws {
        let fixture = try await StoreFixture(engine)
        var admission = Samples.admission()
        admission.charge = Charge(day: Int32(Samples.noon.microseconds / 86_400_000_000), costReserved: 900, endUser: 5)
        try await write([(admission, nil)], in: fixture)
        // A second process closes what the first left open.
        let journal = try fixture.journal()
        let writer = fixture.writer(journal)
        #expect(await !writer.hasCaughtUp)
        try await writer.drain()
        #expect(await writer.hasCaughtUp)
        journal.close()
        #expect(try await sums(fixture) == spending(admission, tokens: 500, money: 900, endUser: 5))
    }

    @Test("is written once, whichever step of the store fails", arguments: StoreEngine.allCases, [false, true])
    func once(_ engine: StoreEngine, isAfter: Bool) async throws {
        let fixture = try await StoreFixture(engine)
        let admission = Samples.admission()
        let journal = try fixture.journal()
        _ = try journal.append(admission)
        let position = try journal.append(Samples.settlement(of: admission, tokens: 10, cost: 3))
        try await journal.written(position)
        let writer = fixture.writer(journal)
        fixture.database.fail(2, isAfter: isAfter)
        for _ in 0..<4 { _ = try? await writer.drain() }
        journal.close()
        #expect(try await sums(fixture) == spending(admission, tokens: 10, money: 3))
    }

    @Test("goes when no budget asks for it any more", arguments: StoreEngine.allCases)
    func retention(_ engine: StoreEngine) async throws {
        let fixture = try await StoreFixture(engine)
        let admission = Samples.admission()
        try await write([(admission, Samples.settlement(of: admission, tokens: 10, cost: 3))], in: fixture)
        let all = try await sums(fixture)
        #expect(all.count == 6)
        try await fixture.store.drop(outside: Retention(), at: Self.tomorrow)
        #expect(try await sums(fixture) == all)
        try await fixture.store.drop(outside: Retention(), at: Self.tomorrow.adding(.seconds(86_400)))
        #expect(try await sums(fixture) == all.filter { !$0.isOfDay })
        try await fixture.store.drop(outside: Retention(), at: Month("2026-12")!.end.adding(.seconds(-1)))
        #expect(try await !sums(fixture).isEmpty)
        try await fixture.store.drop(outside: Retention(), at: Month("2026-12")!.end)
        #expect(try await sums(fixture).isEmpty)
    }

    @Test(
        "what is more than is asked for is said to be, with end users left out first", arguments: StoreEngine.allCases)
    func bounded(_ engine: StoreEngine) async throws {
        let fixture = try await StoreFixture(engine)
        var admission = Samples.admission()
        admission.charge = Charge(day: Int32(Samples.noon.microseconds / 86_400_000_000), endUser: 5)
        try await write([(admission, Samples.settlement(of: admission, tokens: 10))], in: fixture)
        let day = Timestamp(microseconds: Samples.noon.microseconds / 86_400_000_000 * 86_400_000_000)
        let known = try await fixture.store.spending(on: day, limit: 6)
        #expect(!known.isWhole && Set(known.rows.map(\.scope)) == [0, 1, 2])
        #expect(try await fixture.store.spending(on: day, limit: 8).isWhole)
    }
}

extension Samples {
    static func settlement(
        of admission: Admission, outcome: Outcome = .answered, tokens: Int, cost: Int64? = nil
    ) -> Settlement {
        var settlement = settlement(of: admission, outcome: outcome)
        (settlement.inputTokens, settlement.outputTokens, settlement.cost) = (tokens, 0, cost)
        return settlement
    }
}
