package import Limits
package import Logging
internal import Snapshots
internal import Synchronization
internal import Telemetry

/// Grants requests within limits that several processes share through one Redis.
///
/// ```
///   reserve ──► leases cover it ─────────────────────────────► granted    no I/O, one lock
///          └──► Redis refused as much a moment ago ──────────► refused    no I/O
///          └──► else wait for a call, one for all that wait ─► granted, refused
///          └──► Redis is away ──► closed: unavailable; local share: granted, refused
/// ```
/// Over any window *T*, *N* processes that may hold *l* unused each admit no more than
/// `r · T + b + N · l + Σ(actual − reserved)`; see `docs/guides/shared-limits.md`.
package final class SharedLimiter: Sendable {
    private let groups: Shards<LeaseGroup>
    private let terms: LeaseTerms
    private let link: RedisLink
    private let metrics: SharedLimitMetrics
    /// How long a request waits for Redis at most, in nanoseconds: for the call under way, and for its own.
    private let waitMax: Int64
    /// How long giving everything back may take, in nanoseconds.
    private let leavingMax: Int64
    private let waiters = Atomic<Int>(0)
    /// When idle subjects were last forgotten, in nanoseconds.
    private let sweptAt = Atomic<Int64>(0)
    private let hasLeft = Atomic<Bool>(false)
    /// Shared over the same link.
    package let budgets: SharedBudgets

    private static let sweepPause: Int64 = 1_000_000_000

    /// Connects in the background.
    package init(
        _ settings: RedisSettings, terms: LeaseTerms, metrics: SharedLimitMetrics, log: Logger
    ) throws(RedisFailure) {
        self.terms = terms
        self.metrics = metrics
        waitMax = Int64(1 + LeaseGroup.callsMax) * settings.timeout
        leavingMax = max(1_000_000_000, 4 * settings.timeout)
        groups = Shards { LeaseGroup(terms) }
        var process = String(UInt64.random(in: 0 ... .max), radix: 16)
        process = String(repeating: "0", count: 16 - process.count) + process
        link = try RedisLink(
            settings, process: process, lifetime: terms.lifetime, metrics: metrics, log: log)
        budgets = SharedBudgets(terms: terms, link: link, metrics: metrics, waitMax: waitMax)
    }

    /// Begins to connect and to keep leases.
    package func start() throws(RedisFailure) {
        try link.start { [weak self] now in self?.keep(at: now) }
    }

    deinit { link.letGo() }

    /// What was decided.
    package enum Decision: Sendable {
        case granted(SharedReservation)
        case refused(LimitRefusal)
        /// Nothing that is held covers it: `decideWithRedis` must be awaited.
        case needsRedis
        /// Redis is away or too slow, and the policy is `closed`.
        case unavailable
    }

    /// Decides from what is held. One lock; no I/O.
    ///
    /// - Parameter tokens: The most that the request may use; at least 1.
    package func decide(_ subjects: LimitSubjects, tokens: Int, at now: Moment) -> Decision {
        precondition(tokens > 0, "A request needs a token or more.")
        let (decision, call) = withGroup(of: subjects) { group in
            let decision = group.decide(subjects, tokens: tokens, at: now.nanoseconds)
            guard group.isUrgent, link.isOpen else { return (decision, LeaseCall?.none) }
            return (decision, group.beginCall(at: now.nanoseconds, sweeping: false))
        }
        if let call { submit(call, of: subjects.organisation.id, at: now.nanoseconds) }
        if case .uncovered = decision { return .needsRedis }
        return count(decision, by: metrics.byLease)
    }

    private func count(_ decision: LeaseDecision, by counter: Counter) -> Decision {
        counter.add()
        switch decision {
        case .granted(let holding): return .granted(SharedReservation(self, holding))
        case .refused(let refusal):
            metrics.refused.add()
            return .refused(refusal)
        case .uncovered: return .unavailable
        }
    }

    /// Decides what no lease covers. Waits for Redis no longer than the deadline of a few calls.
    package func decideWithRedis(_ subjects: LimitSubjects, tokens: Int) async -> Decision {
        guard link.isOpen, !hasLeft.load(ordering: .relaxed) else {
            return decideWithoutRedis(subjects, tokens: tokens)
        }
        let outcome = await withUnsafeContinuation { continuation in
            let now = Moment.now.nanoseconds
            let waiter = LeaseWaiter(
                id: waiters.wrappingAdd(1, ordering: .relaxed).newValue, subjects: subjects, tokens: tokens,
                deadline: now + waitMax, continuation: continuation)
            let (waits, call) = withGroup(of: subjects) { group in
                guard group.wait(waiter) else { return (false, LeaseCall?.none) }
                return (true, group.beginCall(at: now, sweeping: false))
            }
            if !waits { continuation.resume(returning: .unavailable) }
            if let call { submit(call, of: subjects.organisation.id, at: now) }
        }
        switch outcome {
        case .granted(let holding): return count(.granted(holding), by: metrics.byRedis)
        case .refused(let refusal): return count(.refused(refusal), by: metrics.byRedis)
        case .unavailable: return decideWithoutRedis(subjects, tokens: tokens)
        }
    }

    private func decideWithoutRedis(_ subjects: LimitSubjects, tokens: Int) -> Decision {
        guard terms.away == .localShare else {
            metrics.byNobody.add()
            return .unavailable
        }
        let now = Moment.now.nanoseconds
        // After a single late call it may be there again: then the share is empty.
        let since = link.awaySince ?? now
        let decision = withGroup(of: subjects) { $0.decideByShare(subjects, tokens: tokens, since: since, at: now) }
        return count(decision, by: metrics.byShare)
    }

    func settle(_ holding: LeaseHolding, actual: Int) {
        withGroup(of: holding.subjects) { $0.settle(holding, actual: actual) }
    }

    /// Gives all leases back and ends. Call it when no request is in flight any more; waits for Redis, but not for long, and
    /// holds no thread meanwhile.
    package func leave() async {
        guard !hasLeft.exchange(true, ordering: .relaxed) else { return }
        let now = Moment.now.nanoseconds
        budgets.leave(at: now)
        groups.forEach { key, group in
            group.beginLeaving(at: now).map { (key, $0) }
        } then: {
            for (key, call) in $0 { submit(call, of: key, at: now) }
        }
        await link.stop(within: .nanoseconds(leavingMax))
    }

    /// Subjects of which something is held or in flight.
    package var subjectCount: Int { groups.sum(\.subjectCount) }

    package var isAway: Bool { !link.isOpen }

    // MARK: - Calls

    private func submit(_ call: LeaseCall, of organisation: UInt64, at now: Int64) {
        link.submit(RedisLink.Job(call: call, since: now) { [self] answer in end(answer, of: organisation) })
    }

    private func end(_ answer: LeaseAnswer?, of organisation: UInt64) {
        let now = Moment.now.nanoseconds
        let (outcomes, call) = groups.withGroup(organisation) { group in
            // Once it leaves, nobody waits for what nothing will answer.
            let answer = hasLeft.load(ordering: .relaxed) ? nil : answer
            let outcomes = group.endCall(answer, at: now)
            // After one that failed, the next tick tries again.
            return (outcomes, answer == nil ? nil : group.nextCall(at: now))
        }
        for (waiter, outcome) in outcomes { waiter.continuation?.resume(returning: outcome) }
        if let call { submit(call, of: organisation, at: now) }
    }

    /// Ends waits, tells Redis what gathered, renews leases, and forgets who is idle. On the link's thread.
    private func keep(at now: Int64) {
        groups.forEach {
            $1.endLate(at: now)
        } then: {
            for waiter in $0 { waiter.continuation?.resume(returning: .unavailable) }
        }
        let mayForget = now - sweptAt.load(ordering: .relaxed) > Self.sweepPause
        budgets.keep(at: now, sweeping: mayForget)
        guard !hasLeft.load(ordering: .relaxed) else { return }
        let isOpen = link.isOpen
        guard isOpen || mayForget else { return }
        if mayForget { sweptAt.store(now, ordering: .relaxed) }
        groups.forEach { key, group in
            let call = isOpen ? group.beginCall(at: now, sweeping: true) : nil
            if mayForget { group.forgetIdle(whileAway: !isOpen) }
            return call.map { [(key, $0)] } ?? []
        } then: {
            for (key, call) in $0 { submit(call, of: key, at: now) }
        }
        if mayForget { groups.removeAll(where: \.isEmpty) }
    }

    private func withGroup<Result: Sendable>(
        of subjects: LimitSubjects, _ body: (inout LeaseGroup) -> Result
    ) -> Result {
        groups.withGroup(subjects.organisation.id, body)
    }
}
