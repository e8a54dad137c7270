import Limits
import Testing

@testable import Gateway

extension Moment {
    /// So many seconds after a moment far from zero.
    fileprivate static func at(_ seconds: Double) -> Moment {
        Moment(nanoseconds: 1_000_000_000_000 + Int64(seconds * 1e9))
    }
}

/// A value that changes while it is asked, where `#expect` takes only values that don't.
private final class Changing<Value> {
    private var value: Value

    init(_ value: Value) { self.value = value }

    subscript<Result>(_ body: (inout Value) -> Result) -> Result { body(&value) }
}

extension Changing<CircuitBreaker> {
    /// Of a request that was let through just before it, if one is.
    func note(_ outcome: CircuitBreaker.Outcome, at now: Moment) {
        self[{ if let permit = $0.permit(at: now) { $0.note(outcome, of: permit, at: now) } }]
    }
    func note(_ outcome: CircuitBreaker.Outcome, of permit: CircuitBreaker.Permit, at now: Moment) {
        self[{ $0.note(outcome, of: permit, at: now) }]
    }
    func permit(at now: Moment) -> CircuitBreaker.Permit? { self[{ $0.permit(at: now) }] }
    func permits(at now: Moment) -> Bool { permit(at: now) != nil }
    func isOpen(at now: Moment) -> Bool { self[{ $0.isOpen(at: now) }] }
    var state: CircuitBreaker.State { self[{ $0.state }] }
}

extension Changing<RetryBudget> {
    func deposit(at now: Moment = .at(0)) { self[{ $0.deposit(at: now) }] }
    func withdraw(at now: Moment) -> Bool { self[{ $0.withdraw(at: now) }] }
}

@Suite("The breaker of an upstream")
struct CircuitBreakerTests {
    static let settings: BreakerSettings = {
        var settings = BreakerSettings()
        settings.failuresMin = 4
        settings.sharePercent = 50
        settings.windowNanoseconds = 6_000_000_000
        settings.pauseNanoseconds = 2_000_000_000
        settings.pauseMaxNanoseconds = 5_000_000_000
        return settings
    }()

    private func opened(at seconds: Double = 0) -> Changing<CircuitBreaker> {
        let breaker = Changing(CircuitBreaker(Self.settings))
        for _ in 0..<4 { breaker.note(.failure, at: .at(seconds)) }
        return breaker
    }

    @Test("opens when both number and share of failures reach their bounds")
    func opens() {
        for successes in 0...8 {
            let breaker = Changing(CircuitBreaker(Self.settings))
            for _ in 0..<successes { breaker.note(.success, at: .at(0)) }
            for failures in 1...8 {
                breaker.note(.failure, at: .at(0))
                let isOpen = breaker.isOpen(at: .at(0))
                #expect(isOpen == (failures >= 4 && failures * 2 >= failures + successes), "\(failures), \(successes)")
                if isOpen { break }
            }
        }
    }

    @Test("forgets what is older than its window")
    func forgets() {
        let breaker = Changing(CircuitBreaker(Self.settings))
        for second in stride(from: 0.0, to: 60, by: 2.1) { breaker.note(.failure, at: .at(second)) }
        #expect(!breaker.isOpen(at: .at(60)))
        let quick = Changing(CircuitBreaker(Self.settings))
        for second in stride(from: 0.0, to: 6, by: 1.4) { quick.note(.failure, at: .at(second)) }
        #expect(quick.isOpen(at: .at(6)))
    }

    @Test("lets one request through when its pause is over, and closes when that succeeds")
    func probes() throws {
        let breaker = opened()
        #expect(!breaker.permits(at: .at(1.9)))
        let trial = try #require(breaker.permit(at: .at(2)))
        #expect(!breaker.permits(at: .at(2)) && breaker.isOpen(at: .at(3)))
        breaker.note(.success, of: trial, at: .at(3))
        #expect(breaker.state == .closed && breaker.permits(at: .at(3)) && breaker.permits(at: .at(3)))
        // What was counted before is gone.
        breaker.note(.failure, at: .at(3))
        #expect(!breaker.isOpen(at: .at(3)))
    }

