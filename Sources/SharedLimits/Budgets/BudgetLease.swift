internal import Limits

/// What this process holds of one subject's budgets. A pure state machine: decisions, calls and answers in any order.
///
/// ```
///                     charged in Redis
///   ├─────────────────────────┬───────────────────┬───────────────────┤
///     spent                     held by requests    spare
///                               in flight           for the next ones
/// ```
/// Redis counts all of it as spent, so using it needs no round trip; a process that is killed leaves its spare charged until
/// the period ends. Below 0 the spare is what was used beyond, which Redis is told.
struct BudgetLease: Sendable {
    /// Of the periods that this is of: Redis' as of its last answer, or ours while it has never answered.
    private(set) var day: BudgetDay
    private var budgets: BudgetSettings
    private var accounts = Accounts()
    private var isKnown = false
    private var sequence: Int64 = 0
    private var usedAt: Int64
    /// Whether an answer of this day has come.
    private var isHeld = false
    /// Whether Redis has taken in all that it was told.
    private var isTold = true

    private struct Account: Sendable {
        var charged: Int64 = 0
        var spent: Int64 = 0
        var held: Int64 = 0
        /// In Redis, as of the last answer.
        var spentByAll: Int64 = 0
        /// The least that was refused, and until when that answers, in nanoseconds.
        var refused: (cost: Int64, until: Int64)?
        /// What requests that wait for the next answer ask for.
        var first: Int64 = 0
        var asked: Int64 = 0

        var spare: Int64 { charged - spent - held }
    }

    private struct Accounts: Sendable {
        private var all = InlineArray<4, Account>(repeating: Account())

        subscript(kind: BudgetKind) -> Account {
            get { all[Int(kind.rawValue)] }
            set { all[Int(kind.rawValue)] = newValue }
        }
    }

    init(_ budgets: BudgetSettings, on day: BudgetDay, at now: Int64) {
        self.budgets = budgets
        self.day = day
        usedAt = now
    }

    /// Takes over the budgets as they are now.
    mutating func adopt(_ budgets: BudgetSettings) {
        guard budgets != self.budgets else { return }
        self.budgets = budgets
        for kind in BudgetKind.allCases { accounts[kind].refused = nil }
    }

    /// Turns to the periods of `day`. Redis says which they are; we, only while it is away.
    mutating func turn(to day: BudgetDay) {
        for kind in BudgetKind.allCases where kind.period(of: day) != kind.period(of: self.day) {
            // What waits goes on asking.
            let old = accounts[kind]
            accounts[kind] = Account()
            accounts[kind].first = old.first
            accounts[kind].asked = old.asked
        }
        self.day = day
    }

    enum Cover: Sendable, Equatable { case covered, uncovered, refused }

    /// Whether what is held covers a cost.
    ///
    /// - Parameter today: by this process's clock. Where Redis' last day is over, it must be asked.
    func cover(_ kind: BudgetKind, _ cost: Int64, on today: BudgetDay, at now: Int64) -> Cover {
        if cost == 0 { return .covered }
        guard isHeld, today <= day else { return .uncovered }
        let account = accounts[kind]
        if account.spare >= cost { return .covered }
        if let refused = account.refused, now < refused.until, cost >= refused.cost { return .refused }
        return .uncovered
    }

    /// Whether this process's share of what was left covers a cost, while Redis is away.
    func shareCovers(_ kind: BudgetKind, _ cost: Int64, floor: Int64, processes: Int) -> Bool {
        guard let budget = budgets[kind] else { return true }
        let spent = max(accounts[kind].spentByAll, floor)
        // What the store knows may be our own: then the share is the smaller.
        return accounts[kind].spare &- cost >= -(max(0, budget &- spent) / Int64(max(1, processes)))
    }

    mutating func hold(_ cost: BudgetCost, at now: Int64) {
        usedAt = now
        for kind in BudgetKind.allCases where budgets[kind] != nil {
            accounts[kind].held = BudgetUnits.sum(accounts[kind].held, cost.units(kind))
        }
    }

    /// Ends what was held on `day`, of the budgets that there were.
    mutating func settle(_ cost: BudgetCost, actual: BudgetCost, heldOn day: BudgetDay, of budgets: BudgetSettings) {
        for kind in BudgetKind.allCases
        where budgets[kind] != nil && kind.period(of: day) == kind.period(of: self.day) {
            accounts[kind].held = max(0, accounts[kind].held - cost.units(kind))
            accounts[kind].spent = BudgetUnits.sum(accounts[kind].spent, actual.units(kind))
        }
    }

    // MARK: - Calls

