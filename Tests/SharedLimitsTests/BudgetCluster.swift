import Foundation
import Limits
import Testing

@testable import SharedLimits

/// The script of budgets on a real server, with a clock that the tests set.
struct BudgetBench {
    let server: RedisServer
    let client: RedisClient
    private let digest: String

    init() throws {
        server = try RedisServer()
        client = try RedisClient(port: server.port)
        let text = BudgetScript.text.replacingOccurrences(
            of: "redis.call('TIME')", with: "redis.call('HMGET', '{steward}:clock', 's', 'us')")
        #expect(text != BudgetScript.text)
        guard case .text(let digest) = try client.run(["SCRIPT", "LOAD", text]) else {
            throw RedisFailure("The script can't be loaded.")
        }
        self.digest = digest
    }

    func setClock(_ microseconds: Int64) throws {
        try client.run([
            "HSET", "{steward}:clock", "s", "\(microseconds / 1_000_000)", "us", "\(microseconds % 1_000_000)",
        ])
    }

    func serve(_ call: BudgetCall, _ process: Int) throws -> BudgetAnswer {
        let words = BudgetScript.arguments(call, namespace: "steward", process: "\(process)")
        let reply = try client.run(["EVALSHA", digest] + words)
        guard let answer = BudgetScript.answer(reply, to: call) else { throw RedisFailure("\(reply)") }
        return answer
    }

    /// All that Redis knows is gone, but for the clock.
    func forget() throws {
        guard case .array(let keys) = try client.run(["KEYS", "{steward}:b:*"]) else { return }
        for case .text(let key) in keys { try client.run(["DEL", key]) }
    }
}

/// Some processes that share budgets, each with a clock of its own, and what came of their requests.
struct BudgetCluster {
    enum Fate: CaseIterable { case answered, lostOnTheWay, lostOnTheWayBack }

    struct Grant {
        var process: Int
        var day: BudgetDay
        var cost: BudgetCost
    }

    let bench: BudgetBench
    let terms: LeaseTerms
    var groups: [BudgetGroup]
    /// Redis' clock, in microseconds.
    var time: Int64
    /// What processes' clocks are ahead, in microseconds.
    var ahead: [Int64]
    var before: SpentBefore
    var open: [Grant] = []
    /// Of tokens, by month and by day.
    var spent: [BudgetKind: [Int32: Int64]] = [.tokensPerDay: [:], .tokensPerMonth: [:], .moneyPerMonth: [:]]
    var overruns: [BudgetKind: [Int32: Int64]] = [.tokensPerDay: [:], .tokensPerMonth: [:], .moneyPerMonth: [:]]

    init(processes: Int, terms: LeaseTerms, at time: Int64) throws {
        bench = try BudgetBench()
        self.terms = terms
        self.time = time
        groups = (0..<processes).map { _ in BudgetGroup(terms) }
        ahead = Array(repeating: 0, count: processes)
        before = SpentBefore(day: BudgetDay(microseconds: time))
        try bench.setClock(time)
    }

    mutating func advance(_ microseconds: Int64) throws {
        time += microseconds
        try bench.setClock(time)
    }

    func today(_ process: Int) -> BudgetDay { BudgetDay(microseconds: time + ahead[process]) }

    var now: Int64 { time * 1_000 }

    /// Asks, with a call of Redis where it is needed; what became of the request, `nil` where Redis could not be asked.
    mutating func ask(
        _ process: Int, _ subjects: LimitSubjects, _ cost: BudgetCost, fate: Fate = .answered
    ) throws -> BudgetOutcome {
        switch groups[process].decide(subjects, cost, before, on: today(process), at: now) {
        case .granted(let day): return note(.granted(day), process, cost)
        case .refused(let refusal): return .refused(refusal)
        case .uncovered: break
        }
        let waiter = BudgetWaiter(
            subjects: subjects, cost: cost, today: today(process), deadline: .max, continuation: nil)
        let waits = groups[process].wait(waiter)
        #expect(waits)
        for _ in 0...LeaseGroup.callsMax {
            let outcomes = try call(process, fate: fate)
            if let (_, outcome) = outcomes.first { return note(outcome, process, cost) }
        }
        return .unavailable
    }

    private mutating func note(_ outcome: BudgetOutcome, _ process: Int, _ cost: BudgetCost) -> BudgetOutcome {
        if case .granted(let day) = outcome { open.append(Grant(process: process, day: day, cost: cost)) }
        return outcome
    }

    @discardableResult
    mutating func call(_ process: Int, fate: Fate) throws -> [(BudgetWaiter, BudgetOutcome)] {
        guard let call = groups[process].beginCall(before, at: now, sweeping: true) else { return [] }
        let answer = fate == .lostOnTheWay ? nil : try bench.serve(call, process)
        return groups[process].endCall(fate == .answered ? answer : nil, before, at: now)
    }

    mutating func settle(_ index: Int, _ subjects: LimitSubjects, actual: BudgetCost) {
        let grant = open.remove(at: index)
        groups[grant.process].settle(
            BudgetHolding(subjects: subjects, day: grant.day, cost: grant.cost), actual: actual)
        for kind in [BudgetKind.tokensPerDay, .tokensPerMonth, .moneyPerMonth] {
            let period = kind.period(of: grant.day)
            spent[kind]![period, default: 0] += actual.units(kind)
            overruns[kind]![period, default: 0] += max(0, actual.units(kind) - grant.cost.units(kind))
        }
    }

    /// As the store would tell, of the day and the month of Redis' clock.
    mutating func learn(_ subjects: LimitSubjects) {
        let day = BudgetDay(microseconds: time)
        before = SpentBefore(day: day)
        let key = BudgetSubject(scope: .key, id: subjects.key.id)
        before.add(key, ofDay: true, tokens: spent[.tokensPerDay]![day.number] ?? 0, money: 0)
        before.add(
            key, ofDay: false, tokens: spent[.tokensPerMonth]![day.month] ?? 0,
            money: spent[.moneyPerMonth]![day.month] ?? 0)
    }
}