    @Test("pauses twice as long each time, up to the longest")
    func pauses() throws {
        let breaker = opened()
        var now = 2.0
        for pause in [4.0, 5, 5] {
            breaker.note(.failure, at: .at(now))
            #expect(!breaker.permits(at: .at(now + pause - 0.01)))
            now += pause
        }
        breaker.note(.success, at: .at(now))
        for _ in 0..<4 { breaker.note(.failure, at: .at(now)) }
        #expect(!breaker.permits(at: .at(now + 1.9)) && breaker.permits(at: .at(now + 2)))
    }

    @Test("gives the next request a try when the one that it let through says nothing")
    func probesAgain() throws {
        let breaker = opened()
        let trial = try #require(breaker.permit(at: .at(2)))
        breaker.note(.neither, of: trial, at: .at(2))
        #expect(breaker.permits(at: .at(2)) && !breaker.permits(at: .at(2)))
    }

    @Test(
        "does not hear requests that were under way when it opened, whatever became of them",
        arguments: [CircuitBreaker.Outcome.success, .failure, .brokeOff, .neither])
    func ignoresLate(outcome: CircuitBreaker.Outcome) throws {
        let breaker = Changing(CircuitBreaker(Self.settings))
        let late = try #require(breaker.permit(at: .at(0)))
        for _ in 0..<4 { breaker.note(.failure, at: .at(0)) }
        breaker.note(outcome, of: late, at: .at(1))
        #expect(breaker.isOpen(at: .at(1.9)) && !breaker.isOpen(at: .at(2)))
        // Nor while the trial is under way, nor after it.
        let trial = try #require(breaker.permit(at: .at(2)))
        breaker.note(outcome, of: late, at: .at(2))
        #expect(breaker.state == .halfOpen(isProbing: true))
        breaker.note(.success, of: trial, at: .at(3))
        breaker.note(outcome, of: late, at: .at(3))
        let counts = breaker[{ $0.counts(at: .at(3)) }]
        #expect(breaker.state == .closed && counts == (0, 0))
    }

    @Test("counts an answer that broke off once, as a failure")
    func brokeOff() throws {
        let breaker = Changing(CircuitBreaker(Self.settings))
        for number in 1...4 {
            let permit = try #require(breaker.permit(at: .at(0)))
            breaker.note(.success, of: permit, at: .at(0))
            // Also where the success fell into an earlier slice of the window.
            breaker.note(.brokeOff, of: permit, at: .at(Double(number)))
            let counts = breaker[{ $0.counts(at: .at(Double(number))) }]
            #expect(counts == (0, number))
        }
        #expect(breaker.isOpen(at: .at(4)))
    }

    @Test("stays closed when it is switched off")
    func off() {
        var settings = Self.settings
        settings.failuresMin = 0
        let breaker = Changing(CircuitBreaker(settings))
        for _ in 0..<1_000 { breaker.note(.failure, at: .at(0)) }
        #expect(breaker.permits(at: .at(0)))
        // It counts all the same, for those who look.
        let counts = breaker[{ $0.counts(at: .at(1)) }]
        #expect(counts.failures == 1_000 && counts.successes == 0)
    }
}

@Suite("The budget of retries")
struct RetryBudgetTests {
    @Test("allows a share of the requests, whatever their number", arguments: [1, 20, 100])
    func share(_ percent: Int) {
        let budget = Changing(RetryBudget(percent: percent))
        while budget.withdraw(at: .at(0)) {}
        var retries = 0
        for _ in 0..<10_000 {
            budget.deposit()
            if budget.withdraw(at: .at(0)) { retries += 1 }
        }
        #expect(abs(retries - 100 * percent) <= 1)
    }