    mutating func ask(for cost: BudgetCost) {
        for kind in BudgetKind.allCases where budgets[kind] != nil {
            let units = cost.units(kind)
            if accounts[kind].asked == 0 { accounts[kind].first = units }
            accounts[kind].asked = BudgetUnits.sum(accounts[kind].asked, units)
        }
    }

    /// What to tell and ask. What is given back with it is no more ours from now on.
    mutating func beginCall(
        _ subject: BudgetSubject, _ before: SpentBefore, at now: Int64, _ terms: LeaseTerms
    ) -> BudgetCall.Subject {
        sequence = max(sequence + 1, now / 1_000)
        defer { (isKnown, isTold) = (true, false) }
        let isIdle = isIdle(at: now, terms)
        var asks: [BudgetCall.Ask?] = []
        for kind in BudgetKind.allCases {
            guard let budget = budgets[kind] else {
                asks.append(nil)
                continue
            }
            let most = Self.spareMax(of: budget, terms)
            // Half of what may be held, so that what settles back needs no call each time.
            let kept = most / 2
            let surplus = accounts[kind].spare - (isIdle ? 0 : kept)
            if accounts[kind].spare < 0 {
                accounts[kind].charged -= accounts[kind].spare
            } else if accounts[kind].asked == 0, surplus > 0 {
                accounts[kind].charged -= surplus
            }
            // Only whole units of Redis are charged there.
            let charged = kind.shared(accounts[kind].charged)
            accounts[kind].charged = kind.units(shared: charged)
            let lacking = accounts[kind].asked - accounts[kind].spare
            asks.append(
                BudgetCall.Ask(
                    budget: kind.shared(budget), charged: charged,
                    floor: kind.shared(before.spent(subject, kind, on: day)),
                    first: kind.shared(max(0, accounts[kind].first - accounts[kind].spare)),
                    wanted: accounts[kind].asked > 0 && lacking > 0 ? kind.shared(lacking + kept) : 0))
        }
        return BudgetCall.Subject(subject: subject, isKnown: isKnown, sequence: sequence, day: day, asks: asks)
    }

    /// Takes in the answer to the last call, or that there is none.
    mutating func endCall(
        _ call: BudgetCall.Subject, _ answer: BudgetAnswer.Subject?, at now: Int64, _ terms: LeaseTerms
    ) {
        defer {
            for kind in BudgetKind.allCases {
                accounts[kind].first = 0
                accounts[kind].asked = 0
            }
        }
        guard let answer, !answer.isLate, call.sequence == sequence else { return }
        turn(to: answer.day)
        (isHeld, isTold) = (true, true)
        for (kind, ask) in zip(BudgetKind.allCases, call.asks) {
            guard let ask, budgets[kind] != nil else { continue }
            let index = Int(kind.rawValue)
            accounts[kind].charged += kind.units(shared: answer.granted[index])
            accounts[kind].spentByAll = kind.units(shared: answer.spent[index])
            let isRefused = ask.wanted > 0 && answer.granted[index] == 0
            accounts[kind].refused = isRefused ? (accounts[kind].first, now + terms.budgetRefusal) : nil
        }
    }

    // MARK: - Upkeep

    /// Whether Redis should hear: something was used beyond what is charged, or is held by nobody who needs it.
    func hasNews(at now: Int64, _ terms: LeaseTerms) -> Bool {
        if hasUrgentNews(terms) { return true }
        guard isIdle(at: now, terms) else { return false }
        return BudgetKind.allCases.contains { budgets[$0] != nil && accounts[$0].spare >= $0.scale }
    }

    /// The same, whether or not the subject is idle; also where an answer never came.
    func hasUrgentNews(_ terms: LeaseTerms) -> Bool {
        if !isTold { return true }
        return BudgetKind.allCases.contains { kind in
            guard let budget = budgets[kind] else { return false }
            let spare = accounts[kind].spare
            return spare < 0 || spare >= kind.scale && spare > Self.spareMax(of: budget, terms)
        }
    }

    private func isIdle(at now: Int64, _ terms: LeaseTerms) -> Bool { now - usedAt >= terms.lifetime }

    /// Whether forgetting it changes nothing: Redis knows all, and nothing is held. What Redis said is needed while it is
    /// away.
    func canBeForgotten(at now: Int64, whileAway: Bool, _ terms: LeaseTerms) -> Bool {
        isIdle(at: now, terms) && isTold && !(whileAway && isKnown)
            && BudgetKind.allCases.allSatisfy { kind in
                let account = accounts[kind]
                return account.held == 0 && account.asked == 0 && (0..<kind.scale).contains(account.spare)
            }
    }

    /// The most that a process keeps unused of a budget.
    static func spareMax(of budget: Int64, _ terms: LeaseTerms) -> Int64 { Int64(terms.spareMax(of: Int(budget))) }
}
