/// How much one key, application, organisation or end user may use in a calendar day and month of UTC. `nil` means no budget.
///
/// Unlike a limit, a budget does not refill: what is spent is spent until the period ends.
package struct BudgetSettings: Sendable, Hashable, Codable {
    /// Tokens of prompt and completion together.
    package var tokensPerDay: Int?
    package var tokensPerMonth: Int?
    package var moneyPerDay: Money?
    package var moneyPerMonth: Money?

    /// `nil` where none of them is set, so that no budgets are one value.
    package init?(
        tokensPerDay: Int? = nil, tokensPerMonth: Int? = nil, moneyPerDay: Money? = nil, moneyPerMonth: Money? = nil
    ) {
        self.tokensPerDay = tokensPerDay
        self.tokensPerMonth = tokensPerMonth
        self.moneyPerDay = moneyPerDay
        self.moneyPerMonth = moneyPerMonth
        if tokensPerDay == nil, tokensPerMonth == nil, moneyPerDay == nil, moneyPerMonth == nil { return nil }
    }

    /// These, with those that `other` states in their place.
    func overridden(by other: BudgetSettings) -> BudgetSettings? {
        BudgetSettings(
            tokensPerDay: other.tokensPerDay ?? tokensPerDay, tokensPerMonth: other.tokensPerMonth ?? tokensPerMonth,
            moneyPerDay: other.moneyPerDay ?? moneyPerDay, moneyPerMonth: other.moneyPerMonth ?? moneyPerMonth)
    }

    package var isInMoney: Bool { moneyPerDay != nil || moneyPerMonth != nil }

    /// Of that kind, in its units; `nil` where there is none.
    package subscript(kind: BudgetKind) -> Int64? {
        switch kind {
        case .tokensPerDay: tokensPerDay.map { Int64(max(0, $0)) }
        case .tokensPerMonth: tokensPerMonth.map { Int64(max(0, $0)) }
        case .moneyPerDay: moneyPerDay?.nanos
        case .moneyPerMonth: moneyPerMonth?.nanos
        }
    }
}

/// What is budgeted: tokens, or nanos of money, in a day or a month.
package enum BudgetKind: UInt8, Sendable, Hashable, CaseIterable {
    case tokensPerDay = 0
    case tokensPerMonth = 1
    case moneyPerDay = 2
    case moneyPerMonth = 3

    package var isOfDay: Bool { self == .tokensPerDay || self == .moneyPerDay }
    package var isInMoney: Bool { self == .moneyPerDay || self == .moneyPerMonth }

    /// As settings and metrics name it.
    package var name: String {
        switch self {
        case .tokensPerDay: "tokens_per_day"
        case .tokensPerMonth: "tokens_per_month"
        case .moneyPerDay: "money_per_day"
        case .moneyPerMonth: "money_per_month"
        }
    }

    /// The number of the period that a day lies in; periods of one kind follow one another.
    package func period(of day: BudgetDay) -> Int32 { isOfDay ? day.number : day.month }

    /// The first day of the period after the one that a day lies in.
    package func renewal(after day: BudgetDay) -> BudgetDay { isOfDay ? day.next : day.nextMonth }
}

/// What a request may cost, or has cost.
package struct BudgetCost: Sendable, Hashable {
    package var tokens: Int
    /// 0 where the model has no price; such a request passes no budget in money.
    package var money: Money

    package init(tokens: Int, money: Money) {
        self.tokens = tokens
        self.money = money
    }

    package func units(_ kind: BudgetKind) -> Int64 {
        kind.isInMoney ? money.nanos : Int64(min(max(tokens, 0), 1 << 52))
    }
}

/// Why a request was not granted. Nothing was charged for it.
package enum BudgetRefusal: Error, Sendable, Hashable {
    /// Used up until the period ends.
    case exhausted(Exhausted)
    /// The request alone may cost more than the whole budget, so no wait helps.
    case costAboveBudget(Exhausted)
    /// Every place is held by a subject that spends. It refuses rather than serve without a budget.
    case tableFull
    /// What was spent before is not known, so nothing can be said.
    case unknown

    package struct Exhausted: Sendable, Hashable {
        /// Whose budget; of several, the one that renews last.
        package var scope: LimitScope
        package var kind: BudgetKind
        /// Tokens or nanos.
        package var budget: Int64
        /// Microseconds since 1970 of the moment at which it renews.
        package var renewsAt: Int64

        package init(scope: LimitScope, kind: BudgetKind, budget: Int64, renewsAt: Int64) {
            self.scope = scope
            self.kind = kind
            self.budget = budget
            self.renewsAt = renewsAt
        }
    }
}

/// Gathers, over subjects and kinds, what stands in the way; the budget that renews last wins, so that whoever waits as told
/// is not refused by another.
package struct BudgetObstacles: Sendable {
    private let day: BudgetDay
    private var worst: BudgetRefusal.Exhausted?
    private var isAbove = false

    package init(on day: BudgetDay) { self.day = day }

    /// - Parameter cost: If it is more than the budget, no wait helps.
    package mutating func note(_ scope: LimitScope, _ kind: BudgetKind, budget: Int64, cost: Int64) {
        let obstacle = BudgetRefusal.Exhausted(
            scope: scope, kind: kind, budget: budget, renewsAt: kind.renewal(after: day).start)
        let wasAbove = isAbove
        if cost > budget { isAbove = true }
        guard let worst, wasAbove || !isAbove else {
            self.worst = obstacle
            return
        }
        if cost > budget || !wasAbove, obstacle.renewsAt > worst.renewsAt { self.worst = obstacle }
    }

    package var refusal: BudgetRefusal? {
        worst.map { isAbove ? .costAboveBudget($0) : .exhausted($0) }
    }
}