    @Test("allows ten a second in quiet times, and no more are saved up")
    func quiet() {
        let budget = Changing(RetryBudget(percent: 20))
        var taken = 0
        while budget.withdraw(at: .at(0)) { taken += 1 }
        #expect(taken == 10)
        while budget.withdraw(at: .at(60)) { taken += 1 }
        #expect(taken == 20)
        #expect(!budget.withdraw(at: .at(60.05)) && budget.withdraw(at: .at(60.2)))
        // To look takes nothing out.
        for _ in 0..<2 { #expect(budget[{ $0.left(at: .at(60.75)) }] == 6) }
        // Nor does it matter how often one looks or asks in vain: fractions add up.
        for step in 0..<150 { if budget.withdraw(at: .at(100 + Double(step) / 1_000)) { taken += 1 } }
        #expect(taken == 31)
    }

    @Test("forgets what was earned in busy times")
    func forgets() {
        let budget = Changing(RetryBudget(percent: 20))
        for _ in 0..<5_000 { budget.deposit() }
        #expect(budget[{ $0.left(at: .at(0)) }] == 1_010)
        #expect(budget[{ $0.left(at: .at(5)) }] == 510)
        #expect(budget[{ $0.left(at: .at(10)) }] == 10)
        // A steady stream of requests keeps what it earned within ten seconds.
        for step in 0..<6_000 { budget.deposit(at: .at(100 + Double(step) / 100)) }
        #expect(abs(budget[{ $0.left(at: .at(160)) }] - 210) <= 2)
    }

    @Test("of hedges allows a share alone, but for the first, and saves few up", arguments: [1, 5, 50])
    func hedges(_ percent: Int) {
        let budget = Changing(RetryBudget.hedges(percent: percent))
        #expect(budget.withdraw(at: .at(0)) && !budget.withdraw(at: .at(1_000)))
        var hedges = 0
        for _ in 0..<1_000 {
            budget.deposit()
            if budget.withdraw(at: .at(0)) { hedges += 1 }
        }
        #expect(hedges == 10 * percent)
        for _ in 0..<10_000 { budget.deposit() }
        // However long ago that was: a model that is seldom asked earns one too.
        while budget.withdraw(at: .at(100_000)) { hedges += 1 }
        #expect(hedges == 10 * percent + 10)
    }

    @Test("allows none at nought")
    func none() {
        let budget = Changing(RetryBudget(percent: 0))
        for _ in 0..<1_000 { budget.deposit() }
        #expect(!budget.withdraw(at: .at(0)) && !budget.withdraw(at: .at(100)))
        let hedges = Changing(RetryBudget.hedges(percent: 0))
        hedges.deposit()
        #expect(!hedges.withdraw(at: .at(0)))
    }
}

@Suite("The queue before a busy upstream")
struct FairQueueTests {
    @Test("gives each owner its turn")
    func turns() {
        var queue = FairQueue<String, Int>(countMax: 100)
        for number in 0..<10 { _ = queue.join(number, of: "greedy", isPreferred: true) }
        for (number, owner) in [(100, "b"), (200, "c"), (101, "b")] {
            _ = queue.join(number, of: owner, isPreferred: true)
        }
        let order = (0..<8).compactMap { _ in queue.next() }
        #expect(order == [0, 100, 200, 1, 101, 2, 3, 4])
        #expect(queue.count == 5)
    }

    @Test("is full at its bound, for those who may wait at half of it; these give way first")
    func bound() {
        var queue = FairQueue<String, Int>(countMax: 4)
        func join(_ number: Int, _ owner: String, _ isPreferred: Bool) -> String {
            switch queue.join(number, of: owner, isPreferred: isPreferred) {
            case .waiting: "waiting"
            case .refused: "refused"
            case .inPlaceOf(let other): "for \(other)"
            }
        }
        #expect([join(1, "a", false), join(2, "b", false), join(3, "a", false)] == ["waiting", "waiting", "refused"])
        #expect([join(4, "c", true), join(5, "c", true)] == ["waiting", "waiting"])
        let late = [join(6, "c", true), join(7, "c", true), join(8, "c", true)]
        #expect(Set(late.prefix(2)) == ["for 1", "for 2"] && late[2] == "refused")
        #expect(queue.count == 4)
        let rest = (0..<5).compactMap { _ in queue.next() }
        #expect(rest == [4, 5, 6, 7])
        var none = FairQueue<String, Int>(countMax: 0)
        if case .refused = none.join(1, of: "a", isPreferred: true) {} else { Issue.record("joined a queue of none") }
    }

