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
    /// The categories that are judged under it, general ones first.
    package let categories: [Taxonomy.Entry]

    /// - Returns: `nil` for a clause that the guidelines don't have, or that no finding falls under.
    package init?(_ id: String, of guidelines: Guidelines, _ catalogue: Taxonomy) {
        guard let clause = guidelines.clause(id) else { return nil }
        let categories = catalogue.entries.filter { entry in
            Side.allCases.contains { side in
                [true, false].contains {
                    guidelines.enforcement(for: entry.id, side: side, isSandbox: $0)?.clause == id
                }
            }
        }
        guard !categories.isEmpty else { return nil }
        self.id = id
        title = clause.title
        text = clause.text
        (meant, notMeant) = (clause.meant, clause.notMeant)
        self.categories = categories
    }

    package static func == (left: JudgedClause, right: JudgedClause) -> Bool {
        (left.id, left.title, left.text) == (right.id, right.title, right.text)
            && (left.meant, left.notMeant) == (right.meant, right.notMeant)
            && left.categories.map(\.id) == right.categories.map(\.id)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(id) }

    /// What a judge that tells clauses but not categories has found.
    var category: Category { categories[0].id }
}
