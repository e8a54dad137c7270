import Limits
import Testing

@testable import SharedLimits

@Suite(
    "Script of shared budgets", .enabled(if: RedisServer.isInstalled, "There is no redis-server."),
    .timeLimit(.minutes(5)), .serialized)
struct BudgetScriptTests {
    /// 2028-02-27T12:00:00Z: two days before the end of a February with 29.
    static let begin: Int64 = 1_835_265_600_000_000

    static func subjects(_ budget: BudgetSettings?) -> LimitSubjects {
        let free = LimitSubject(id: 8, settings: .unlimited)
        return LimitSubjects(
            key: LimitSubject(id: 7, settings: LimitSettings(budget: budget)), application: free, organisation: free)
    }

    /// The stated bound: B + Σ(actual − reserved), for each period, whichever calls are lost on either way, whatever the
    /// processes' clocks say. Catches what is granted twice, given back twice, or charged to another period.
    @Test("any processes spend no more than the budget and what requests overran", arguments: 0..<12 as Range<UInt64>)
    func bound(seed: UInt64) throws {
        var random = Seeded(seed)
        var terms = LeaseTerms()
        terms.percentMax = [0, 5, 30].randomElement(using: &random)!
        var cluster = try BudgetCluster(processes: 3, terms: terms, at: Self.begin)
        cluster.ahead = (0..<3).map { _ in .random(in: -90_000_000...90_000_000, using: &random) }
        let budget = BudgetSettings(
            tokensPerDay: 2_000, tokensPerMonth: 5_000, moneyPerMonth: Money(nanos: 3_000_000_000))!
        let subjects = Self.subjects(budget)
        let losesCalls = seed % 2 == 0
        var refusals = 0
        for step in 0..<1_200 {
            try cluster.advance(.random(in: 0...600_000_000, using: &random))
            if step % 50 == 0 { cluster.learn(subjects) }
            let process = Int.random(in: 0..<3, using: &random)
            let cost = BudgetCost(
                tokens: .random(in: 1...150, using: &random),
                money: Money(nanos: .random(in: 0...90_000_001, using: &random)))
            let fate: BudgetCluster.Fate =
                losesCalls && Int.random(in: 0..<4, using: &random) == 0
                ? .allCases.randomElement(using: &random)! : .answered
            if case .refused = try cluster.ask(process, subjects, cost, fate: fate) { refusals += 1 }
            while cluster.open.count > 4 || (!cluster.open.isEmpty && Bool.random(using: &random)) {
                let index = cluster.open.indices.randomElement(using: &random)!
                let held = cluster.open[index].cost
                let isOver = Int.random(in: 0..<8, using: &random) == 0
                cluster.settle(
                    index, subjects,
                    actual: BudgetCost(
                        tokens: .random(in: 0...held.tokens * (isOver ? 2 : 1), using: &random),
                        money: Money(nanos: .random(in: 0...held.money.nanos, using: &random))))
            }
            // What is told at each tick.
            for process in 0..<3 { try cluster.call(process, fate: .answered) }
        }
        for index in cluster.open.indices.reversed() {
            cluster.settle(index, subjects, actual: cluster.open[index].cost)
        }
        #expect(refusals > 10 && cluster.spent[.tokensPerDay]!.count > 2)
        for kind in [BudgetKind.tokensPerDay, .tokensPerMonth, .moneyPerMonth] {
            for (period, spent) in cluster.spent[kind]! {
                #expect(spent <= budget[kind]! + cluster.overruns[kind]![period]!, "\(kind) \(period)")
            }
        }
    }

    /// Catches leases that leak: without what is told as a sum, each lost answer would burn some of the budget.
    @Test("a budget is of use to its last token, however many answers were lost")
    func nothingLeaks() throws {
        var terms = LeaseTerms()
        terms.percentMax = 10
        var cluster = try BudgetCluster(processes: 2, terms: terms, at: Self.begin)
        let subjects = Self.subjects(BudgetSettings(tokensPerMonth: 1_000))
        let one = BudgetCost(tokens: 1, money: .zero)
        for step in 0..<2_400 {
            try cluster.advance(700_000)
            let fate = BudgetCluster.Fate.allCases[step % 3]
            _ = try cluster.ask(step % 2, subjects, one, fate: fate)
            if !cluster.open.isEmpty { cluster.settle(0, subjects, actual: one) }
        }
        // What a process holds goes back when it is not used.
        for _ in 0..<12 {
            try cluster.advance(1_000_000)
            for process in 0..<2 {
                try cluster.call(process, fate: .answered)
                _ = try cluster.ask(process, subjects, one)
                if !cluster.open.isEmpty { cluster.settle(0, subjects, actual: one) }
            }
            try cluster.advance(terms.lifetime / 1_000)
            for process in 0..<2 { try cluster.call(process, fate: .answered) }
        }
        #expect(cluster.spent[.tokensPerMonth]!.values.reduce(0, +) == 1_000)
    }

