internal import Limits

extension UpstreamState {
    /// What operators are shown of an upstream.
    struct Reading {
        enum State: Equatable {
            case available
            /// For so many nanoseconds.
            case cooling(Int64)
            case breakerOpen(Int64)
            /// The next request is the trial, or one is under way.
            case breakerHalfOpen
            /// For so many nanoseconds so far.
            case unhealthy(Int64)
        }

        let state: State
        /// Of the breaker's window.
        let successes: Int
        let failures: Int
        /// And how many nanoseconds ago.
        let lastFailure: (failure: UpstreamFailure, ago: Int64)?
        let inFlight: Int
        let queued: Int
    }

    func reading(at now: Moment) -> Reading {
        let queued = max(0, Int(queuedCount))
        return withJudgement { judgement in
            let counts = judgement.breaker.counts(at: now)
            return Reading(
                state: judgement.state(at: now), successes: counts.successes, failures: counts.failures,
                lastFailure: judgement.lastFailure.map { ($0.failure, now - $0.at) },
                // Those who wait are counted as its load.
                inFlight: max(0, outstanding - queued), queued: queued)
        }
    }
}

extension UpstreamState.Judgement {
    /// The strictest of those who judge it.
    func state(at now: Moment) -> UpstreamState.Reading.State {
        if let unhealthySince { return .unhealthy(now - unhealthySince) }
        switch breaker.state {
        case .open(let until) where until > now: return .breakerOpen(until - now)
        case .open, .halfOpen: return .breakerHalfOpen
        case .closed: break
        }
        if let coolsUntil, coolsUntil > now { return .cooling(coolsUntil - now) }
        return .available
    }
}
