/// What an operator changes about the filter beside rules and guidelines: who wants it stricter, which texts are let alone,
/// which rules only record for now. Read from the policy file; see `init(yaml:file:)` for its form.
package struct PolicyOverrides: Sendable, Hashable {
    /// Who answers for an entry, why it is there, and until when.
    package struct Sponsor: Sendable, Hashable {
        package var owner: String
        package var reason: String
        /// The first day on which it no longer holds; `nil` where it holds until it is taken out.
        package var expires: PolicyDay?
    }

    /// Where an entry stands in its file.
    package struct Place: Sendable, Hashable {
        package var file: String
        package var line: Int
        package var column: Int

        package func problem(_ message: String) -> RuleProblem {
            RuleProblem(file: file, line: line, column: column, message: message)
        }
    }

    /// A text that some rules leave alone.
    package struct AllowedText: Sendable, Hashable {
        /// All of a match, as its rule reads it; case does not count.
        package var text: String
        /// Ids.
        package var rules: [String]
        /// The only application for which it holds; `nil` for all.
        package var application: String?
        package var sponsor: Sponsor
        package var place: Place
    }

    /// A rule that is tried out: what it finds is recorded, and nothing follows.
    package struct ShadowedRule: Sendable, Hashable {
        package var rule: String
        package var sponsor: Sponsor
        package var place: Place
    }

    /// The mildest that may follow from findings of some categories.
    package struct Tightening: Sendable, Hashable {
        package var categories: [Category]
        /// `nil` where it asks nothing.
        package var prompt: Verdict?
        package var completion: Verdict?
        /// `nil` where streams are as they are.
        package var streams: StreamMode?
        package var place: Place

        package func verdict(on side: Side) -> Verdict? { side == .prompt ? prompt : completion }
    }

    /// What one application wants beyond what its stage requires.
    package struct ApplicationPolicy: Sendable, Hashable {
        /// Such as `app_01jdb3k6y8v4m2n7q9r5s1t3w6`.
        package var id: String
        /// Rule files; what they find matters in this application's traffic alone.
        package var ruleFiles: [String]
        package var tightenings: [Tightening]
        package var place: Place
    }

    /// Categories beside those of the taxonomy.
    package var categories: [Taxonomy.Entry]
    package var applications: [ApplicationPolicy]
    package var allowed: [AllowedText]
    package var shadowed: [ShadowedRule]
    /// What stands in place of what is taken out.
    package var redactions: [RedactionStyle]

    package static let none = PolicyOverrides(
        categories: [], applications: [], allowed: [], shadowed: [], redactions: [])

    package var markers: RedactionMarkers { RedactionMarkers(redactions) }

    /// Without what no longer holds on a day.
    package func inForce(on day: PolicyDay) -> PolicyOverrides {
        var overrides = self
        overrides.allowed.removeAll { $0.sponsor.hasEnded(on: day) }
        overrides.shadowed.removeAll { $0.sponsor.hasEnded(on: day) }
        return overrides
    }

    /// What follows from findings of a rule in the traffic of an application (`nil`: of one that wants nothing of its own),
    /// where the guidelines say `enforcement`. Never milder than that, but for rules that are tried out.
    package func adjusted(
        _ enforcement: Enforcement, of rule: Rule, side: Side, application: String?
    ) -> Enforcement {
        guard rule.application == nil || rule.application == application else { return Enforcement(.allow) }
        var enforcement = tightened(enforcement, of: rule.category, side: side, application: application)
        enforcement.isShadow = shadowed.contains { $0.rule == rule.id }
        return enforcement
    }

    /// The same for what a judge finds, who knows categories only.
    package func tightened(
        _ enforcement: Enforcement, of category: Category, side: Side, application: String?
    ) -> Enforcement {
        guard let application, let own = applications.first(where: { $0.id == application }) else { return enforcement }
        var enforcement = enforcement
        for verdict in own.mostSpecial(of: category, { $0.verdict(on: side) }) {
            enforcement.verdict = enforcement.verdict.combined(with: verdict)
        }
        for mode in own.mostSpecial(of: category, \.streams) { enforcement.streams = max(enforcement.streams, mode) }
        return enforcement
    }

    /// Whether an application wants something of a category, by a name for which `isOne` holds.
    package func wants(_ application: String?, _ isOne: (Category) -> Bool) -> Bool {
        applications.contains {
            $0.id == application && $0.tightenings.contains { $0.categories.contains(where: isOne) }
        }
    }

    /// The applications whose traffic is judged otherwise than that of others.
    package var applicationsWithOwn: Set<String> {
        Set(applications.map(\.id) + allowed.compactMap(\.application))
    }

    /// The texts that count for an application.
    package func allowed(for application: String?) -> [AllowedText] {
        allowed.filter { $0.application == nil || $0.application == application }
    }
}

extension PolicyOverrides.ApplicationPolicy {
    /// What is wanted for a category. As in the guidelines, the most special one that is named decides.
    fileprivate func mostSpecial<Wish>(
        of category: Category, _ wish: (PolicyOverrides.Tightening) -> Wish?
    ) -> [Wish] {
        let named = tightenings.flatMap { tightening -> [(depth: Int, Wish)] in
            guard let wish = wish(tightening) else { return [] }
            return tightening.categories.filter { $0.covers(category) }.map { ($0.rawValue.utf8.count, wish) }
        }
        let depth = named.map(\.depth).max()
        return named.filter { $0.depth == depth }.map(\.1)
    }
}

extension PolicyOverrides.Sponsor {
    fileprivate func hasEnded(on day: PolicyDay) -> Bool { expires.map { $0 <= day } ?? false }
}
