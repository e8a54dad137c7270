import Foundation
import Limits
import Testing

@Suite("A budget's days and months")
struct BudgetDayTests {
    /// Catches errors at month ends, in leap years, at century years and before 1970, against Foundation's calendar.
    @Test("are those of the UTC calendar, day for day from 1890 to 2140")
    func calendar() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        for number in Int32(-29_220)...62_091 {
            let day = BudgetDay(number: number)
            let date = Date(timeIntervalSince1970: Double(number) * 86_400)
            let parts = calendar.dateComponents([.year, .month], from: date)
            let month = Int32(parts.year! * 12 + parts.month! - 1)
            #expect(day.month == month)
            #expect(day.nextMonth.month == month + 1 && BudgetDay(number: day.nextMonth.number - 1).month == month)
        }
    }

    @Test("begin and end to the microsecond", arguments: [-40_000, -1, 0, 1, 19_782, 20_512] as [Int32])
    func bounds(number: Int32) {
        let day = BudgetDay(number: number)
        #expect(BudgetDay(microseconds: day.start) == day)
        #expect(BudgetDay(microseconds: day.next.start - 1) == day)
        #expect(BudgetDay(microseconds: day.start - 1) == BudgetDay(number: number - 1))
        #expect(BudgetDay(microseconds: .max) > day && BudgetDay(microseconds: .min) < day)
    }
}

@Suite("Budgets")
struct BudgetTests {
    static let day: Int64 = 86_400_000_000
    /// 2028-02-28T12:00:00Z: the next day is none of the next month.
    static let leap: Int64 = 1_835_352_000_000_000

    static func subjects(
        key: BudgetSettings? = nil, application: BudgetSettings? = nil, organisation: BudgetSettings? = nil,
        keyID: UInt64 = 1
    ) -> LimitSubjects {
        LimitSubjects(
            key: LimitSubject(id: keyID, settings: LimitSettings(budget: key)),
            application: LimitSubject(id: 2, settings: LimitSettings(budget: application)),
            organisation: LimitSubject(id: 3, settings: LimitSettings(budget: organisation)))
    }

    static func budgets(_ before: SpentBefore? = nil, capacity: Int = 1 << 20) -> Budgets {
        let budgets = Budgets(capacity: capacity)
        budgets.learn(before ?? SpentBefore(day: BudgetDay(microseconds: leap)))
        return budgets
    }

    static func refusal(_ body: () throws(BudgetRefusal) -> BudgetReservation) -> BudgetRefusal? {
        do throws(BudgetRefusal) {
            _ = try body()
            return nil
        } catch {
            return error
        }
    }

    static func cost(_ tokens: Int, _ nanos: Int64 = 0) -> BudgetCost {
        BudgetCost(tokens: tokens, money: Money(nanos: nanos))
    }

    /// Spends; whether it was granted.
    @discardableResult
    static func spend(_ budgets: Budgets, _ subjects: LimitSubjects, _ cost: BudgetCost, at time: Int64) -> Bool {
        guard let reservation = try? budgets.reserve(subjects, cost, at: time) else { return false }
        reservation.settle(cost)
        return true
    }

