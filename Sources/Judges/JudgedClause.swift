package import Filtering
package import Guidelines

/// A clause as judges are asked about it.
package struct JudgedClause: Sendable, Hashable {
    package let id: String
    package let title: String
    /// What it covers and what it does not, in plain words.
    package let text: String
    package let meant: [String]
    package let notMeant: [String]
    /// The categories that are judged under it, in the taxonomy's order.
    package let categories: [Taxonomy.Entry]
    /// What a judge that tells clauses but not categories has found: that with the mildest consequence, since it says no more
    /// than that it is one of them.
    package let category: Category

    /// As it is on one side and in one stage.
    ///
    /// - Returns: `nil` for a clause that the guidelines don't have, or that no finding falls under there.
    package init?(
        _ id: String, of guidelines: Guidelines, _ taxonomy: Taxonomy, side: Side, isSandbox: Bool
    ) {
        guard let clause = guidelines.clause(id) else { return nil }
        var categories: [Taxonomy.Entry] = []
        var mildest: (category: Category, verdict: Verdict)?
        for entry in taxonomy.entries {
            guard let enforcement = guidelines.enforcement(for: entry.id, side: side, isSandbox: isSandbox),
                enforcement.clause == id
            else { continue }
            categories.append(entry)
            guard enforcement.verdict != .allow, enforcement.verdict.rawValue < mildest?.verdict.rawValue ?? .max else {
                continue
            }
            mildest = (entry.id, enforcement.verdict)
        }
        guard let first = categories.first else { return nil }
        category = mildest?.category ?? first.id
        self.id = id
        title = clause.title
        text = clause.text
        (meant, notMeant) = (clause.meant, clause.notMeant)
        self.categories = categories
    }

    package static func == (left: JudgedClause, right: JudgedClause) -> Bool {
        (left.id, left.title, left.text) == (right.id, right.title, right.text)
            && (left.meant, left.notMeant) == (right.meant, right.notMeant)
            && left.categories.map(\.id) == right.categories.map(\.id) && left.category == right.category
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(id) }
}