    @Test("keeps count while owners join, have their turn, go and come again")
    func counts() {
        var generator = SeededGenerator(7)
        var queue = FairQueue<Int, Int>(countMax: 12)
        var inside: Set<Int> = []
        for number in 0..<20_000 {
            switch Int.random(in: 0..<8, using: &generator) {
            case 0..<5:
                let isPreferred = Bool.random(using: &generator)
                switch queue.join(number, of: Int.random(in: 0..<5, using: &generator), isPreferred: isPreferred) {
                case .waiting: inside.insert(number)
                case .refused: #expect(inside.count >= 6)
                case .inPlaceOf(let other):
                    #expect(inside.remove(other) != nil && inside.count == 11)
                    inside.insert(number)
                }
            case 5: for gone in queue.removeAll(where: { $0.isMultiple(of: 7) }) { #expect(inside.remove(gone) != nil) }
            default: if let next = queue.next() { #expect(inside.remove(next) != nil) } else { #expect(inside.isEmpty) }
            }
            #expect(queue.count == inside.count && inside.count <= 12)
        }
    }
}

@Suite("The choice among upstreams")
struct UpstreamChoiceTests {
    private func candidate(
        _ index: Int, priority: Int = 0, weight: Int = 1, outstanding: Int = 0, worth: UpstreamState.Worth = .good,
        hasRoom: Bool = true
    ) -> UpstreamChoice.Candidate {
        UpstreamChoice.Candidate(
            index: index, priority: priority, weight: weight, outstanding: outstanding, worth: worth, hasRoom: hasRoom)
    }

    private func shares(_ candidates: [UpstreamChoice.Candidate]) -> [Double] {
        var generator = SeededGenerator(3)
        var counts = [Int](repeating: 0, count: candidates.count)
        for _ in 0..<20_000 {
            if let index = UpstreamChoice.pick(candidates, &generator) { counts[index] += 1 }
        }
        return counts.map { Double($0) / 20_000 }
    }

    @Test("shares by weight while nobody is busy")
    func weights() {
        let shares = shares([candidate(0, weight: 3), candidate(1, weight: 1)])
        #expect(abs(shares[0] - 0.75) < 0.02 && abs(shares[1] - 0.25) < 0.02)
    }

    @Test("takes the one with less to do for its weight")
    func load() {
        #expect(shares([candidate(0, outstanding: 5), candidate(1, outstanding: 4)]) == [0, 1])
        #expect(shares([candidate(0, weight: 3, outstanding: 5), candidate(1, outstanding: 2)])[0] > 0.999)
    }

    @Test("never takes the busiest of three")
    func two() {
        let shares = shares([candidate(0, outstanding: 9), candidate(1), candidate(2)])
        #expect(shares[0] == 0 && abs(shares[1] - 0.5) < 0.02)
    }

    @Test("keeps to the best priority that is worth asking")
    func priorities() {
        #expect(shares([candidate(0, outstanding: 99), candidate(1, priority: 1)]) == [1, 0])
        #expect(shares([candidate(0, worth: .broken(1)), candidate(1, priority: 1)]) == [0, 1])
        #expect(shares([candidate(0, worth: .cooling), candidate(1, priority: 1)]) == [0, 1])
        #expect(shares([candidate(0, hasRoom: false), candidate(1, priority: 1)]) == [0, 1])
        #expect(shares([candidate(0, hasRoom: false), candidate(1, worth: .cooling)]) == [1, 0])
        #expect(shares([candidate(0, worth: .cooling), candidate(1, worth: .broken(1))]) == [1, 0])
        #expect(shares([candidate(0, worth: .broken(1))]) == [0])
    }
}

/// A generator whose numbers are the same each time. Source: SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
