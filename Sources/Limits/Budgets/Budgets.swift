internal import Snapshots
internal import Synchronization

/// Grants requests within the budgets of their key, application, organisation and end user: all of them or none.
///
/// ```
///        ├────────── spent ──────────┼─ held by requests in flight ─┼──── left ────┤ budget of the period
///   a request holds the most that it may cost, and spends what it cost
/// ```
/// So within a period what was spent never exceeds the budget, but for what requests used beyond what they held. Periods are
/// days and months of UTC, and a request counts in those in which it began. A wall clock that steps back opens none again:
/// the latest day that was seen stays today.
///
/// What was spent outlives the process in the store, whose sums are learnt at the start and now and then (`learn`). Until
/// then whoever has a budget is refused.
///
/// Memory: some 130 bytes a subject that has a budget and spends. Whatever the store knows can be forgotten when places are
/// scarce; when none is to be had, strangers are refused.
package final class Budgets: Sendable {
    /// Accounts of some organisations. One lock, so a decision is atomic over all scopes.
    private let shards: [Lock<[BudgetSubject: BudgetAccount]>]
    private let before = Snapshot<SpentBefore?>(nil)
    /// The latest day that was seen.
    private let latest = Atomic<Int32>(.min)
    /// Accounts in all shards.
    private let occupied = Atomic<Int>(0)
    /// When accounts were last swept, in seconds since 1970.
    private let sweptAt = Atomic<Int64>(.min)
    private let capacity: Int

    /// - Parameters:
    ///   - capacity: How many subjects may be spending at once.
    ///   - shards: A power of two.
    package init(capacity: Int = 1 << 20, shards: Int = 64) {
        precondition(shards > 0 && shards & (shards - 1) == 0, "The number of shards is a power of two.")
        self.capacity = capacity
        self.shards = (0..<shards).map { _ in Lock([:]) }
    }

    /// How many subjects are kept.
    package var subjectCount: Int { occupied.load(ordering: .relaxed) }

    /// Today, or the latest day that was seen if that is later.
    package func today(at microseconds: Int64) -> BudgetDay {
        let day = BudgetDay(microseconds: microseconds).number
        // Written once a day only, so that loops share its cache line.
        let seen = latest.load(ordering: .relaxed)
        if day <= seen { return BudgetDay(number: seen) }
        return BudgetDay(number: latest.max(day, ordering: .relaxed).newValue)
    }

    /// Takes over what the store says was spent. Never lowers what is counted here.
    package func learn(_ spent: SpentBefore) {
        // First for accounts to come, then for those that are there: none is missed.
        before.replace(with: spent)
        for shard in shards {
            shard.withLock { accounts in
                for subject in Array(accounts.keys) { accounts[subject]?.learn(spent, subject) }
            }
        }
    }

    /// Holds the most that a request may cost. One lock; no I/O.
    ///
    /// - Parameter microseconds: the wall clock's, since 1970.
    /// - Throws: Which budget stands in the way; then nothing was held.
    package func reserve(
        _ subjects: LimitSubjects, _ cost: BudgetCost, at microseconds: Int64
    ) throws(BudgetRefusal) -> BudgetReservation {
        let day = today(at: microseconds)
        guard let spent = before.current else { throw .unknown }
        var decision = decide(subjects, cost, on: day, spent)
        if case .tableFull? = decision, sweep(spent, on: day, at: microseconds) {
            decision = decide(subjects, cost, on: day, spent)
        }
        if let decision { throw decision }
        return BudgetReservation(self, BudgetHolding(subjects: subjects, day: day, cost: cost))
    }

    private func decide(
        _ subjects: LimitSubjects, _ cost: BudgetCost, on day: BudgetDay, _ spent: SpentBefore
    ) -> BudgetRefusal? {
        shard(of: subjects).withLock { accounts -> BudgetRefusal? in
            var obstacles = BudgetObstacles(on: day)
            var strangers = 0
            var (isUnknown, isUserStrange) = (false, false)
            subjects.forEachBudgeted { subject, budgets in
                var account = accounts[subject]
                if account == nil {
                    strangers += 1
                    isUserStrange = isUserStrange || subject.scope == .endUser
                    isUnknown = isUnknown || !spent.knows(subject)
                    account = BudgetAccount(on: day)
                    account?.learn(spent, subject)
                } else {
                    account?.advance(to: day)
                }
                for kind in BudgetKind.allCases {
                    guard let budget = budgets[kind], let left = account?.left(of: budget, kind) else { continue }
                    let units = cost.units(kind)
                    if units > max(0, left) { obstacles.note(subject.scope, kind, budget: budget, cost: units) }
                }
            }
            if let refusal = obstacles.refusal { return refusal }
            if isUnknown { return .unknown }
            guard strangers == 0 || claim(strangers, forEndUser: isUserStrange) else {
                return .tableFull
            }
            subjects.forEachBudgeted { subject, _ in
                var account = accounts[subject] ?? BudgetAccount(on: day)
                account.advance(to: day)
                account.learn(spent, subject)
                account.hold(cost)
                accounts[subject] = account
            }
            return nil
        }
    }

    /// An application can name as many end users as it likes, so they never take the last eighth of the places from keys,
    /// applications and organisations.
    private func claim(_ places: Int, forEndUser: Bool) -> Bool {
        let bound = forEndUser ? capacity - capacity / 8 : capacity
        if occupied.add(places, ordering: .relaxed).newValue <= bound { return true }
        occupied.subtract(places, ordering: .relaxed)
        return false
    }

    /// Forgets what the store knows, at most once a second so that a flood of strangers can't make it the main work.
    ///
    /// - Returns: Whether it swept.
    private func sweep(_ spent: SpentBefore, on day: BudgetDay, at microseconds: Int64) -> Bool {
        let second = microseconds / 1_000_000
        let last = sweptAt.load(ordering: .relaxed)
        guard second != last, sweptAt.compareExchange(expected: last, desired: second, ordering: .relaxed).exchanged
        else { return false }
        for shard in shards {
            let forgotten = shard.withLock { accounts in
                let before = accounts.count
                accounts = accounts.filter { !$1.isKnown(to: spent, $0, on: day) }
                return before - accounts.count
            }
            occupied.subtract(forgotten, ordering: .relaxed)
        }
        return true
    }

    private func shard(of subjects: LimitSubjects) -> Lock<[BudgetSubject: BudgetAccount]> {
        shards[Int(truncatingIfNeeded: subjects.tableKey(.organisation) >> 40) & (shards.count - 1)]
    }
}

extension Budgets: BudgetHolder {
    package func settle(_ holding: BudgetHolding, actual: BudgetCost) {
        shard(of: holding.subjects).withLock { accounts in
            holding.subjects.forEachBudgeted { subject, _ in
                accounts[subject]?.settle(holding.cost, actual: actual, heldOn: holding.day)
            }
        }
    }
}
