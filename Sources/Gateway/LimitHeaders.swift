internal import Glibc
internal import Limits
internal import Storage

/// What a caller is told of its limits: OpenAI's `x-ratelimit-*` fields, or Anthropic's `anthropic-ratelimit-*`.
struct LimitHeaders: Sendable {
    var standing: LimitStanding?
    /// The limit that refused, in place of a standing.
    var refusal: LimitRefusal?

    func append(to fields: inout WrittenFields, as api: API, at now: Timestamp) {
        if let refusal, let names = Names.of(refusal.kind, api) {
            append(
                names, limit: refusal.limit, remaining: refusal.remaining, reset: refusal.reset.wholeNanoseconds, now,
                to: &fields)
        }
        if let meter = standing?.requests, let names = Names.of(.requests, api) {
            append(names, meter, now, to: &fields)
        }
        if let meter = standing?.tokens, let names = Names.of(.tokens, api) { append(names, meter, now, to: &fields) }
    }

    private func append(_ names: Names, _ meter: LimitStanding.Meter, _ now: Timestamp, to fields: inout WrittenFields)
    {
        append(
            names, limit: meter.limit, remaining: meter.remaining, reset: meter.resetNanoseconds, now, to: &fields)
    }

    private func append(
        _ names: Names, limit: Int, remaining: Int, reset nanoseconds: Int64, _ now: Timestamp,
        to fields: inout WrittenFields
    ) {
        fields.append(names.limit, limit)
        fields.append(names.remaining, remaining)
        if names.resetIsTime {
            fields.append(names.reset, now.adding(nanoseconds: nanoseconds).rfc3339)
        } else {
            fields.append(names.reset, nanoseconds: nanoseconds)
        }
    }

    private struct Names {
        let limit: StaticString
        let remaining: StaticString
        let reset: StaticString
        /// A moment instead of a duration.
        let resetIsTime: Bool

        /// `nil` for limits that an API has no fields for.
        static func of(_ kind: LimitKind, _ api: API) -> Names? {
            switch (kind, api) {
            case (.concurrency, _): nil
            case (.requests, .openAI): requests
            case (.tokens, .openAI), (.tokensPerDay, .openAI): tokens
            case (.requests, .anthropic): anthropicRequests
            case (.tokens, .anthropic), (.tokensPerDay, .anthropic): anthropicTokens
            }
        }

        private static let requests = Names(
            limit: "x-ratelimit-limit-requests", remaining: "x-ratelimit-remaining-requests",
            reset: "x-ratelimit-reset-requests", resetIsTime: false)
        private static let tokens = Names(
            limit: "x-ratelimit-limit-tokens", remaining: "x-ratelimit-remaining-tokens",
            reset: "x-ratelimit-reset-tokens", resetIsTime: false)
        private static let anthropicRequests = Names(
            limit: "anthropic-ratelimit-requests-limit", remaining: "anthropic-ratelimit-requests-remaining",
            reset: "anthropic-ratelimit-requests-reset", resetIsTime: true)
        private static let anthropicTokens = Names(
            limit: "anthropic-ratelimit-tokens-limit", remaining: "anthropic-ratelimit-tokens-remaining",
            reset: "anthropic-ratelimit-tokens-reset", resetIsTime: true)
    }
}

extension Timestamp {
    var rfc3339Text: String { String(decoding: rfc3339, as: UTF8.self) }

    /// `2026-12-01T10:15:30Z`, the second in which it lies having passed.
    var rfc3339: [UInt8] {
        var seconds = time_t((microseconds + 999_999) / 1_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text: [UInt8] = []
        text.appendDecimal(Int(parts.tm_year) + 1_900)
        for (sign, number) in [
            (0x2D, parts.tm_mon + 1), (0x2D, parts.tm_mday), (0x54, parts.tm_hour), (0x3A, parts.tm_min),
            (0x3A, parts.tm_sec),
        ] as [(UInt8, Int32)] {
            text.append(sign)
            if number < 10 { text.append(0x30) }
            text.appendDecimal(Int(number))
        }
        text.append(0x5A)
        return text
    }
}
