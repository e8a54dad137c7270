/// What each rule's findings lead to, for one stage.
package final class FilterPolicy: Sendable {
    package let rules: FilterRules
    /// The most bytes of a view that a stream may hold back for one rule (context that follows comes on top).
    package let holdBackBytesMax: Int
    private let prompt: PolicySide
    private let completion: PolicySide

    /// - Throws: `FilterError` for each redact or block rule of the completion side whose matches may be wider than
    ///   `holdBackBytesMax`, since part of one might have left before the rest is seen.
    package init(
        _ rules: FilterRules, holdBackBytesMax: Int = 512, enforcement: (Rule, Side) -> Enforcement
    ) throws(FilterError) {
        self.rules = rules
        self.holdBackBytesMax = holdBackBytesMax
        let prompt = PolicySide(.prompt, rules, rules.rules.map { $0.limiting(enforcement($0, .prompt)) })
        let completion = PolicySide(.completion, rules, rules.rules.map { $0.limiting(enforcement($0, .completion)) })
        let problems = rules.compiled.filter { completion.holds[$0.index] && $0.program.widthMax > holdBackBytesMax }
        guard problems.isEmpty else {
            throw FilterError(
                problems.map {
                    .init(
                        rule: $0.rule.id,
                        reason:
                            "a match may have \($0.program.widthMax) bytes, but a stream holds back \(holdBackBytesMax): "
                            + "lower the pattern's repeats, let it match a header only and block, or only flag")
                })
        }
        self.prompt = prompt
        self.completion = completion
    }

    subscript(side: Side) -> PolicySide {
        switch side {
        case .prompt: prompt
        case .completion: completion
        }
    }
}

/// A policy for one half of an exchange; all arrays by rule.
///
/// A class, so that every scan can have it for one reference.
final class PolicySide: Sendable {
    let side: Side
    let enforcements: [Enforcement]
    /// Whether the rule is looked at: `allow` is not reported.
    let isActive: [Bool]
    /// Whether text must be held back for it.
    let holds: [Bool]
    /// Views with such a rule.
    let heldViews: Set<Rule.View>
    /// The active ones that ask for scores.
    let scored: ScoredRules?
    /// How much of a view must stay at hand behind its end.
    let reachBytes: Int

    init(_ side: Side, _ rules: FilterRules, _ enforcements: [Enforcement]) {
        self.side = side
        self.enforcements = enforcements
        isActive = enforcements.map { [.flag, .redact, .block].contains($0.verdict) }
        let (isActive, firstScored) = (isActive, rules.compiled.count)
        holds = enforcements.enumerated().map { $0 < firstScored && $1.holds }
        scored = ScoredRules(rules.scored.filter { isActive[$0.index] }, rules.classifier)
        heldViews = Set(rules.compiled.filter { enforcements[$0.index].holds }.map(\.rule.view))
        reachBytes = zip(rules.compiled, isActive).map { $1 ? $0.reachBytes : 0 }.max() ?? 0
    }
}

extension Enforcement {
    /// Whether text that may become a match must wait.
    fileprivate var holds: Bool { verdict == .redact || verdict == .block }
}
