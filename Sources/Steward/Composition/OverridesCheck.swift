internal import Filtering
internal import Gateway
internal import Guidelines
internal import Storage

/// Whether what a policy file says fits to rules, guidelines and taxonomy.
struct OverridesCheck {
    let overrides: PolicyOverrides
    let guidelines: Guidelines
    let taxonomy: Taxonomy

    func problems(_ rules: FilterRules) -> [RuleProblem] {
        applicationProblems + shadowProblems(rules) + allowedProblems(rules)
            + overrides.redactions.flatMap { style in
                style.categories.compactMap { unknownCategory($0, at: style.place) }
            }
    }

    private var applicationProblems: [RuleProblem] {
        let named =
            overrides.applications.map { ($0.id, $0.place) }
            + overrides.allowed.compactMap { entry in entry.application.map { ($0, entry.place) } }
        let unknown = named.filter { ApplicationID($0.0)?.description != $0.0 }.map { id, place in
            place.problem("“\(id)” is no application's id. See `steward applications list`.")
        }
        return unknown + overrides.applications.flatMap(\.tightenings).flatMap(problems)
    }

    private func unknownCategory(_ category: Filtering.Category, at place: PolicyOverrides.Place) -> RuleProblem? {
        guard !taxonomy.entries.contains(where: { category.covers($0.id) }) else { return nil }
        let near = Suggestion.nearest(to: category.rawValue, among: taxonomy.entries.map(\.id.rawValue))
        return place.problem(
            "There is no category `\(category)`. "
                + (near.map { "Did you mean `\($0)`?" } ?? "`steward guidelines show` names those in use."))
    }

    /// An application may only tighten: what is milder than both stages require would do nothing.
    private func problems(of tightening: PolicyOverrides.Tightening) -> [RuleProblem] {
        tightening.categories.flatMap { category -> [RuleProblem] in
            if let problem = unknownCategory(category, at: tightening.place) { return [problem] }
            let milder = Side.allCases.compactMap { side -> RuleProblem? in
                guard let wanted = tightening.verdict(on: side) else { return nil }
                let required = required(of: category, side).map(\.verdict)
                guard required.allSatisfy({ $0.rawValue > wanted.rawValue }), let least = required.first else {
                    return nil
                }
                return tightening.place.problem(
                    "An application may only tighten: the guidelines say `\(least.name)` for `\(category)` in a "
                        + "\(side.name) already. Write that, or more.")
            }
            return milder + [streamsProblem(of: category, tightening)].compactMap(\.self)
        }
    }

    /// Of both stages.
    private func required(of category: Filtering.Category, _ side: Side) -> [Enforcement] {
        [true, false].map { guidelines.enforcement(for: category, side: side, isSandbox: $0) ?? Enforcement(.flag) }
    }

    private func streamsProblem(
        of category: Filtering.Category, _ tightening: PolicyOverrides.Tightening
    ) -> RuleProblem? {
        guard let mode = tightening.streams else { return nil }
        let required = required(of: category, .completion)
        if required.allSatisfy({ $0.streams >= mode }), let least = required.map(\.streams).min() {
            return tightening.place.problem(
                "An application may only tighten: streams of `\(category)` are treated as `\(least.rawValue)` already. "
                    + "Write more than that, or nothing.")
        }
        // Of a special case of it the guidelines may say more than of the rest.
        let verdicts = taxonomy.entries.filter { category.covers($0.id) }.flatMap {
            self.required(of: $0.id, .completion)
        }
        .map { $0.verdict.combined(with: tightening.completion ?? .allow) }
        guard verdicts.allSatisfy({ $0 != .redact && $0 != .block }) else { return nil }
        return tightening.place.problem(
            "Nothing is held of an answer for `\(category)`, which is only flagged. Write `completion: block` too.")
    }

    private func shadowProblems(_ rules: FilterRules) -> [RuleProblem] {
        overrides.shadowed.compactMap { unknownRule($0.rule, rules, at: $0.place) }
    }

    private func allowedProblems(_ rules: FilterRules) -> [RuleProblem] {
        // All that any rule finds.
        let everything = try? FilterPolicy(rules) { _, _ in Enforcement(.flag) }
        let known = Dictionary(rules.rules.map { ($0.id, $0) }) { first, _ in first }
        let screener = Screener()
        return overrides.allowed.flatMap { entry in
            var text = entry.text
            let found = everything.map { policy in
                text.withUTF8 { screener.screen($0, side: .prompt, policy: policy).findings }
            }
            return entry.rules.compactMap { id -> RuleProblem? in
                guard let rule = known[id] else { return unknownRule(id, rules, at: entry.place) }
                if rule.score != nil {
                    return entry.place.problem(
                        "`\(id)` gives a score to a whole text, so no words of it can be allowed.")
                }
                return rule.context.isEmpty ? ineffective(entry, rule, found ?? []) : nil
            }
        }
    }

    /// An exception must be all that the rule finds in it. Where a word of context is asked for, that can't be told here.
    private func ineffective(
        _ entry: PolicyOverrides.AllowedText, _ rule: Rule, _ found: [Finding]
    ) -> RuleProblem? {
        guard let finding = found.first(where: { $0.rule == rule.id }) else {
            return entry.place.problem(
                "`\(rule.id)` finds nothing in this text. Take the rule out, or see `steward filter explain`.")
        }
        guard finding.range != 0..<entry.text.utf8.count else { return nil }
        // Not the text, which may be an address, or a key: a reload logs this.
        return entry.place.problem(
            "`\(rule.id)` finds only bytes \(finding.range.lowerBound) to \(finding.range.upperBound) of this text. Write "
                + "exactly those.")
    }

    private func unknownRule(_ id: String, _ rules: FilterRules, at place: PolicyOverrides.Place) -> RuleProblem? {
        guard !rules.rules.contains(where: { $0.id == id }) else { return nil }
        let near = Suggestion.nearest(to: id, among: rules.rules.map(\.id))
        return place.problem(
            "There is no rule `\(id)`. " + (near.map { "Did you mean `\($0)`?" } ?? "A finding names its rule."))
    }
}
