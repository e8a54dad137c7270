/// Why a request was not granted. Nothing was charged for it.
package struct LimitRefusal: Error, Sendable, Hashable {
    package enum Reason: UInt8, Sendable, Hashable, CaseIterable {
        /// Used up for now; a later try can succeed.
        case exhausted
        /// The request alone needs more than the whole limit, so no wait helps. Answer 400, not 429.
        case costAboveBurst
        /// Every place of the limiter's table is held by a subject that is using its limits. It refuses rather than
        /// serve unlimited: configure a greater capacity.
        case tableFull
    }

    package var reason: Reason
    /// Whose limit; of several, the one that takes longest to recover.
    package var scope: LimitScope
    package var kind: LimitKind
    /// Units of `kind`: requests, tokens, or requests in flight.
    package var limit: Int
    package var remaining: Int
    /// When to try again; `nil` when no wait helps. A request in flight ends when it ends, so for `concurrency` it is
    /// a guess of one second, and for tokens it assumes that those in flight use all that they reserved.
    package var retryAfter: Duration?
    /// When all of the limit is back.
    package var reset: Duration

    package init(
        reason: Reason, scope: LimitScope, kind: LimitKind, limit: Int, remaining: Int, retryAfter: Duration?,
        reset: Duration
    ) {
        self.reason = reason
        self.scope = scope
        self.kind = kind
        self.limit = limit
        self.remaining = remaining
        self.retryAfter = retryAfter
        self.reset = reset
    }
}

/// What is left after a grant, for the `x-ratelimit-*` headers.
package struct LimitStanding: Sendable, Hashable {
    /// One limit as it stands: the one of the three scopes with the least left.
    package struct Meter: Sendable, Hashable {
        package var scope: LimitScope
        package var limit: Int
        package var remaining: Int
        /// Nanoseconds until all of the limit is back.
        package var resetNanoseconds: Int64

        package var reset: Duration { .nanoseconds(resetNanoseconds) }

        package init(scope: LimitScope, limit: Int, remaining: Int, resetNanoseconds: Int64) {
            self.scope = scope
            self.limit = limit
            self.remaining = remaining
            self.resetNanoseconds = resetNanoseconds
        }
    }

    /// Requests per minute; `nil` when unlimited.
    package var requests: Meter?
    /// Tokens per minute, what is reserved counted as used; `nil` when unlimited.
    package var tokens: Meter?

    package init(requests: Meter? = nil, tokens: Meter? = nil) {
        self.requests = requests
        self.tokens = tokens
    }
}
