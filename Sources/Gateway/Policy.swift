package import Access
package import Filtering
package import Guidelines
internal import Storage

/// All published data that the path decides by, as one immutable value: no request sees half of two versions.
package final class Policy: Sendable {
    package let guidelines: Guidelines
    package let rules: FilterRules
    package let categories: Taxonomy
    package let overrides: PolicyOverrides
    /// How long a stream may be silent for what its text may become; `nil` for as long as the upstream is.
    package let holdBackTimeMax: Duration?
    private let general: StagedFilters
    /// Of those who want something of their own.
    private let byApplication: [ApplicationID: StagedFilters]

    /// Joins rules and guidelines: a rule says what it sees, the clause that names its category what follows; and the
    /// operator's changes to both.
    ///
    /// - Parameter overrides: those that are in force.
    package init(
        guidelines: Guidelines, rules: FilterRules, categories: Taxonomy, holdBackBytesMax: Int = 512,
        holdBackTimeMax: Duration? = nil, overrides: PolicyOverrides = .none
    ) throws(FilterError) {
        self.guidelines = guidelines
        self.rules = rules
        self.categories = categories
        self.overrides = overrides
        self.holdBackTimeMax = holdBackTimeMax
        let own = overrides.applicationsWithOwn
        let statesBytesMax = max(
            Self.statesBytesMin, min(FilterPolicy.statesBytesMax, Self.statesBytesOfAll / (2 * (2 + own.count))))
        func filters(_ application: String?) throws(FilterError) -> StagedFilters {
            func filter(_ stage: Stage) throws(FilterError) -> FilterPolicy {
                try FilterPolicy(
                    rules, holdBackBytesMax: holdBackBytesMax, allowed: overrides.allowed(for: application),
                    markers: overrides.markers, statesBytesMax: statesBytesMax,
                    inTools: { Self.enforcedInTools(guidelines, overrides, categories, $0, stage, application) },
                    unjudged: { rule, side in
                        Self.enforcement(guidelines, overrides, unjudged: rule, side: side, stage: stage, application)
                    },
                    enforcement: { rule, side in
                        Self.enforcement(guidelines, overrides, of: rule, side: side, stage: stage, application)
                    })
            }
            return StagedFilters(sandbox: try filter(.sandbox), production: try filter(.production))
        }
        general = try filters(nil)
        var byApplication: [ApplicationID: StagedFilters] = [:]
        for name in own {
            guard let id = ApplicationID(name) else { continue }
            byApplication[id] = try filters(name)
        }
        self.byApplication = byApplication
    }

    /// What the automata of streams may keep on one loop, all together, and each of them where there are very many.
    private static let statesBytesOfAll = 64 << 20
    private static let statesBytesMin = 256 << 10

    var filters: [FilterPolicy] { ([general] + byApplication.values).flatMap { [$0.sandbox, $0.production] } }

    func filter(for key: KeyEntry) -> FilterPolicy {
        let own = byApplication.isEmpty ? nil : byApplication[key.application]
        return (own ?? general)[key.stage]
    }

    /// As for applications that want nothing of their own.
    func filter(for stage: Stage) -> FilterPolicy { general[stage] }

    /// What follows from findings of a rule.
    package func enforcement(of rule: Rule, side: Side, stage: Stage, application: String? = nil) -> Enforcement {
        Self.enforcement(guidelines, overrides, of: rule, side: side, stage: stage, application)
    }

    /// What is carried out of it: nothing of a rule in shadow.
    package func carriedOut(_ rule: Rule, side: Side, stage: Stage, application: String?) -> Enforcement {
        rule.limiting(enforcement(of: rule, side: side, stage: stage, application: application)).carriedOut
    }

    /// What follows from findings of a judge, who knows categories only.
    package func enforcement(
        of category: Filtering.Category, side: Side, stage: Stage, application: String?
    ) -> Enforcement {
        let enforcement = guidelines.enforcement(for: category, side: side, isSandbox: stage == .sandbox)
        return overrides.tightened(
            enforcement ?? Enforcement(.flag), of: category, side: side, application: application)
    }

    /// What follows from a text that nobody judges, by the rule that says so: nothing, unless a clause or the application
    /// names its category.
    package func enforcement(unjudged rule: Rule, side: Side, stage: Stage, application: String? = nil) -> Enforcement {
        Self.enforcement(guidelines, overrides, unjudged: rule, side: side, stage: stage, application)
    }

    /// What a rule's findings are where a tool or a document brought the text of a prompt, and what follows; `nil` where that
    /// makes no difference.
    package func enforcedInTools(_ rule: Rule, stage: Stage, application: String? = nil) -> EnforcedRule? {
        Self.enforcedInTools(guidelines, overrides, categories, rule, stage, application)
    }

    /// Not less than elsewhere, unless who wants it so names the category that it is there: else a caller would hide an attack
    /// in a tool's result.
    private static func enforcedInTools(
        _ guidelines: Guidelines, _ overrides: PolicyOverrides, _ categories: Taxonomy, _ rule: Rule, _ stage: Stage,
        _ application: String?
    ) -> EnforcedRule? {
        guard let category = categories.inTools(rule.category) else { return nil }
        func enforcement(_ rule: Rule) -> Enforcement {
            Self.enforcement(guidelines, overrides, of: rule, side: .prompt, stage: stage, application)
        }
        var found = rule
        found.category = category
        let isNamed =
            overrides.wants(application) { $0.covers(rule.category) }
            ? overrides.wants(application) { $0 == category } : guidelines.names(category)
        let there = enforcement(found)
        return EnforcedRule(category: category, isNamed ? there : there.combined(with: enforcement(rule)))
    }

    private static func enforcement(
        _ guidelines: Guidelines, _ overrides: PolicyOverrides, unjudged rule: Rule, side: Side, stage: Stage,
        _ application: String?
    ) -> Enforcement {
        overrides.tightened(
            guidelines.enforcement(for: rule.category, side: side, isSandbox: stage == .sandbox) ?? Enforcement(.allow),
            of: rule.category, side: side, application: application)
    }

    private static func enforcement(
        _ guidelines: Guidelines, _ overrides: PolicyOverrides, of rule: Rule, side: Side, stage: Stage,
        _ application: String?
    ) -> Enforcement {
        overrides.adjusted(
            guidelines.enforcement(of: rule, side: side, isSandbox: stage == .sandbox), of: rule, side: side,
            application: application)
    }
}

/// What texts are judged by in both stages.
private struct StagedFilters: Sendable {
    let sandbox: FilterPolicy
    let production: FilterPolicy

    subscript(stage: Stage) -> FilterPolicy {
        switch stage {
        case .sandbox: sandbox
        case .production: production
        }
    }
}
