internal import Filtering

/// Which samples somebody wants to see.
package struct SampleFilter: Sendable, Hashable {
    /// Those in which this rule found something.
    package var rule: String?
    /// Those in which something of this category was found.
    package var category: String?
    /// None in which something of these was found; nobody says why.
    package var declined: [String]
    /// Those that were drawn as `found`, `unsure` or `random`.
    package var reason: String?
    /// Those that this reviewer has not judged, and whose text is still there.
    package var reviewer: String?

    package init(
        rule: String? = nil, category: String? = nil, declined: [String] = [], reason: String? = nil,
        reviewer: String? = nil
    ) {
        (self.rule, self.category, self.declined) = (rule, category, declined)
        (self.reason, self.reviewer) = (reason, reviewer)
    }

    /// All but `reviewer`, which is the store's matter.
    func matches(_ sample: Sample) -> Bool {
        (rule.map { rule in sample.findings.contains { $0.rule == rule } } ?? true)
            && (category.map(sample.has) ?? true) && !declined.contains(where: sample.has)
            && (reason.map { $0 == sample.reason } ?? true)
    }
}

extension Sample {
    /// Whether something of a category was found, or of one below it.
    func has(_ category: String) -> Bool {
        let category = Category(category)
        return categories.contains { category.covers(Category($0)) }
    }
}
