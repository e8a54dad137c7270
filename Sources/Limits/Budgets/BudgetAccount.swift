/// What one subject spent and holds, by kind, in the periods of one day. 72 bytes.
struct BudgetAccount: Sendable {
    private(set) var day: BudgetDay
    private var spent: InlineArray<4, Int64> = [0, 0, 0, 0]
    /// What requests in flight may still use. Counted for kinds without a budget too, so that one which comes later knows; there
    /// it may wrap, and unwraps as they end.
    private var held: InlineArray<4, Int64> = [0, 0, 0, 0]

    init(on day: BudgetDay) {
        self.day = day
    }

    /// Begins the periods of `day` that are not begun. A day that is over does not come back.
    mutating func advance(to day: BudgetDay) {
        guard day > self.day else { return }
        for kind in BudgetKind.allCases where kind.period(of: day) != kind.period(of: self.day) {
            spent[Int(kind.rawValue)] = 0
            held[Int(kind.rawValue)] = 0
        }
        self.day = day
    }

    /// Takes over what the store knows and we don't.
    mutating func learn(_ before: SpentBefore, _ subject: BudgetSubject) {
        for kind in BudgetKind.allCases {
            let index = Int(kind.rawValue)
            spent[index] = max(spent[index], before.spent(subject, kind, on: day))
        }
    }

    /// What may still be used of a budget; below 0 after overruns.
    func left(of budget: Int64, _ kind: BudgetKind) -> Int64 {
        budget &- spent[Int(kind.rawValue)] &- held[Int(kind.rawValue)]
    }

    mutating func hold(_ cost: BudgetCost) {
        for kind in BudgetKind.allCases { held[Int(kind.rawValue)] &+= cost.units(kind) }
    }

    /// Ends what was held on `day`: in the periods that have ended since, nobody asks any more.
    mutating func settle(_ cost: BudgetCost, actual: BudgetCost, heldOn day: BudgetDay) {
        for kind in BudgetKind.allCases where kind.period(of: day) == kind.period(of: self.day) {
            let index = Int(kind.rawValue)
            held[index] &-= cost.units(kind)
            spent[index] = BudgetUnits.sum(spent[index], actual.units(kind))
        }
    }

    /// Whether forgetting it changes nothing: nothing is in flight, and the store knows of all that was spent.
    func isKnown(to before: SpentBefore, _ subject: BudgetSubject, on today: BudgetDay) -> Bool {
        BudgetKind.allCases.allSatisfy { kind in
            if kind.period(of: day) != kind.period(of: today) { return true }
            let index = Int(kind.rawValue)
            return held[index] == 0 && spent[index] <= before.spent(subject, kind, on: today)
        }
    }
}

/// Tokens, or billionths of money.
package enum BudgetUnits {
    /// Bounded, so that nothing overflows.
    package static func sum(_ left: Int64, _ right: Int64) -> Int64 { min(left &+ min(right, 1 << 61), 1 << 61) }
}