    @Test("what was not used is free again, what was used beyond is debt, and what is dropped is charged in full")
    func settling() throws {
        let budgets = Self.budgets()
        let subjects = Self.subjects(key: BudgetSettings(tokensPerDay: 100))
        try budgets.reserve(subjects, Self.cost(100), at: Self.leap).settle(Self.cost(10))
        #expect(
            Self.refusal { () throws(BudgetRefusal) in try budgets.reserve(subjects, Self.cost(91), at: Self.leap) }
                != nil)
        _ = try budgets.reserve(subjects, Self.cost(40), at: Self.leap)
        let reservation = try budgets.reserve(subjects, Self.cost(50), at: Self.leap)
        #expect(!Self.spend(budgets, subjects, Self.cost(1), at: Self.leap))
        reservation.settle(Self.cost(60))
        reservation.settle(Self.cost(60))
        // 110 of 100: the next day is not charged for it.
        #expect(!Self.spend(budgets, subjects, Self.cost(1), at: Self.leap))
        #expect(Self.spend(budgets, subjects, Self.cost(100), at: Self.leap + Self.day))
    }

    @Test("a refusal says whose budget it is, which, and when it renews; of several, the one that renews last")
    func refusals() {
        let budgets = Self.budgets()
        let subjects = Self.subjects(
            key: BudgetSettings(tokensPerDay: 10), organisation: BudgetSettings(moneyPerMonth: Money(nanos: 50)))
        #expect(Self.spend(budgets, subjects, Self.cost(10, 50), at: Self.leap))
        let both = Self.refusal { () throws(BudgetRefusal) in
            try budgets.reserve(subjects, Self.cost(1, 1), at: Self.leap)
        }
        // 2028-03-01T00:00:00Z
        let march: Int64 = 1_835_481_600_000_000
        #expect(
            both
                == .exhausted(
                    BudgetRefusal.Exhausted(
                        scope: .organisation, kind: .moneyPerMonth, budget: 50, renewsAt: march)))
        let ofKey = Self.refusal { () throws(BudgetRefusal) in
            try budgets.reserve(subjects, Self.cost(1, 0), at: Self.leap)
        }
        #expect(
            ofKey
                == .exhausted(
                    BudgetRefusal.Exhausted(
                        scope: .key, kind: .tokensPerDay, budget: 10, renewsAt: march - Self.day)))
        // No wait helps against that, whatever else is used up.
        let above = Self.refusal { () throws(BudgetRefusal) in
            try budgets.reserve(subjects, Self.cost(11, 1), at: Self.leap)
        }
        guard case .costAboveBudget(let exhausted)? = above else {
            Issue.record("\(String(describing: above))")
            return
        }
        #expect(exhausted.scope == .key)
    }

    @Test("the day ends at midnight and the month at its end, on 29 February too")
    func periods() {
        let budgets = Self.budgets()
        let subjects = Self.subjects(key: BudgetSettings(tokensPerDay: 10, tokensPerMonth: 25))
        #expect(Self.spend(budgets, subjects, Self.cost(10), at: Self.leap))
        #expect(!Self.spend(budgets, subjects, Self.cost(1), at: Self.leap + Self.day / 2 - 1))
        #expect(Self.spend(budgets, subjects, Self.cost(10), at: Self.leap + Self.day / 2))
        // March.
        #expect(Self.spend(budgets, subjects, Self.cost(10), at: Self.leap + Self.day * 3 / 2))
        #expect(Self.spend(budgets, subjects, Self.cost(10), at: Self.leap + Self.day * 5 / 2))
        #expect(Self.spend(budgets, subjects, Self.cost(5), at: Self.leap + Self.day * 7 / 2))
        #expect(!Self.spend(budgets, subjects, Self.cost(1), at: Self.leap + Self.day * 9 / 2))
    }

    @Test("a clock that steps back opens no budget again, by hours or by months")
    func stepsBack() {
        for step in [1, Self.day, 31 * Self.day, 400 * Self.day] {
            let budgets = Self.budgets()
            let subjects = Self.subjects(key: BudgetSettings(tokensPerDay: 10, tokensPerMonth: 10))
            #expect(Self.spend(budgets, subjects, Self.cost(10), at: Self.leap))
            #expect(!Self.spend(budgets, subjects, Self.cost(1), at: Self.leap - step))
            #expect(!Self.spend(budgets, subjects, Self.cost(1), at: Self.leap))
        }
    }

    @Test("a request that ends after midnight counts in the day in which it began, and in the month of both")
    func acrossMidnight() throws {
        let budgets = Self.budgets()
        let subjects = Self.subjects(key: BudgetSettings(tokensPerDay: 10, tokensPerMonth: 15))
        let late = try budgets.reserve(subjects, Self.cost(10), at: Self.leap)
        let tomorrow = Self.leap + Self.day
        // The month's part is held.
        #expect(!Self.spend(budgets, subjects, Self.cost(6), at: tomorrow))
        late.settle(Self.cost(8))
        #expect(Self.spend(budgets, subjects, Self.cost(7), at: tomorrow))
        #expect(!Self.spend(budgets, subjects, Self.cost(1), at: tomorrow))
    }

    @Test("a restart goes on where the store ends, and who is not told yet is refused")
    func restarts() {
        let subjects = Self.subjects(key: BudgetSettings(tokensPerDay: 10, moneyPerMonth: Money(nanos: 100)))
        let restarted = Budgets()
        #expect(
            Self.refusal { () throws(BudgetRefusal) in try restarted.reserve(subjects, Self.cost(1), at: Self.leap) }
                == .unknown)
        var before = SpentBefore(day: BudgetDay(microseconds: Self.leap))
        let key = BudgetSubject(scope: .key, id: 1)
        before.add(key, ofDay: true, tokens: 4, money: 30)
        before.add(key, ofDay: false, tokens: 50, money: 90)
        restarted.learn(before)
        #expect(!Self.spend(restarted, subjects, Self.cost(1, 11), at: Self.leap))
        #expect(Self.spend(restarted, subjects, Self.cost(6, 10), at: Self.leap))
        #expect(!Self.spend(restarted, subjects, Self.cost(1), at: Self.leap))
        // What it knows of the day is not what it knows of the next.
        #expect(Self.spend(restarted, subjects, Self.cost(10), at: Self.leap + Self.day))
        #expect(!Self.spend(restarted, subjects, Self.cost(1, 1), at: Self.leap + Self.day / 2))
    }

    /// Catches sums that are added instead of compared, and a store that lags and would give back what was spent.
    @Test("what the store says later is taken where it is more, and never counted twice")
    func learns() {
        let subjects = Self.subjects(key: BudgetSettings(tokensPerDay: 100))
        let budgets = Self.budgets()
        #expect(Self.spend(budgets, subjects, Self.cost(40), at: Self.leap))
        for (known, left) in [(10, 60), (40, 60), (70, 30), (55, 30)] as [(Int64, Int)] {
            var before = SpentBefore(day: BudgetDay(microseconds: Self.leap))
            before.add(BudgetSubject(scope: .key, id: 1), ofDay: true, tokens: known, money: 0)
            budgets.learn(before)
            #expect(!Self.spend(budgets, subjects, Self.cost(left + 1), at: Self.leap))
            let reservation = try? budgets.reserve(subjects, Self.cost(left), at: Self.leap)
            #expect(reservation != nil)
            reservation?.settle(Self.cost(0))
        }
    }

    @Test("budgets that change forget nothing that was spent", arguments: [true, false])
    func reload(isRaised: Bool) {
        let budgets = Self.budgets()
        let old = Self.subjects(key: BudgetSettings(tokensPerDay: 50))
        #expect(Self.spend(budgets, old, Self.cost(50, 70), at: Self.leap))
        let new = Self.subjects(
            key: BudgetSettings(tokensPerDay: isRaised ? 60 : 20, moneyPerMonth: Money(nanos: 75)))
        #expect(Self.spend(budgets, new, Self.cost(10, 5), at: Self.leap) == isRaised)
        #expect(!Self.spend(budgets, new, Self.cost(1, 1), at: Self.leap))
    }

    @Test("a full table refuses strangers, forgets only what the store knows, and never end users' flood for keys")
    func full() {
        let budgets = Self.budgets(capacity: 16)
        let users = EndUserLimits(settings: LimitSettings(budget: BudgetSettings(tokensPerDay: 9)), isRequired: false)
        let free = Self.subjects()
        let granted = (0..<100).count { user in
            Self.spend(budgets, free.with(endUser: users.subject(UInt64(user))), Self.cost(9), at: Self.leap)
        }
        #expect(granted == 14 && budgets.subjectCount == 14)
        // Who is in it is still told that theirs is spent.
        let known = free.with(endUser: users.subject(0))
        guard
            case .exhausted? = Self.refusal({ () throws(BudgetRefusal) in
                try budgets.reserve(known, Self.cost(1), at: Self.leap)
            })
        else {
            Issue.record("It was forgotten.")
            return
        }
        #expect(Self.spend(budgets, Self.subjects(key: BudgetSettings(tokensPerDay: 9)), Self.cost(1), at: Self.leap))
        var before = SpentBefore(day: BudgetDay(microseconds: Self.leap))
        for user in 0..<7 as Range<UInt64> {
            before.add(BudgetSubject(scope: .endUser, id: user), ofDay: true, tokens: 9, money: 0)
            before.add(BudgetSubject(scope: .endUser, id: user), ofDay: false, tokens: 9, money: 0)
        }
        budgets.learn(before)
        let stranger = free.with(endUser: users.subject(1_000))
        #expect(Self.spend(budgets, stranger, Self.cost(9), at: Self.leap + 2_000_000))
        // Forgotten here, known there.
        #expect(!Self.spend(budgets, known, Self.cost(1), at: Self.leap + 2_000_000))
    }
}

