internal import Limits

/// A request that waits for Redis to say whether its budgets allow it.
struct BudgetWaiter: Sendable {
    let subjects: LimitSubjects
    let cost: BudgetCost
    let today: BudgetDay
    /// Nanoseconds of the process's clock.
    let deadline: Int64
    var calls = 0
    let continuation: UnsafeContinuation<BudgetOutcome, Never>?
}

/// How a wait ended.
enum BudgetOutcome: Sendable {
    /// In the periods of that day.
    case granted(BudgetDay)
    case refused(BudgetRefusal)
    case unavailable
}

/// All leases of budgets of one organisation, its applications, their keys and end users, and the requests that wait.
///
/// A pure state machine, as `LeaseGroup` is: whoever owns it keeps it behind a lock and makes the calls, one at a time.
struct BudgetGroup: Sendable {
    private var leases: [BudgetSubject: BudgetLease] = [:]
    private var waiting: [BudgetWaiter] = []
    private var call: BudgetCall?
    /// Of which Redis should hear, as far as it was noticed; those that only went idle are found by a sweep.
    private var news: Set<BudgetSubject> = []
    private let terms: LeaseTerms

    init(_ terms: LeaseTerms) {
        self.terms = terms
    }

    enum Decision: Sendable {
        case granted(BudgetDay)
        case refused(BudgetRefusal)
        case uncovered
    }

    /// Decides from what is held. No I/O.
    mutating func decide(
        _ request: LimitSubjects, _ cost: BudgetCost, _ before: SpentBefore, on today: BudgetDay, at now: Int64
    ) -> Decision {
        if let refusal = refusalOfStranger(request, before) { return .refused(refusal) }
        // Scopes may be of different days just after midnight: then those of the earlier are asked again.
        var day = today
        forEachBudgeted(request, on: today, at: now) { lease, _, _ in day = max(day, lease.day) }
        var obstacles = BudgetObstacles(on: day)
        var isCovered = true
        forEachBudgeted(request, on: today, at: now) { lease, subject, budgets in
            for kind in BudgetKind.allCases {
                guard let budget = budgets[kind] else { continue }
                let units = cost.units(kind)
                if units > budget {
                    obstacles.note(subject.scope, kind, budget: budget, cost: units)
                    continue
                }
                switch lease.cover(kind, units, on: day, at: now) {
                case .covered: break
                case .uncovered: isCovered = false
                case .refused: obstacles.note(subject.scope, kind, budget: budget, cost: units)
                }
            }
        }
        if let refusal = obstacles.refusal { return .refused(refusal) }
        guard isCovered else { return .uncovered }
        forEachBudgeted(request, on: today, at: now) { lease, _, _ in lease.hold(cost, at: now) }
        return .granted(day)
    }

    /// Decides by this process's share of what was left, while Redis is away.
    mutating func decideByShare(
        _ request: LimitSubjects, _ cost: BudgetCost, _ before: SpentBefore, on today: BudgetDay, at now: Int64
    ) -> Decision {
        if let refusal = refusalOfStranger(request, before) { return .refused(refusal) }
        // One day for all, in which what is held is given back.
        var day = today
        forEachBudgeted(request, on: today, at: now) { lease, _, _ in day = max(day, lease.day) }
        var obstacles = BudgetObstacles(on: day)
        let processes = terms.processes
        forEachBudgeted(request, on: today, at: now) { lease, subject, budgets in
            if day > lease.day { lease.turn(to: day) }
            for kind in BudgetKind.allCases {
                guard let budget = budgets[kind] else { continue }
                let units = cost.units(kind)
                let floor = before.spent(subject, kind, on: day)
                if units > budget || !lease.shareCovers(kind, units, floor: floor, processes: processes) {
                    obstacles.note(subject.scope, kind, budget: budget, cost: units)
                }
            }
        }
        if let refusal = obstacles.refusal { return .refused(refusal) }
        forEachBudgeted(request, on: today, at: now) { lease, _, _ in lease.hold(cost, at: now) }
        return .granted(day)
    }

    /// An application can name as many end users as it likes; memory has a bound all the same.
    private func refusalOfStranger(_ request: LimitSubjects, _ before: SpentBefore) -> BudgetRefusal? {
        var refusal: BudgetRefusal?
        request.forEachBudgeted { subject, _ in
            guard leases[subject] == nil else { return }
            if !before.knows(subject) {
                refusal = .unknown
            } else if subject.scope == .endUser, leases.count >= LeaseGroup.endUsersMax {
                refusal = refusal ?? .tableFull
            }
        }
        return refusal
    }

    mutating func settle(_ holding: BudgetHolding, actual: BudgetCost) {
        holding.subjects.forEachBudgeted { subject, budgets in
            leases[subject]?.settle(holding.cost, actual: actual, heldOn: holding.day, of: budgets)
            if leases[subject]?.hasUrgentNews(terms) ?? false { news.insert(subject) }
        }
    }

    // MARK: - Waiting

    /// - Returns: `false` when as many wait as may.
    mutating func wait(_ waiter: BudgetWaiter) -> Bool {
        guard waiting.count < LeaseGroup.waitingMax else { return false }
        waiting.append(waiter)
        return true
    }

