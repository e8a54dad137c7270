internal import Storage

/// What upstreams say in their answers of their own rate limits.
///
/// OpenAI has `x-ratelimit-remaining-requests: 0` beside `x-ratelimit-reset-requests: 6m0s`, Anthropic
/// `anthropic-ratelimit-tokens-remaining: 0` beside `anthropic-ratelimit-tokens-reset: 2026-12-01T12:00:30Z`, and so for
/// other things that are limited. Whatever else stands there is passed over.
/// Sources: https://platform.openai.com/docs/guides/rate-limits, https://docs.claude.com/en/api/rate-limits
enum RateLimitFields {
    /// Nanoseconds until all that is used up comes back; `nil` while nothing is, or where that can't be told.
    ///
    /// Costs a look at the length of each value while nothing is used up.
    static func pause(in fields: HeadFields, at now: @autoclosure () -> Timestamp) -> Int64? {
        var longest: Int64?
        for field in fields.fields where isZero(field, in: fields) {
            let name = fields.name(of: field)
            let pause =
                if let what = name.between("x-ratelimit-remaining-", "") {
                    value(named: "x-ratelimit-reset-", what, "", in: fields).flatMap(DurationField.nanoseconds)
                } else if let what = name.between("anthropic-ratelimit-", "-remaining") {
                    value(named: "anthropic-ratelimit-", what, "-reset", in: fields)
                        .flatMap { Timestamp(rfc3339: $0) }.flatMap { nanoseconds(from: now(), to: $0) }
                } else {
                    Int64?.none
                }
            if let pause, pause > longest ?? 0 { longest = pause }
        }
        return longest
    }

    private static func isZero(_ field: HeadFields.Field, in fields: HeadFields) -> Bool {
        field.valueEnd - field.valueStart == 1 && fields.bytes[Int(field.valueStart)] == 0x30
    }

    private static func value(
        named start: StaticString, _ middle: ArraySlice<UInt8>, _ end: StaticString, in fields: HeadFields
    ) -> ArraySlice<UInt8>? {
        fields.fields.first { fields.name(of: $0).between(start, end).map { $0 == middle } ?? false }
            .map { fields.value(of: $0) }
    }

    private static func nanoseconds(from now: Timestamp, to then: Timestamp) -> Int64? {
        let (difference, overflows) = then.microseconds.subtractingReportingOverflow(now.microseconds)
        let (nanoseconds, isTooLong) = difference.multipliedReportingOverflow(by: 1_000)
        return overflows || isTooLong ? nil : nanoseconds
    }
}

extension ArraySlice<UInt8> {
    /// What stands between `start` and `end`; `nil` if that is nothing.
    fileprivate func between(_ start: StaticString, _ end: StaticString) -> ArraySlice<UInt8>? {
        guard count > start.utf8CodeUnitCount + end.utf8CodeUnitCount else { return nil }
        for offset in 0..<start.utf8CodeUnitCount where self[startIndex + offset] != start.utf8Start[offset] {
            return nil
        }
        let rest = dropFirst(start.utf8CodeUnitCount)
        let middle = rest.dropLast(end.utf8CodeUnitCount)
        for offset in 0..<end.utf8CodeUnitCount where rest[middle.endIndex + offset] != end.utf8Start[offset] {
            return nil
        }
        return middle
    }
}
