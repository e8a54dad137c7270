package import Filtering

/// What may not be done with the models behind this gateway, clause by clause, and what enforces each.
///
/// The text is data: `Resources/guidelines.yaml` as shipped, or an operator's own file of the same form. It is read
/// once, checked as a whole, and served as it is.
package struct Guidelines: Sendable {
    /// `sha256:` and the digest of the file, in hexadecimal. Any change of the file changes it.
    package let version: String
    package let title: String
    /// BCP 47, such as `en`.
    package let language: String
    /// The day from which this text holds, `YYYY-MM-DD`.
    package let published: String
    package let introduction: String
    /// In the order of the file; ids are unique.
    package let clauses: [Clause]
    private let positions: [String: Int]
    private let table: EnforcementTable

    /// Twelve hexadecimal digits of the version, for people and headers.
    package var shortVersion: String { String(version.dropFirst("sha256:".count).prefix(12)) }

    init(
        version: String, title: String, language: String, published: String, introduction: String, clauses: [Clause]
    ) {
        self.version = version
        self.title = title
        self.language = language
        self.published = published
        self.introduction = introduction
        self.clauses = clauses
        positions = Dictionary(
            clauses.enumerated().map { ($0.element.id, $0.offset) }, uniquingKeysWith: { first, _ in first })
        table = EnforcementTable(clauses)
    }

    package func clause(_ id: String) -> Clause? {
        positions[id].map { clauses[$0] }
    }

    /// What happens to a finding of this category, and the clause that says so; `nil` where no clause names it.
    ///
    /// The most special category that a clause names wins (`pii.card` before `pii`); among those, what is written for
    /// this stage before what is written for both; then the strictest verdict; then the clause that stands first. Streams are
    /// treated as strictly as any of these says.
    package func enforcement(for category: Category, side: Side, isSandbox: Bool) -> Enforcement? {
        table.enforcement(for: category, side: side, isSandbox: isSandbox)
    }

    /// Whether a clause names a category itself, not only one that covers it.
    package func names(_ category: Category) -> Bool {
        clauses.contains { $0.enforcement.contains { $0.categories.contains(category) } }
    }

    /// What happens to what a rule finds: what the clause says that names its category, under the rule's own clause if it
    /// has one; what no clause names is flagged.
    package func enforcement(of rule: Rule, side: Side, isSandbox: Bool) -> Enforcement {
        var enforcement = enforcement(for: rule.category, side: side, isSandbox: isSandbox) ?? Enforcement(.flag)
        enforcement.clause = rule.clause ?? enforcement.clause
        return enforcement
    }
}

/// Index of what clauses say about categories.
private struct EnforcementTable: Sendable {
    private struct Place: Hashable {
        var category: String
        var side: Side
        var isSandbox: Bool
    }

    private var decisions: [Place: (enforcement: Enforcement, isForStage: Bool)] = [:]

    init(_ clauses: [Clause]) {
        for clause in clauses {
            for entry in clause.enforcement {
                for category in entry.categories {
                    for isSandbox in [true, false] where entry.applies(inSandbox: isSandbox) {
                        for side in Side.allCases {
                            note(
                                Enforcement(entry.verdict(on: side), clause: clause.id, streams: entry.streams),
                                isForStage: entry.stage != nil,
                                at: Place(category: category.rawValue, side: side, isSandbox: isSandbox))
                        }
                    }
                }
            }
        }
    }

    private mutating func note(_ enforcement: Enforcement, isForStage: Bool, at place: Place) {
        var enforcement = enforcement
        if let known = decisions[place], !isForStage || known.isForStage {
            guard isForStage == known.isForStage else { return }
            let streams = max(enforcement.streams, known.enforcement.streams)
            if enforcement.verdict.rawValue <= known.enforcement.verdict.rawValue { enforcement = known.enforcement }
            enforcement.streams = streams
        }
        decisions[place] = (enforcement, isForStage)
    }

    func enforcement(for category: Category, side: Side, isSandbox: Bool) -> Enforcement? {
        var name = category.rawValue[...]
        while true {
            if let found = decisions[Place(category: String(name), side: side, isSandbox: isSandbox)] {
                return found.enforcement
            }
            guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return nil }
            name = name[..<dot]
        }
    }
}
