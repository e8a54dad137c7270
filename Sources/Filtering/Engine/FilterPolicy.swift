/// What each rule's findings lead to, for one stage.
package final class FilterPolicy: Sendable {
    package let rules: FilterRules
    let exceptions: RuleExceptions
    package let markers: RedactionMarkers
    /// The most bytes of a view that a stream may hold back for one rule (context that follows comes on top).
    package let holdBackBytesMax: Int
    /// What an automaton of streams may keep where there are few: how many states that is, hostile text decides, since each
    /// names all the places of the patterns where it is.
    package static let statesBytesMax = 8 << 20
    private let prompt: PolicySide
    private let completion: PolicySide

    /// - Parameters:
    ///   - allowed: texts that rules leave alone.
    ///   - markers: what stands in place of what is taken out.
    ///   - statesBytesMax: what each automaton of streams may keep: one a loop, view, side and set of rules that hold text back.
    /// - Throws: `FilterError` for each redact or block rule of the completion side whose matches may be wider than
    ///   `holdBackBytesMax`, since part of one might have left before the rest is seen.
    package init(
        _ rules: FilterRules, holdBackBytesMax: Int = 512, allowed: [PolicyOverrides.AllowedText] = [],
        markers: RedactionMarkers = .standard, statesBytesMax: Int = FilterPolicy.statesBytesMax,
        enforcement: (Rule, Side) -> Enforcement
    ) throws(FilterError) {
        self.rules = rules
        self.holdBackBytesMax = holdBackBytesMax
        exceptions = RuleExceptions(allowed, rules)
        self.markers = markers
        func side(_ side: Side) -> PolicySide {
            PolicySide(
                side, rules, rules.rules.map { $0.limiting(enforcement($0, side)).carriedOut }, statesBytesMax)
        }
        let (prompt, completion) = (side(.prompt), side(.completion))
        // Also of rules in shadow, which may end by itself.
        let problems = rules.compiled.filter { compiled in
            compiled.program.widthMax > holdBackBytesMax
                && compiled.rule.limiting(enforcement(compiled.rule, .completion)).holds
        }
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

    /// What follows from a finding of one of the rules; `allow` for one that only records.
    package func verdict(of rule: Rule, _ side: Side) -> Verdict {
        rules.rules.firstIndex { $0.id == rule.id }.map { self[side].enforcements[$0].verdict } ?? .allow
    }

    /// Whether some score of a text is near the threshold of a rule.
    package func isUnsure(_ highest: SIMD8<Double>, _ side: Side) -> Bool {
        self[side].scored?.isUnsure(highest) ?? false
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
    /// By view, those rules.
    let held: PerView<HeldRules>
    /// The active ones that ask for scores.
    let scored: ScoredRules?
    /// How much of a view must stay at hand behind its end.
    let reachBytes: Int

    init(_ side: Side, _ rules: FilterRules, _ enforcements: [Enforcement], _ statesBytesMax: Int) {
        self.side = side
        self.enforcements = enforcements
        isActive = enforcements.map { $0.isShadow || [.flag, .redact, .block].contains($0.verdict) }
        let (isActive, firstScored) = (isActive, rules.compiled.count)
        holds = enforcements.enumerated().map { $0 < firstScored && $1.holds }
        scored = ScoredRules(rules.scored.filter { isActive[$0.index] }, rules.classifier)
        held = PerView { view in
            HeldRules(
                rules, view, rules.compiled.filter { $0.rule.view == view && enforcements[$0.index].holds },
                statesBytesMax: statesBytesMax)
        }
        reachBytes = zip(rules.compiled, isActive).map { $1 ? $0.reachBytes : 0 }.max() ?? 0
    }
}

/// The rules of one view that text is held back for. Equal ones share what is known of matches under way.
final class HeldRules: Sendable, Hashable {
    let rules: FilterRules
    let view: Rule.View
    let indices: [Int]
    let statesBytesMax: Int
    private let hash: Int

    init(_ rules: FilterRules, _ view: Rule.View, _ held: [CompiledRule], statesBytesMax: Int) {
        (self.rules, self.view, self.statesBytesMax) = (rules, view, statesBytesMax)
        indices = held.map(\.index)
        hash = indices.hashValue
    }

    static func == (left: HeldRules, right: HeldRules) -> Bool {
        left === right
            || left.hash == right.hash && left.rules === right.rules && left.view == right.view
                && left.indices == right.indices && left.statesBytesMax == right.statesBytesMax
    }

    func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}

extension Enforcement {
    /// Whether text that may become a match must wait.
    fileprivate var holds: Bool { verdict == .redact || verdict == .block }
}
