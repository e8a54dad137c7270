internal import Limits

/// OpenAI's `x-ratelimit-*` fields.
struct LimitHeaders: Sendable {
    var standing: LimitStanding?
    /// The limit that refused, in place of a standing.
    var refusal: LimitRefusal?

    func append(to fields: inout AnswerFields) {
        if let refusal { append(refusal, to: &fields) }
        if let requests = standing?.requests {
            fields.append("x-ratelimit-limit-requests", requests.limit)
            fields.append("x-ratelimit-remaining-requests", requests.remaining)
            fields.append("x-ratelimit-reset-requests", Self.duration(requests.resetNanoseconds))
        }
        if let tokens = standing?.tokens {
            fields.append("x-ratelimit-limit-tokens", tokens.limit)
            fields.append("x-ratelimit-remaining-tokens", tokens.remaining)
            fields.append("x-ratelimit-reset-tokens", Self.duration(tokens.resetNanoseconds))
        }
    }

    private func append(_ refusal: LimitRefusal, to fields: inout AnswerFields) {
        let reset = Self.duration(refusal.reset.wholeNanoseconds)
        switch refusal.kind {
        case .requests, .concurrency:
            fields.append("x-ratelimit-limit-requests", refusal.limit)
            fields.append("x-ratelimit-remaining-requests", refusal.remaining)
            fields.append("x-ratelimit-reset-requests", reset)
        case .tokens, .tokensPerDay:
            fields.append("x-ratelimit-limit-tokens", refusal.limit)
            fields.append("x-ratelimit-remaining-tokens", refusal.remaining)
            fields.append("x-ratelimit-reset-tokens", reset)
        }
    }

    /// A duration as OpenAI writes it: `12ms`, `6.5s`, `2m30s`.
    static func duration(_ nanoseconds: Int64) -> [UInt8] {
        let milliseconds = Int(max(0, nanoseconds + 999_999) / 1_000_000)
        var text: [UInt8] = []
        guard milliseconds >= 1_000 else {
            text.appendDecimal(milliseconds)
            text.append(contentsOf: "ms".utf8)
            return text
        }
        let minutes = milliseconds / 60_000
        if minutes > 0 {
            text.appendDecimal(minutes)
            text.append(0x6D)
        }
        let rest = milliseconds % 60_000
        text.appendDecimal(rest / 1_000)
        if rest % 1_000 > 0, minutes == 0 {
            text.append(0x2E)
            let fraction = rest % 1_000
            text.append(0x30 + UInt8(fraction / 100))
            if fraction % 100 > 0 { text.append(0x30 + UInt8(fraction / 10 % 10)) }
        }
        text.append(0x73)
        return text
    }
}
