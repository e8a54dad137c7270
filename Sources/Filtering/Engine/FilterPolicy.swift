/// What each rule's findings lead to, for one stage.
package final class FilterPolicy: Sendable {
    package let rules: FilterRules
    /// The most bytes of a view that a stream may hold back for one rule (context that follows comes on top).
    package let holdBackBytesMax: Int
    private let prompt: PolicySide
    private let completion: PolicySide
    /// By view: the prefixes of all matches that are held back for; run over the held tail.
    let prefixes: [Rule.View: HyperscanDatabase]

    /// - Throws: `FilterError` for each redact or block rule of the completion side whose matches may be wider than
    ///   `holdBackBytesMax`, since part of one might have left before the rest is seen.
    package init(
        _ rules: FilterRules, holdBackBytesMax: Int = 512, enforcement: (Rule, Side) -> Enforcement
    ) throws(FilterError) {
        self.rules = rules
        self.holdBackBytesMax = holdBackBytesMax
        let prompt = PolicySide(.prompt, rules, rules.rules.map { enforcement($0, .prompt) })
        let completion = PolicySide(.completion, rules, rules.rules.map { enforcement($0, .completion) })
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
        var prefixes: [Rule.View: HyperscanDatabase] = [:]
        for view in Rule.View.allCases {
            let held = rules.compiled.filter {
                $0.rule.view == view && (completion.holds[$0.index] || prompt.holds[$0.index])
            }
            prefixes[view] = try HyperscanDatabase.make(
                held.map {
                    .init(
                        expression: .init(text: $0.pattern.prefixExpression, id: $0.index),
                        relaxed: $0.pattern.relaxedPrefixExpression, rule: $0.rule.id)
                }, .block)
        }
        self.prefixes = prefixes
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
struct PolicySide: Sendable {
    let side: Side
    let enforcements: [Enforcement]
    /// Whether the rule is looked at: `allow` is not reported.
    let isActive: [Bool]
    /// Whether text must be held back for it.
    let holds: [Bool]
    /// How much of a view must stay at hand behind its end.
    let reachBytes: Int

    init(_ side: Side, _ rules: FilterRules, _ enforcements: [Enforcement]) {
        self.side = side
        self.enforcements = enforcements
        isActive = enforcements.map { [.flag, .redact, .block].contains($0.verdict) }
        holds = enforcements.map { [.redact, .block].contains($0.verdict) }
        reachBytes = zip(rules.compiled, isActive).map { $1 ? $0.reachBytes : 0 }.max() ?? 0
    }
}
