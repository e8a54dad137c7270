/// What happens when a rule finds something: decided by the guideline clauses, not by the rule.
package struct Enforcement: Sendable, Hashable {
    package var verdict: Verdict
    /// The clause that says so; `nil` where no clause names the rule's category.
    package var clause: String?
    /// Whether what is found is only recorded, as allowed.
    package var isShadow = false

    package init(_ verdict: Verdict, clause: String? = nil) {
        self.verdict = verdict
        self.clause = clause
    }

    /// What is carried out of it.
    package var carriedOut: Enforcement {
        guard isShadow else { return self }
        var enforcement = self
        enforcement.isShadow = verdict != .allow
        enforcement.verdict = .allow
        return enforcement
    }
}
