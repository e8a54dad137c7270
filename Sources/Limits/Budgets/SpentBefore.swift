/// Whose spending it is.
package struct BudgetSubject: Sendable, Hashable {
    package let scope: LimitScope
    package let id: UInt64

    package init(scope: LimitScope, id: UInt64) {
        self.scope = scope
        self.id = id
    }
}

/// What the store says was spent, as of a day and its month: by other processes, by this one's forerunner, or by this one.
/// It lags behind, and only grows within a period; so the greater of it and of what is counted here is never too much.
package struct SpentBefore: Sendable {
    package let day: BudgetDay
    /// Whether all are in it. Where it is not, whoever is missing may have spent anything.
    package let isWhole: Bool
    private var sums: [BudgetSubject: InlineArray<4, Int64>] = [:]

    package init(day: BudgetDay, isWhole: Bool = true) {
        self.day = day
        self.isWhole = isWhole
    }

    package var count: Int { sums.count }

    /// - Parameter ofDay: of the day; otherwise of its month.
    package mutating func add(_ subject: BudgetSubject, ofDay: Bool, tokens: Int64, money: Int64) {
        var spent = sums[subject] ?? [0, 0, 0, 0]
        for (kind, units) in [
            (ofDay ? BudgetKind.tokensPerDay : .tokensPerMonth, tokens), (ofDay ? .moneyPerDay : .moneyPerMonth, money),
        ] {
            spent[Int(kind.rawValue)] = BudgetUnits.sum(spent[Int(kind.rawValue)], max(0, units))
        }
        sums[subject] = spent
    }

    /// In the period of the kind in which `day` lies; 0 where nothing is known of that period.
    package func spent(_ subject: BudgetSubject, _ kind: BudgetKind, on day: BudgetDay) -> Int64 {
        guard kind.period(of: self.day) == kind.period(of: day) else { return 0 }
        return sums[subject]?[Int(kind.rawValue)] ?? 0
    }

    /// Whether it can say what the subject has spent.
    package func knows(_ subject: BudgetSubject) -> Bool { isWhole || sums[subject] != nil }
}