@Suite("Budgets against a model")
struct BudgetPropertyTests {
    /// A plain account of what was spent and is held, by subject, kind and period.
    private struct Model {
        struct Place: Hashable {
            var subject: BudgetSubject
            var kind: BudgetKind
            var period: Int32
        }

        var spent: [Place: Int64] = [:]
        var held: [Place: Int64] = [:]
        var latest = BudgetDay(number: .min)

        mutating func admits(_ subjects: LimitSubjects, _ cost: BudgetCost, on day: BudgetDay) -> Bool {
            latest = max(latest, day)
            var fits = true
            subjects.forEachBudgeted { subject, budgets in
                for kind in BudgetKind.allCases {
                    guard let budget = budgets[kind] else { continue }
                    let place = Place(subject: subject, kind: kind, period: kind.period(of: latest))
                    let left = budget - (spent[place] ?? 0) - (held[place] ?? 0)
                    if cost.units(kind) > max(0, left) { fits = false }
                }
            }
            return fits
        }

        mutating func change(_ subjects: LimitSubjects, on day: BudgetDay, held more: BudgetCost?, spent: BudgetCost?) {
            subjects.forEachBudgeted { subject, _ in
                for kind in BudgetKind.allCases {
                    let place = Place(subject: subject, kind: kind, period: kind.period(of: day))
                    if let spent {
                        held[place, default: 0] -= more?.units(kind) ?? 0
                        self.spent[place, default: 0] += spent.units(kind)
                    } else {
                        held[place, default: 0] += more?.units(kind) ?? 0
                    }
                }
            }
        }
    }

