/// What a filter decided about a text, from the mildest to the strictest.
///
/// `notEvaluated` is no point on that scale: it says that nobody judged the text, and is recorded as such, never as
/// `allow`.
package enum Verdict: UInt8, Sendable, Hashable, CaseIterable {
    case allow = 0
    case flag = 1
    case redact = 2
    case block = 3
    case notEvaluated = 4

    /// The word for it in configuration, records and APIs.
    package var name: String {
        switch self {
        case .allow: "allow"
        case .flag: "flag"
        case .redact: "redact"
        case .block: "block"
        case .notEvaluated: "not_evaluated"
        }
    }

    /// The stricter of two verdicts of the same text; a judgement beats none.
    package func combined(with other: Verdict) -> Verdict {
        if self == .notEvaluated { return other }
        if other == .notEvaluated { return self }
        return rawValue >= other.rawValue ? self : other
    }
}