    @Test("most decisions need no round trip")
    func leases() throws {
        var cluster = try BudgetCluster(processes: 1, terms: LeaseTerms(), at: Self.begin)
        let subjects = Self.subjects(BudgetSettings(tokensPerDay: 100_000, moneyPerDay: Money(nanos: 100_000_000_000)))
        let one = BudgetCost(tokens: 10, money: Money(nanos: 10_000_000))
        guard case .granted = try cluster.ask(0, subjects, one) else {
            Issue.record("Nothing was granted.")
            return
        }
        var byLease = 0
        for _ in 0..<1_000 {
            if case .granted = cluster.groups[0].decide(
                subjects, one, cluster.before, on: cluster.today(0), at: cluster.now)
            {
                byLease += 1
            } else {
                _ = try cluster.ask(0, subjects, one)
            }
        }
        #expect(byLease > 990)
    }

    /// The bound where Redis forgets: N · l and what is not in the store yet come on top, and no more.
    @Test("a Redis that forgot begins where the store ends", arguments: 0..<6 as Range<UInt64>)
    func forgets(seed: UInt64) throws {
        var random = Seeded(seed)
        var terms = LeaseTerms()
        terms.percentMax = 5
        var cluster = try BudgetCluster(processes: 3, terms: terms, at: Self.begin)
        let budget = 10_000
        let subjects = Self.subjects(BudgetSettings(tokensPerMonth: budget))
        var unstored: Int64 = 0
        for step in 0..<2_000 {
            try cluster.advance(10_000)
            let cost = BudgetCost(tokens: .random(in: 1...20, using: &random), money: .zero)
            _ = try cluster.ask(.random(in: 0..<3, using: &random), subjects, cost)
            if !cluster.open.isEmpty { cluster.settle(0, subjects, actual: cluster.open[0].cost) }
            if step == 300 + 50 * Int(seed) {
                let stored = cluster.before.spent(
                    BudgetSubject(scope: .key, id: 7), .tokensPerMonth, on: BudgetDay(microseconds: cluster.time))
                unstored = cluster.spent[.tokensPerMonth]!.values.reduce(0, +) - stored
                try cluster.bench.forget()
            }
            if step % 100 == 0 { cluster.learn(subjects) }
        }
        let spent = cluster.spent[.tokensPerMonth]!.values.reduce(0, +)
        let leases = 3 * (BudgetLease.spareMax(of: Int64(budget), terms) + 20)
        #expect(spent <= Int64(budget) + leases + unstored)
        #expect(spent >= Int64(budget) - leases)
    }

    @Test("a period that is over does not come back, though Redis' clock steps back")
    func stepsBack() throws {
        var cluster = try BudgetCluster(processes: 1, terms: LeaseTerms(), at: Self.begin)
        let subjects = Self.subjects(BudgetSettings(tokensPerDay: 10))
        let ten = BudgetCost(tokens: 10, money: .zero)
        func isGranted() throws -> Bool {
            guard case .granted = try cluster.ask(0, subjects, ten) else { return false }
            cluster.settle(0, subjects, actual: ten)
            return true
        }
        #expect(try isGranted())
        #expect(try !isGranted())
        try cluster.advance(86_400_000_000)
        #expect(try isGranted())
        for _ in 0..<3 {
            try cluster.advance(-86_400_000_000)
            #expect(try !isGranted())
        }
    }

    @Test("months end where they do in the calendar, leap years and centuries too")
    func months() throws {
        let bench = try BudgetBench()
        var group = BudgetGroup(LeaseTerms())
        let subjects = Self.subjects(BudgetSettings(tokensPerMonth: 1))
        let one = BudgetCost(tokens: 1, money: .zero)
        // 1970 to 2110, in steps of some days: a grant for each month that is met, and no more.
        var met: Set<Int32> = []
        var granted = 0
        var number: Int32 = 1
        var step: Int32 = 0
        while number < 51_000 {
            let day = BudgetDay(number: number)
            met.insert(day.month)
            try bench.setClock(day.start + 1)
            let before = SpentBefore(day: day)
            let now = day.start * 1_000
            if case .granted(let granting) = group.decide(subjects, one, before, on: day, at: now) {
                granted += 1
                group.settle(BudgetHolding(subjects: subjects, day: granting, cost: one), actual: one)
            } else {
                _ = group.wait(
                    BudgetWaiter(subjects: subjects, cost: one, today: day, deadline: .max, continuation: nil))
                if let call = group.beginCall(before, at: now, sweeping: true) {
                    for (_, outcome) in group.endCall(try bench.serve(call, 1), before, at: now) {
                        guard case .granted(let granting) = outcome else { continue }
                        granted += 1
                        group.settle(BudgetHolding(subjects: subjects, day: granting, cost: one), actual: one)
                    }
                }
            }
            // Month ends are looked at from both sides.
            step = (step + 1) % 3
            number = step == 0 ? day.nextMonth.number - 1 : number + 1 + step
        }
        #expect(granted == met.count)
    }