    private static func keys(using random: inout Seeded) -> [LimitSubjects] {
        func one(_ most: Int64) -> Int64? {
            Int.random(in: 0...2, using: &random) == 0 ? nil : .random(in: most / 10...most, using: &random)
        }
        func settings() -> LimitSettings {
            LimitSettings(
                budget: BudgetSettings(
                    tokensPerDay: one(500).map(Int.init), tokensPerMonth: one(3_000).map(Int.init),
                    moneyPerDay: one(5_000).map(Money.init(nanos:)),
                    moneyPerMonth: one(30_000).map(Money.init(nanos:))))
        }
        let organisation = LimitSubject(id: 9, settings: settings())
        return (0..<5 as Range<UInt64>).map { id in
            LimitSubjects(
                key: LimitSubject(id: id, settings: settings()),
                application: LimitSubject(
                    id: id % 2, settings: LimitSettings(budget: BudgetSettings(tokensPerMonth: 2_000))),
                organisation: organisation)
        }
    }

    /// Microseconds.
    private static func step(using random: inout Seeded) -> Int64 {
        switch Int.random(in: 0..<20, using: &random) {
        case 0: .random(in: 0...40 * 86_400_000_000, using: &random)
        case 1: .random(in: -3 * 86_400_000_000...0, using: &random)
        default: .random(in: 0...3_600_000_000, using: &random)
        }
    }

    /// Catches a period that is opened twice, a hold that is never freed or freed into another period, and decisions that
    /// charge some scopes of a refused request. The clock runs, jumps over month ends, and steps back now and then.
    @Test(
        "grants what a plain account grants, however requests overlap and the clock goes",
        arguments: 0..<40 as Range<UInt64>)
    func model(seed: UInt64) throws {
        var random = Seeded(seed)
        let budgets = Budgets(shards: 4)
        var model = Model()
        var time: Int64 = 1_835_352_000_000_000
        budgets.learn(SpentBefore(day: BudgetDay(microseconds: time)))
        let all = Self.keys(using: &random)
        var open: [(BudgetReservation, LimitSubjects, BudgetCost)] = []
        var counts = (granted: 0, refused: 0)
        for _ in 0..<3_000 {
            time += Self.step(using: &random)
            if Int.random(in: 0..<2, using: &random) == 0, let index = open.indices.randomElement(using: &random) {
                let (reservation, subjects, cost) = open.remove(at: index)
                let actual = BudgetCost(
                    tokens: .random(in: 0...cost.tokens * 5 / 4, using: &random),
                    money: Money(nanos: .random(in: 0...cost.money.nanos, using: &random)))
                model.change(subjects, on: reservation.day, held: cost, spent: actual)
                reservation.settle(actual)
            }
            let subjects = all.randomElement(using: &random)!
            let cost = BudgetCost(
                tokens: .random(in: 1...120, using: &random), money: Money(nanos: .random(in: 0...900, using: &random)))
            let fits = model.admits(subjects, cost, on: BudgetDay(microseconds: time))
            let reservation = try? budgets.reserve(subjects, cost, at: time)
            #expect((reservation != nil) == fits)
            guard let reservation else {
                counts.refused += 1
                continue
            }
            counts.granted += 1
            #expect(reservation.day == model.latest)
            model.change(subjects, on: reservation.day, held: cost, spent: nil)
            open.append((reservation, subjects, cost))
        }
        #expect(counts.granted > 20 && counts.refused > 20)
        for (reservation, _, cost) in open { reservation.settle(cost) }
    }
}
