internal import Limits

/// OpenAI's `x-ratelimit-*` fields.
struct LimitHeaders: Sendable {
    var standing: LimitStanding?
    /// The limit that refused, in place of a standing.
    var refusal: LimitRefusal?

    func append(to fields: inout WrittenFields) {
        if let refusal { append(refusal, to: &fields) }
        if let requests = standing?.requests {
            fields.append("x-ratelimit-limit-requests", requests.limit)
            fields.append("x-ratelimit-remaining-requests", requests.remaining)
            fields.append("x-ratelimit-reset-requests", nanoseconds: requests.resetNanoseconds)
        }
        if let tokens = standing?.tokens {
            fields.append("x-ratelimit-limit-tokens", tokens.limit)
            fields.append("x-ratelimit-remaining-tokens", tokens.remaining)
            fields.append("x-ratelimit-reset-tokens", nanoseconds: tokens.resetNanoseconds)
        }
    }

    private func append(_ refusal: LimitRefusal, to fields: inout WrittenFields) {
        let reset = refusal.reset.wholeNanoseconds
        switch refusal.kind {
        // OpenAI has no fields for it.
        case .concurrency: return
        case .requests:
            fields.append("x-ratelimit-limit-requests", refusal.limit)
            fields.append("x-ratelimit-remaining-requests", refusal.remaining)
            fields.append("x-ratelimit-reset-requests", nanoseconds: reset)
        case .tokens, .tokensPerDay:
            fields.append("x-ratelimit-limit-tokens", refusal.limit)
            fields.append("x-ratelimit-remaining-tokens", refusal.remaining)
            fields.append("x-ratelimit-reset-tokens", nanoseconds: reset)
        }
    }
}
