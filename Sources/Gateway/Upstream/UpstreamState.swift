internal import Limits
internal import Snapshots
internal import Synchronization
internal import Telemetry

/// What all event loops know of one upstream together: how much it has to do, and whether it is worth asking.
final class UpstreamState: Sendable {
    struct Judgement {
        var breaker: CircuitBreaker
        /// The server asked to be left alone until then.
        var coolsUntil: Moment?
        /// Its health checks have failed since then.
        var unhealthySince: Moment?
        /// Nanoseconds in which the checks may bring it back, at the soonest.
        var unhealthyFor: Int64 = 0
        /// What an operator wants to see of it.
        var lastFailure: (failure: UpstreamFailure, at: Moment)?
        /// It is no part of the configuration any more; its gauges may be another's.
        var isRetired = false
    }

    private let judgement: Lock<Judgement>
    private let count = Atomic<Int>(0)
    private let gauges: Gauges

    /// What metrics show of it.
    struct Gauges: Sendable {
        let outstanding: Gauge
        let isOpen: Gauge
        let queued: Gauge
        let opened: Counter
    }

    init(_ settings: BreakerSettings, gauges: Gauges) {
        self.gauges = gauges
        judgement = Lock(Judgement(breaker: CircuitBreaker(settings)))
    }

    // MARK: - Load

    /// Requests that it has not answered to the end.
    var outstanding: Int { count.load(ordering: .relaxed) }

    func began() {
        count.add(1, ordering: .relaxed)
        gauges.outstanding.add()
    }

    func ended() {
        count.subtract(1, ordering: .relaxed)
        gauges.outstanding.subtract()
    }

    func queued(_ change: Int64) { gauges.queued.add(change) }

    /// Requests that wait for a connection to it.
    var queuedCount: Int64 { gauges.queued.current }

    func withJudgement<Result>(_ body: (Judgement) -> Result) -> Result {
        judgement.withLock { body($0) }
    }

    // MARK: - Worth

    enum Worth: Equatable {
        case good
        /// It asked to be left alone; another is better.
        case cooling
        /// Its breaker is open for so many nanoseconds.
        case broken(Int64)
        /// Its health checks fail; they take so many nanoseconds at least to bring it back.
        case unhealthy(Int64)
    }

    func worth(at now: Moment) -> Worth {
        judgement.withLock { judgement in
            if judgement.unhealthySince != nil { return .unhealthy(judgement.unhealthyFor) }
            if judgement.breaker.isOpen(at: now) {
                if case .open(let until) = judgement.breaker.state { return .broken(until - now) }
                return .broken(0)
            }
            return judgement.coolsUntil.map { $0 > now } ?? false ? .cooling : .good
        }
    }

    /// Lets a request through, or not (`nil`). Every request that was let through must be told by `note`.
    func permit(at now: Moment) -> CircuitBreaker.Permit? {
        judgement.withLock { $0.unhealthySince == nil ? $0.breaker.permit(at: now) : nil }
    }

    /// Takes the outcome of a request that was let through, and what went wrong with it.
    func note(
        _ outcome: CircuitBreaker.Outcome, _ failure: UpstreamFailure? = nil, of permit: CircuitBreaker.Permit,
        at now: Moment
    ) {
        judgement.withLock { judgement in
            if let failure, failure.isOfUpstream { judgement.lastFailure = (failure, now) }
            let before = judgement.breaker.state
            judgement.breaker.note(outcome, of: permit, at: now)
            let after = judgement.breaker.state
            guard after != before, !judgement.isRetired else { return }
            // Under the lock, or of two changes the older could be shown last.
            gauges.isOpen.set(after == .closed ? 0 : 1)
            if case .open = after { gauges.opened.add() }
        }
    }

    /// The server asked to be left alone for a while, or serves nobody before that; a minute at most, whatever it says.
    func cool(nanoseconds: Int64, at now: Moment) {
        let end = now + min(.nanoseconds(nanoseconds), Self.coolingMax)
        judgement.withLock { $0.coolsUntil = max(end, $0.coolsUntil ?? end) }
    }

    /// Health checks take it out of the choice, until they readmit it.
    func remove(at now: Moment, for time: Duration) {
        judgement.withLock { judgement in
            judgement.unhealthySince = now
            judgement.unhealthyFor = time.wholeNanoseconds
        }
    }

    func readmit() {
        judgement.withLock { $0.unhealthySince = nil }
    }

    // MARK: - Reloads

    /// Its breaker keeps to other settings from now on.
    func follow(_ settings: BreakerSettings) {
        judgement.withLock { if $0.breaker.follow(settings) { gauges.isOpen.set(0) } }
    }

    /// No configuration names it any more. What has chosen it goes on, and is counted until it has ended.
    func retire() {
        judgement.withLock { judgement in
            judgement.isRetired = true
            gauges.isOpen.set(0)
        }
    }

    var isUnhealthy: Bool { judgement.withLock { $0.unhealthySince != nil } }

    private static let coolingMax = Duration.seconds(60)
}

extension UpstreamFailure {
    /// What it says about the upstream.
    var outcome: CircuitBreaker.Outcome {
        switch self {
        case .connect, .connectTimeout, .firstByteTimeout, .idleTimeout, .totalTimeout, .closedEarly, .malformed,
            .encoded:
            .failure
        case .status(let status, _): status >= 500 ? .failure : .neither
        case .rejected: .success
        case .answerTooLarge, .saturated, .noRoom, .none, .broken, .unhealthy, .cancelled: .neither
        }
    }

    /// Whether it is the upstream's own: neither the caller's nor ours.
    var isOfUpstream: Bool {
        switch self {
        case .rejected, .noRoom, .none, .broken, .unhealthy, .cancelled: false
        default: true
        }
    }

    /// How long the upstream wants to be left alone: a second if it does not say.
    var pauseNanoseconds: Int64? {
        switch self {
        case .status(429, let milliseconds), .status(503, let milliseconds), .status(529, let milliseconds):
            // Nobody means to be asked again at once.
            if let milliseconds, milliseconds > 0 {
                Int64(min(milliseconds, 86_400_000)) * 1_000_000
            } else {
                1_000_000_000
            }
        default: nil
        }
    }

    /// Whether the request certainly did no work, so that another upstream may have it.
    var isSafeElsewhere: Bool {
        switch self {
        case .connect, .connectTimeout, .saturated, .status(429, _), .status(503, _), .status(529, _): true
        default: false
        }
    }
}

/// How the gateway keeps upstreams from being asked too much, and callers from waiting for what won't come.
package struct ResilienceSettings: Sendable, Equatable {
    package var breaker = BreakerSettings()
    /// Requests in a hundred that may be sent to another upstream after one could not take them.
    package var retryPercent = 20
    /// Requests in a hundred, of models that ask for it, that may be sent to a second upstream while the first is silent.
    package var hedgePercent = 5
    /// Requests that wait for one upstream's next free connection, on each event loop.
    package var queueMax = 256
    package var queueNanoseconds: Int64 = 5_000_000_000

    package init() {}
}