    @Test("what is no whole number is refused, and nothing is changed by it")
    func malformed() throws {
        let bench = try BudgetBench()
        let good = ["p", "0", "1", "20000"] + Array(repeating: ["10", "0", "0", "1", "1"], count: 4).flatMap { $0 }
        for index in 1..<good.count {
            for wrong in ["x", "1.5", "-2", "1e400", "9007199254740992", ""] {
                var words = good
                words[index] = wrong
                guard
                    case .error(let text) = try bench.client.run(
                        ["EVAL", BudgetScript.text, "1", "{steward}:b:k:1"] + words)
                else {
                    Issue.record("\(wrong) at \(index) was taken.")
                    return
                }
                #expect(text.contains("BUDGETS argument"))
            }
        }
        #expect(try bench.client.run(["EXISTS", "{steward}:b:k:1"]) == .integer(0))
    }

    @Test("what was used beyond is told again where no answer came, and not forgotten meanwhile")
    func toldAgain() throws {
        var cluster = try BudgetCluster(processes: 2, terms: LeaseTerms(), at: Self.begin)
        let subjects = Self.subjects(BudgetSettings(tokensPerDay: 100))
        _ = try cluster.ask(0, subjects, BudgetCost(tokens: 10, money: .zero))
        cluster.settle(0, subjects, actual: BudgetCost(tokens: 60, money: .zero))
        try cluster.call(0, fate: .lostOnTheWay)
        try cluster.advance(600_000_000)
        let now = cluster.now
        cluster.groups[0].forgetIdle(at: now, whileAway: false)
        #expect(cluster.groups[0].subjectCount == 1)
        try cluster.call(0, fate: .answered)
        cluster.groups[0].forgetIdle(at: now, whileAway: false)
        #expect(cluster.groups[0].isEmpty)
        guard case .refused = try cluster.ask(1, subjects, BudgetCost(tokens: 50, money: .zero)) else {
            Issue.record("Redis has not heard of the 60.")
            return
        }
    }

    @Test("subjects that only Redis could say something of are forgotten while it is away, others not")
    func forgottenWhileAway() throws {
        var cluster = try BudgetCluster(processes: 1, terms: LeaseTerms(), at: Self.begin)
        let known = Self.subjects(BudgetSettings(tokensPerDay: 100))
        let ten = BudgetCost(tokens: 10, money: .zero)
        _ = try cluster.ask(0, known, ten)
        cluster.settle(0, known, actual: ten)
        let stranger = LimitSubject(id: 99, settings: LimitSettings(budget: BudgetSettings(tokensPerDay: 5)))
        let others = LimitSubjects(key: stranger, application: stranger, organisation: known.organisation)
        let decision = cluster.groups[0].decide(
            others, ten, cluster.before, on: cluster.today(0), at: cluster.now)
        #expect({ if case .refused = decision { true } else { false } }())
        let count = cluster.groups[0].subjectCount
        try cluster.advance(600_000_000)
        let now = cluster.now
        cluster.groups[0].forgetIdle(at: now, whileAway: true)
        #expect(cluster.groups[0].subjectCount < count && cluster.groups[0].subjectCount > 0)
    }

    @Test("while Redis is away, each process spends its share of what was left, once")
    func share() throws {
        var terms = LeaseTerms()
        (terms.away, terms.processes, terms.percentMax) = (.localShare, 2, 0)
        var cluster = try BudgetCluster(processes: 2, terms: terms, at: Self.begin)
        let subjects = Self.subjects(BudgetSettings(tokensPerDay: 100))
        let ten = BudgetCost(tokens: 10, money: .zero)
        for process in [0, 1, 0, 1] {
            _ = try cluster.ask(process, subjects, ten)
            cluster.settle(0, subjects, actual: ten)
        }
        // 40 are spent, and 60 left: 30 for each, or somewhat less of what one knows, and never more.
        var shares = [0, 0]
        for process in 0..<2 {
            for _ in 0..<20 {
                let decision = cluster.groups[process].decideByShare(
                    subjects, ten, cluster.before, on: cluster.today(process), at: cluster.now)
                guard case .granted(let day) = decision else { break }
                shares[process] += 10
                cluster.groups[process].settle(BudgetHolding(subjects: subjects, day: day, cost: ten), actual: ten)
            }
        }
        #expect(shares == [30, 30])
        // And it is told when Redis is back.
        for process in 0..<2 { try cluster.call(process, fate: .answered) }
        guard case .refused(.exhausted) = try cluster.ask(0, subjects, ten) else {
            Issue.record("What was spent meanwhile is not known.")
            return
        }
    }
}
