internal import Yams

/// What each category means, which of OpenAI's moderation categories it answers, and whether anything here judges it.
package struct CategoryCatalogue: Sendable, Hashable {
    /// Who judges a category.
    package enum Judge: String, Sendable, Hashable, CaseIterable {
        /// Rules look for it.
        case rules
        /// The classifier gives it a score.
        case classifier
        /// Nobody does: an answer about it is *not evaluated*, never *no*.
        case none
    }

    package struct Entry: Sendable, Hashable {
        package var id: Category
        /// One sentence.
        package var definition: String
        /// OpenAI's categories that a finding sets, such as `hate/threatening`; empty where it has none.
        package var moderation: [String]
        package var judged: Judge
    }

    /// The category names of OpenAI's moderation answers, in its order.
    ///
    /// Source: OpenAI API reference, moderations (omni-moderation-latest).
    package static let moderationCategories = [
        "harassment", "harassment/threatening", "sexual", "hate", "hate/threatening", "illicit", "illicit/violent",
        "self-harm/intent", "self-harm/instructions", "self-harm", "sexual/minors", "violence", "violence/graphic",
    ]

    /// In the file's order.
    package let entries: [Entry]
    private let byID: [Category: Int]

    package init(entries: [Entry]) {
        self.entries = entries
        byID = Dictionary(entries.enumerated().map { ($1.id, $0) }) { first, _ in first }
    }

    package subscript(id: Category) -> Entry? {
        byID[id].map { entries[$0] }
    }

    /// Whether something can set this category of OpenAI's; otherwise an answer about it is *not evaluated*.
    ///
    /// - Parameter scored: the categories for which the classifier gave the text a score; `nil` for all that it can.
    package func judges(moderation name: String, scored: Set<Category>? = nil) -> Bool {
        entries.contains { entry in
            let isJudged =
                switch entry.judged {
                case .rules: true
                case .classifier: scored?.contains(entry.id) ?? true
                case .none: false
                }
            return isJudged && entry.moderation.contains(name)
        }
    }

    /// OpenAI's categories that findings of these categories set.
    package func moderation(of categories: some Sequence<Category>) -> Set<String> {
        categories.reduce(into: []) { names, id in names.formUnion(self[id]?.moderation ?? []) }
    }

    /// The catalogue that comes with Steward.
    ///
    /// - Throws: `RuleProblems` if the file was spoilt before the build.
    package static func shipped() throws(RuleProblems) -> CategoryCatalogue {
        try CategoryCatalogue(
            yaml: String(decoding: PackageResources.categories_yaml, as: UTF8.self), file: "categories.yaml")
    }

    /// - Throws: every problem of the file at once.
    package init(yaml: String, file: String) throws(RuleProblems) {
        var reader = RuleFieldReader(file: file)
        var entries: [Entry] = []
        if let document = reader.document(yaml),
            let fields = reader.fields(of: document, known: ["categories"], what: "A catalogue")
        {
            if case .sequence(let sequence)? = fields["categories"] {
                for node in sequence {
                    guard let entry = Self.entry(node, &reader) else { continue }
                    if entries.contains(where: { $0.id == entry.id }) {
                        reader.report(node.mark, "The category `\(entry.id)` stands twice. Keep one.")
                    }
                    entries.append(entry)
                }
            } else {
                reader.report(document.mark, "`categories` is a list. Write each category after `- `.")
            }
        }
        guard reader.problems.isEmpty else { throw RuleProblems(reader.problems) }
        self.init(entries: entries)
    }

    private static func entry(_ node: Node, _ reader: inout RuleFieldReader) -> Entry? {
        let known = ["id", "definition", "moderation", "judged"]
        guard let fields = reader.fields(of: node, known: known, what: "A category") else { return nil }
        for name in ["id", "definition", "judged"] where fields[name] == nil {
            reader.report(node.mark, "A category needs `\(name)`. Write `\(name): …`.")
        }
        let moderation = reader.texts(fields["moderation"], "moderation")
        for name in moderation where !moderationCategories.contains(name) {
            reader.report(
                fields["moderation"]?.mark,
                "OpenAI has no category `\(name)`. Known are \(Suggestion.list(moderationCategories)).")
        }
        let judged: Judge? = reader.choice(fields["judged"], "judged")
        guard let id = reader.text(fields["id"], "id"),
            let definition = reader.text(fields["definition"], "definition"),
            let judged
        else { return nil }
        return Entry(id: Category(id), definition: definition, moderation: moderation, judged: judged)
    }
}
