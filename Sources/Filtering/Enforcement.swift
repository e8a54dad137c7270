/// What happens when a rule finds something: decided by the guideline clauses, not by the rule.
package struct Enforcement: Sendable, Hashable {
    package var verdict: Verdict
    /// The clause that says so; `nil` where no clause names the rule's category.
    package var clause: String?
    /// When text of a streamed answer may leave that the rule may yet find something in.
    package var streams: StreamMode
    /// Whether what is found is only recorded, as allowed.
    package var isShadow = false

    package init(_ verdict: Verdict, clause: String? = nil, streams: StreamMode = .window) {
        self.verdict = verdict
        self.clause = clause
        self.streams = streams
    }

    /// The stricter of two, of both what they say about streams.
    package func combined(with other: Enforcement) -> Enforcement {
        var enforcement = verdict.combined(with: other.verdict) == verdict ? self : other
        enforcement.streams = max(streams, other.streams)
        return enforcement
    }

    /// What is carried out of it.
    package var carriedOut: Enforcement {
        guard isShadow else { return self }
        var enforcement = self
        enforcement.isShadow = verdict != .allow
        enforcement.verdict = .allow
        return enforcement
    }

    /// Whether text that may become a match must wait. What is taken out always does: nothing that has left can be.
    package var holdsText: Bool { verdict == .redact || verdict == .block && streams != .pass }
    /// Whether all of an answer must.
    package var holdsAnswer: Bool { (verdict == .redact || verdict == .block) && streams == .hold }
}

/// What becomes of a streamed answer until it is known whether something is wrong with it; from the fastest for readers to
/// the strictest.
package enum StreamMode: String, Sendable, Hashable, CaseIterable, Comparable {
    /// It leaves as it comes; what is found ends the stream behind what has left.
    case pass
    /// Of what a pattern may yet match, nothing leaves; what comes before it does.
    case window
    /// Nothing leaves before its end.
    case hold

    package static func < (left: StreamMode, right: StreamMode) -> Bool { left.strictness < right.strictness }

    private var strictness: Int {
        switch self {
        case .pass: 0
        case .window: 1
        case .hold: 2
        }
    }
}
