/// What a request holds of its budgets.
package struct BudgetHolding: Sendable {
    package let subjects: LimitSubjects
    /// In whose periods it counts.
    package let day: BudgetDay
    package let cost: BudgetCost

    package init(subjects: LimitSubjects, day: BudgetDay, cost: BudgetCost) {
        self.subjects = subjects
        self.day = day
        self.cost = cost
    }
}

/// Whoever granted a reservation, and takes in what it came to.
package protocol BudgetHolder: AnyObject, Sendable {
    func settle(_ holding: BudgetHolding, actual: BudgetCost)
}

/// The right to make one request within its budgets. Settled once, and charged in full when it is dropped unsettled.
///
/// `@unchecked Sendable`: touched by the exchange's task only.
package final class BudgetReservation: @unchecked Sendable {
    private let holder: any BudgetHolder
    private let holding: BudgetHolding
    private var isSettled = false

    package init(_ holder: any BudgetHolder, _ holding: BudgetHolding) {
        self.holder = holder
        self.holding = holding
    }

    package var day: BudgetDay { holding.day }

    /// Charges what the request used, once: a second call does nothing.
    package func settle(_ actual: BudgetCost) {
        guard !isSettled else { return }
        isSettled = true
        holder.settle(holding, actual: actual)
    }

    deinit {
        if !isSettled { holder.settle(holding, actual: holding.cost) }
    }
}
