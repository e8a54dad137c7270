package import Limits
internal import Snapshots
internal import Synchronization
internal import Telemetry

/// Grants requests within budgets that several processes share through one Redis, by leases, over the link of the limiter.
///
/// All that a process may use is charged in Redis beforehand, so within a period *N* processes that may hold *l* unused spend
/// no more than `B + Σ(actual − reserved)`, and where Redis forgets `N · l` more than what the store knew by then; see
/// `docs/guides/budgets.md`. Money is leased in whole millionths.
package final class SharedBudgets: Sendable {
    private let groups: Shards<BudgetGroup>
    private let before = Snapshot<SpentBefore?>(nil)
    private let terms: LeaseTerms
    private let link: RedisLink
    private let metrics: SharedLimitMetrics
    private let waitMax: Int64
    private let hasLeft = Atomic<Bool>(false)

    init(terms: LeaseTerms, link: RedisLink, metrics: SharedLimitMetrics, waitMax: Int64) {
        self.terms = terms
        self.link = link
        self.metrics = metrics
        self.waitMax = waitMax
        groups = Shards { BudgetGroup(terms) }
    }

    /// Takes over what the store says was spent; until the first time, whoever has a budget is refused.
    package func learn(_ spent: SpentBefore) { before.replace(with: spent) }

    /// Holds the most that a request may cost: from what is leased, or after a call of Redis.
    ///
    /// - Parameter today: by this process's clock.
    /// - Throws: Which budget stands in the way; then nothing was held. `unknown` where Redis is away and the policy is
    ///   `closed`.
    package func reserve(
        _ subjects: LimitSubjects, _ cost: BudgetCost, on today: BudgetDay
    ) async throws(BudgetRefusal) -> BudgetReservation {
        guard let spent = before.current else { throw .unknown }
        let now = Moment.now.nanoseconds
        var decision = withGroup(of: subjects) { $0.decide(subjects, cost, spent, on: today, at: now) }
        var counter = metrics.byLease
        if case .uncovered = decision, link.isOpen, !hasLeft.load(ordering: .relaxed) {
            counter = metrics.byRedis
            switch await decideWithRedis(subjects, cost, spent, on: today) {
            case .granted(let day): decision = .granted(day)
            case .refused(let refusal): decision = .refused(refusal)
            case .unavailable: break
            }
        }
        if case .uncovered = decision {
            guard terms.away == .localShare else {
                metrics.byNobody.add()
                throw .unknown
            }
            counter = metrics.byShare
            decision = withGroup(of: subjects) {
                $0.decideByShare(subjects, cost, spent, on: today, at: Moment.now.nanoseconds)
            }
        }
        counter.add()
        switch decision {
        case .granted(let day):
            return BudgetReservation(self, BudgetHolding(subjects: subjects, day: day, cost: cost))
        case .refused(let refusal):
            metrics.refused.add()
            throw refusal
        case .uncovered: throw .unknown
        }
    }

    private func decideWithRedis(
        _ subjects: LimitSubjects, _ cost: BudgetCost, _ spent: SpentBefore, on today: BudgetDay
    ) async -> BudgetOutcome {
        await withUnsafeContinuation { continuation in
            let now = Moment.now.nanoseconds
            let waiter = BudgetWaiter(
                subjects: subjects, cost: cost, today: today, deadline: now + waitMax, continuation: continuation)
            let (waits, call) = withGroup(of: subjects) { group in
                guard group.wait(waiter) else { return (false, BudgetCall?.none) }
                return (true, group.beginCall(spent, at: now, sweeping: false))
            }
            if !waits { continuation.resume(returning: .unavailable) }
            if let call { submit(call, of: subjects.organisation.id, at: now) }
        }
    }

    private func submit(_ call: BudgetCall, of organisation: UInt64, at now: Int64) {
        link.submit(RedisLink.Job(call: call, since: now) { [weak self] answer in self?.end(answer, of: organisation) })
    }

    private func end(_ answer: BudgetAnswer?, of organisation: UInt64) {
        guard let spent = before.current else { return }
        let now = Moment.now.nanoseconds
        let (outcomes, call) = groups.withGroup(organisation) { group in
            let answer = hasLeft.load(ordering: .relaxed) ? nil : answer
            let outcomes = group.endCall(answer, spent, at: now)
            // After one that failed, the next tick tries again.
            return (
                outcomes, answer != nil && group.hasWaiting ? group.beginCall(spent, at: now, sweeping: false) : nil
            )
        }
        for (waiter, outcome) in outcomes { waiter.continuation?.resume(returning: outcome) }
        if let call { submit(call, of: organisation, at: now) }
    }

    /// Ends waits, tells Redis what it should hear, and forgets who is idle. On the link's thread.
    func keep(at now: Int64, sweeping: Bool) {
        guard let spent = before.current else { return }
        let isOpen = link.isOpen && !hasLeft.load(ordering: .relaxed)
        groups.forEach {
            $1.endLate(at: now)
        } then: {
            for waiter in $0 { waiter.continuation?.resume(returning: .unavailable) }
        }
        guard isOpen || sweeping else { return }
        groups.forEach { key, group in
            let call = isOpen ? group.beginCall(spent, at: now, sweeping: sweeping) : nil
            if sweeping { group.forgetIdle(at: now, whileAway: !isOpen) }
            return call.map { [(key, $0)] } ?? []
        } then: {
            for (key, call) in $0 { submit(call, of: key, at: now) }
        }
        if sweeping { groups.removeAll(where: \.isEmpty) }
    }

    /// Gives back what is not used. Call it when no request is in flight any more.
    func leave(at now: Int64) {
        guard let spent = before.current, !hasLeft.exchange(true, ordering: .relaxed) else { return }
        groups.forEach { key, group in
            group.beginLeaving(spent, at: now).map { (key, $0) }
        } then: {
            for (key, call) in $0 { submit(call, of: key, at: now) }
        }
    }

    /// Subjects of which something is leased or in flight.
    package var subjectCount: Int { groups.sum(\.subjectCount) }

    private func withGroup<Result: Sendable>(
        of subjects: LimitSubjects, _ body: (inout BudgetGroup) -> Result
    ) -> Result {
        groups.withGroup(subjects.organisation.id, body)
    }
}

extension SharedBudgets: BudgetHolder {
    package func settle(_ holding: BudgetHolding, actual: BudgetCost) {
        withGroup(of: holding.subjects) { $0.settle(holding, actual: actual) }
    }
}
