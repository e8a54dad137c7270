internal import Limits

/// What a request was granted: to be settled, once, with what it used.
struct LeaseHolding: Sendable {
    let subjects: LimitSubjects
    let tokens: Int
    /// By scope.
    var epochs: InlineArray<4, Int> = [0, 0, 0, 0]
    /// When Redis went away, where the process's share covered the request instead of a lease.
    var outage: Int64?
    private(set) var standing = LimitStanding()

    init(subjects: LimitSubjects, tokens: Int) {
        self.subjects = subjects
        self.tokens = tokens
    }

    /// Takes down how a limit stands after the grant, as far as this process knows.
    mutating func note(_ lease: Lease, _ scope: LimitScope, left: Int? = nil) {
        guard lease.kind == .requests || lease.kind == .tokens, let period = lease.kind.period else { return }
        let remaining = max(0, min(lease.limit, left ?? (lease.left + lease.spare)))
        let reset = Double(lease.limit - remaining) * Double(period) / Double(max(1, lease.limit))
        let meter = LimitStanding.Meter(
            scope: scope, limit: lease.limit, remaining: remaining, resetNanoseconds: Int64(reset))
        switch lease.kind {
        case .requests:
            if standing.requests.map({ remaining < $0.remaining }) ?? true { standing.requests = meter }
        default:
            if standing.tokens.map({ remaining < $0.remaining }) ?? true { standing.tokens = meter }
        }
    }
}

/// What was decided without Redis.
enum LeaseDecision: Sendable {
    case granted(LeaseHolding)
    case refused(LimitRefusal)
    /// No lease covers it, and Redis has not refused it of late.
    case uncovered
}

/// What was decided in the end.
enum LeaseOutcome: Sendable {
    case granted(LeaseHolding)
    case refused(LimitRefusal)
    /// Redis is away, or too slow.
    case unavailable
}

/// A request that waits for Redis.
struct LeaseWaiter: Sendable {
    let id: Int
    let subjects: LimitSubjects
    let tokens: Int
    /// Until when it waits, in nanoseconds of the process's clock.
    let deadline: Int64
    /// How many calls it has waited for.
    var calls = 0
    /// Whom to wake; `nil` in tests of the machine.
    var continuation: UnsafeContinuation<LeaseOutcome, Never>?

    init(
        id: Int, subjects: LimitSubjects, tokens: Int, deadline: Int64 = .max,
        continuation: UnsafeContinuation<LeaseOutcome, Never>? = nil
    ) {
        self.id = id
        self.subjects = subjects
        self.tokens = tokens
        self.deadline = deadline
        self.continuation = continuation
    }
}

/// Gathers which limit stands most in the way.
struct LeaseCheck {
    private let tokens: Int
    private let now: Int64
    private(set) var refusal: LimitRefusal?

    init(tokens: Int, now: Int64) {
        self.tokens = tokens
        self.now = now
    }

    /// A limit that the request alone exceeds: no wait helps.
    mutating func noteAboveLimit(_ lease: Lease, _ scope: LimitScope) {
        guard refusal?.reason != .costAboveBurst else { return }
        refusal = LimitRefusal(
            reason: .costAboveBurst, scope: scope, kind: lease.kind, limit: lease.limit,
            remaining: lease.limit == 0 ? 0 : remaining(lease), retryAfter: nil, reset: .zero)
    }

    /// A limit that Redis refused a moment ago, or whose share is used up for `wait` nanoseconds. Keeps the one that takes
    /// longest to go away.
    mutating func note(_ lease: Lease, _ scope: LimitScope, wait: Int64? = nil) {
        let wait = max(1, wait ?? ((lease.refused?.fitsAt ?? now) - now))
        guard refusal?.reason != .costAboveBurst, wait > refusal?.retryAfter?.wholeNanoseconds ?? 0 else { return }
        refusal = LimitRefusal(
            reason: .exhausted, scope: scope, kind: lease.kind, limit: lease.limit, remaining: remaining(lease),
            retryAfter: .nanoseconds(wait), reset: .nanoseconds(max(wait, lease.refused?.reset ?? 0)))
    }

    /// Less than what was asked for, since that was refused.
    private func remaining(_ lease: Lease) -> Int {
        max(0, min(lease.limit, lease.left + lease.spare, lease.kind.cost(tokens: tokens) - 1))
    }
}