    /// Ends the wait of those whose deadline has come: for them Redis is too slow.
    mutating func endLate(at now: Int64) -> [BudgetWaiter] {
        guard waiting.contains(where: { $0.deadline <= now }) else { return [] }
        let late = waiting.filter { $0.deadline <= now }
        waiting.removeAll { $0.deadline <= now }
        return late
    }

    var hasWaiting: Bool { !waiting.isEmpty }

    /// What to tell and ask Redis now; `nil` while a call is under way or nothing is due.
    ///
    /// - Parameter sweeping: Whether to look at every lease for something to give back.
    mutating func beginCall(_ before: SpentBefore, at now: Int64, sweeping: Bool) -> BudgetCall? {
        guard call == nil else { return nil }
        var due: [BudgetSubject] = []
        for place in waiting.indices where due.count + LimitScope.allCases.count <= LeaseGroup.askingMax {
            waiting[place].calls += 1
            let waiter = waiting[place]
            forEachBudgeted(waiter.subjects, on: waiter.today, at: now) { lease, subject, _ in
                lease.ask(for: waiter.cost)
                if !due.contains(subject) { due.append(subject) }
            }
        }
        if sweeping {
            for (subject, lease) in leases where lease.hasNews(at: now, terms) { news.insert(subject) }
        }
        for subject in due { news.remove(subject) }
        while due.count < LeaseGroup.subjectsMax, let subject = news.popFirst() {
            if leases[subject]?.hasNews(at: now, terms) ?? false { due.append(subject) }
        }
        guard !due.isEmpty else { return nil }
        var new = BudgetCall()
        for subject in due {
            guard let told = leases[subject]?.beginCall(subject, before, at: now, terms) else { continue }
            new.subjects.append(told)
        }
        call = new
        return new
    }

    /// Takes in the answer to the call under way, or that there is none, and says how those that waited are decided. Those
    /// for whom there is no decision wait for the next call.
    mutating func endCall(
        _ answer: BudgetAnswer?, _ before: SpentBefore, at now: Int64
    ) -> [(BudgetWaiter, BudgetOutcome)] {
        guard let call else { return [] }
        self.call = nil
        for (index, asked) in call.subjects.enumerated() {
            leases[asked.subject]?.endCall(asked, answer?.subjects[index], at: now, terms)
            if leases[asked.subject]?.hasUrgentNews(terms) ?? false { news.insert(asked.subject) }
        }
        let all = waiting
        waiting = []
        guard answer != nil else { return all.map { ($0, .unavailable) } }
        var outcomes: [(BudgetWaiter, BudgetOutcome)] = []
        for waiter in all {
            // Redis says which day it is.
            let day = waiter.subjects.budgetDay(in: leases) ?? waiter.today
            switch decide(waiter.subjects, waiter.cost, before, on: day, at: now) {
            case .granted(let day): outcomes.append((waiter, .granted(day)))
            case .refused(let refusal): outcomes.append((waiter, .refused(refusal)))
            // Others took what came, so it is not known whether there is more.
            case .uncovered where waiter.calls >= LeaseGroup.callsMax: outcomes.append((waiter, .refused(.unknown)))
            case .uncovered: waiting.append(waiter)
            }
        }
        return outcomes
    }

    // MARK: - Upkeep

    /// Gives everything back that is not in flight, at shutdown.
    mutating func beginLeaving(_ before: SpentBefore, at now: Int64) -> [BudgetCall] {
        // As if idle for long.
        let later = now + terms.lifetime
        let due = leases.filter { $1.hasNews(at: later, terms) }.map(\.key)
        return stride(from: 0, to: due.count, by: LeaseGroup.subjectsMax).map { start in
            var call = BudgetCall()
            for subject in due[start..<min(start + LeaseGroup.subjectsMax, due.count)] {
                guard let told = leases[subject]?.beginCall(subject, before, at: later, terms) else { continue }
                call.subjects.append(told)
            }
            return call
        }
    }

    /// Forgets subjects of which nothing is held. Not while a call is under way, whose answer may give them something; and
    /// while Redis is away only those that it was never told of, since who has used a share must not have it twice.
    mutating func forgetIdle(at now: Int64, whileAway: Bool) {
        guard call == nil, waiting.isEmpty else { return }
        leases = leases.filter { !$1.canBeForgotten(at: now, whileAway: whileAway, terms) }
    }

    var isEmpty: Bool { leases.isEmpty && waiting.isEmpty && call == nil }
    var subjectCount: Int { leases.count }

    private mutating func forEachBudgeted(
        _ request: LimitSubjects, on today: BudgetDay, at now: Int64,
        _ body: (inout BudgetLease, BudgetSubject, BudgetSettings) -> Void
    ) {
        request.forEachBudgeted { subject, budgets in
            var lease = leases[subject] ?? BudgetLease(budgets, on: today, at: now)
            lease.adopt(budgets)
            body(&lease, subject, budgets)
            leases[subject] = lease
        }
    }
}

extension LimitSubjects {
    /// The earliest day of those that Redis has told for its subjects.
    fileprivate func budgetDay(in leases: [BudgetSubject: BudgetLease]) -> BudgetDay? {
        var day: BudgetDay?
        forEachBudgeted { subject, _ in
            guard let told = leases[subject]?.day else { return }
            day = min(day ?? told, told)
        }
        return day
    }
}
