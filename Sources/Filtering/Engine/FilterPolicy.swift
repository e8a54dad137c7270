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
    ///   - inTools: what a rule's findings are, and what follows, where a tool or a document brought the text of a prompt;
    ///     `nil` where that makes no difference.
    ///   - unjudged: what follows from a text that nobody judges, by the rule that says so: see `Unjudged.rules`. It is
    ///     recorded in any case.
    ///   - markers: what stands in place of what is taken out.
    ///   - statesBytesMax: what each automaton of streams may keep: one a loop, view, side and set of rules that hold text back.
    /// - Throws: `FilterError` for each redact or block rule of the completion side whose matches may be wider than
    ///   `holdBackBytesMax`, since part of one might have left before the rest is seen.
    package init(
        _ rules: FilterRules, holdBackBytesMax: Int = 512, allowed: [PolicyOverrides.AllowedText] = [],
        markers: RedactionMarkers = .standard, statesBytesMax: Int = FilterPolicy.statesBytesMax,
        inTools: (Rule) -> EnforcedRule? = { _ in nil },
        unjudged: (Rule, Side) -> Enforcement = { _, _ in Enforcement(.allow) },
        enforcement: (Rule, Side) -> Enforcement
    ) throws(FilterError) {
        self.rules = rules
        self.holdBackBytesMax = holdBackBytesMax
        exceptions = RuleExceptions(allowed, rules)
        self.markers = markers
        func carriedOut(_ side: Side) -> [EnforcedRule] {
            rules.rules.map { EnforcedRule(category: $0.category, $0.limiting(enforcement($0, side)).carriedOut) }
        }
        let brought = rules.rules.map { rule in
            let enforced = inTools(rule) ?? EnforcedRule(category: rule.category, enforcement(rule, .prompt))
            return EnforcedRule(category: enforced.category, rule.limiting(enforced.enforcement).carriedOut)
        }
        func side(_ side: Side) -> PolicySide {
            let said = carriedOut(side)
            return PolicySide(
                side, rules, said, inTools: side == .prompt ? brought : said,
                unjudged: Unjudged.rules.map { what, rule in
                    var enforcement = unjudged(rule, side)
                    // Nothing says which words they are.
                    if enforcement.verdict == .redact { enforcement.verdict = .flag }
                    return EnforcedRule(category: rule.category, enforcement.carriedOut)
                }, statesBytesMax)
        }
        let (prompt, completion) = (side(.prompt), side(.completion))
        // Also of rules in shadow, which may end by itself.
        let problems = rules.compiled.filter { compiled in
            compiled.program.widthMax > holdBackBytesMax
                && compiled.rule.limiting(enforcement(compiled.rule, .completion)).holdsText
        }
        guard problems.isEmpty else {
            throw FilterError(
                problems.map {
                    .init(
                        rule: $0.rule.id,
                        reason:
                            "a match may have \($0.program.widthMax) bytes, but a stream holds back \(holdBackBytesMax): "
                            + "lower the pattern's repeats, let it match a header only and block, only flag, or let "
                            + "streams of its clause pass")
                })
        }
        self.prompt = prompt
        self.completion = completion
    }

    /// What follows from a finding of one of the rules in a text of some source; `allow` for one that only records.
    package func verdict(of rule: Rule, _ side: Side, _ source: TextSource) -> Verdict {
        (rules.rules + Unjudged.rules.map(\.rule)).firstIndex { $0.id == rule.id }.map {
            self[side].enforced($0, in: source).enforcement.verdict
        } ?? .allow
    }

    /// Whether some score of a text is near the threshold of a rule.
    package func isUnsure(_ highest: SIMD8<Double>, _ side: Side) -> Bool {
        self[side].scored?.isUnsure(highest) ?? false
    }

    /// Whether streamed answers must not begin to leave before their end.
    package var holdsAnswers: Bool { completion.holdsAnswers }

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
    private let enforced: [EnforcedRule]
    /// The same for texts that tools brought.
    private let enforcedInTools: [EnforcedRule]
    /// Whether the rule is looked at: `allow` is not reported.
    let isActive: [Bool]
    /// Whether text must be held back for it.
    let holds: [Bool]
    /// Of what nobody judges, what the policy says something of; the index is one behind all rules.
    let unjudged: [(what: Unjudged, index: Int)]
    /// Whether nothing of a streamed text may leave before its end for any of them.
    let holdsAnswers: Bool
    /// By view, those that text is held back for.
    let held: PerView<HeldRules>
    /// The active ones that ask for scores.
    let scored: ScoredRules?
    /// How much of a view must stay at hand behind its end.
    let reachBytes: Int

    init(
        _ side: Side, _ rules: FilterRules, _ enforced: [EnforcedRule], inTools: [EnforcedRule],
        unjudged: [EnforcedRule], _ statesBytesMax: Int
    ) {
        self.side = side
        self.enforced = enforced + unjudged
        enforcedInTools = inTools + unjudged
        isActive = zip(enforced, inTools).map { $0.isActive || $1.isActive }
        self.unjudged = zip(Unjudged.rules, unjudged).enumerated().compactMap { index, rule in
            rule.1.isActive ? (rule.0.what, enforced.count + index) : nil
        }
        let (isActive, firstScored) = (isActive, rules.compiled.count)
        let holdsText = zip(enforced, inTools).map { $0.enforcement.holdsText || $1.enforcement.holdsText }
        holds = holdsText.enumerated().map { $0 < firstScored && $1 }
        holdsAnswers = (enforced + unjudged).contains(where: \.enforcement.holdsAnswer)
        scored = ScoredRules(rules.scored.filter { isActive[$0.index] }, rules.classifier)
        held = PerView { view in
            HeldRules(
                rules, view, rules.compiled.filter { $0.rule.view == view && holdsText[$0.index] },
                statesBytesMax: statesBytesMax)
        }
        reachBytes = zip(rules.compiled, isActive).map { $1 ? $0.reachBytes : 0 }.max() ?? 0
    }
}

extension PolicySide {
    /// With those for what nobody judges.
    var ruleCount: Int { enforced.count }

    func enforced(_ rule: Int, in source: TextSource) -> EnforcedRule {
        source == .tool ? enforcedInTools[rule] : enforced[rule]
    }

    subscript(entry: FindingLog.Entry) -> Enforcement { enforced(entry.rule, in: entry.source).enforcement }

    func category(of entry: FindingLog.Entry) -> Category { enforced(entry.rule, in: entry.source).category }

    /// What may follow from a finding of a rule.
    func verdicts(of rule: Int) -> [Verdict] {
        [enforced[rule].enforcement.verdict, enforcedInTools[rule].enforcement.verdict]
    }
}

/// What a rule finds is said to be, and what follows.
package struct EnforcedRule: Sendable {
    package let category: Category
    package let enforcement: Enforcement

    package init(category: Category, _ enforcement: Enforcement) {
        (self.category, self.enforcement) = (category, enforcement)
    }

    /// Whether it is looked for: `allow` is not reported.
    var isActive: Bool { enforcement.isShadow || [.flag, .redact, .block].contains(enforcement.verdict) }
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
