internal import Yams

/// What each category means, what others call it, and who looks for it.
package struct Taxonomy: Sendable, Hashable {
    /// Who looks for a category.
    package enum Detector: String, Sendable, Hashable, CaseIterable {
        /// Rules with patterns.
        case rules
        /// The classifier gives it a score.
        case classifier
    }

    /// How bad it is at worst.
    package enum Severity: String, Sendable, Hashable, CaseIterable {
        case low, medium, high, critical
    }

    package struct Entry: Sendable, Hashable {
        package var id: Category
        /// One sentence.
        package var definition: String
        package var severity: Severity
        /// OpenAI's categories that a finding sets, such as `hate/threatening`, its own last; empty where it has none.
        package var moderation: [String]
        /// AILuminate's hazards that it belongs to, such as `hte`.
        package var hazards: [String]
        /// Empty where nobody does: an answer about it is *not evaluated*, never *no*.
        package var judged: Set<Detector>
        /// What it is called where a tool or a document brought the text, so that who asks did not write it.
        package var inTools: Category?
    }

    /// The category names of OpenAI's moderation answers, in its order.
    ///
    /// Source: OpenAI API reference, moderations (omni-moderation-latest).
    package static let moderationCategories = [
        "harassment", "harassment/threatening", "sexual", "hate", "hate/threatening", "illicit", "illicit/violent",
        "self-harm/intent", "self-harm/instructions", "self-harm", "sexual/minors", "violence", "violence/graphic",
    ]

    /// The hazards of AILuminate, and Llama Guard's own.
    ///
    /// Source: MLCommons, AILuminate Assessment Standard 1.0: twelve hazards, of which specialised advice is told apart by
    /// its field.
    package static let hazards = [
        "vcr", "ncr", "src", "cse", "iwp", "ssh", "hte", "dfm", "prv", "ipv", "sxc", "spc_ele", "spc_fin", "spc_hlt",
        "spc_lgl", "code_abuse",
    ]

    /// In the file's order.
    package let entries: [Entry]
    private let byID: [Category: Int]

    package init(entries: [Entry]) {
        self.entries = entries
        byID = Dictionary(entries.enumerated().map { ($1.id, $0) }) { first, _ in first }
    }

    /// With an operator's own categories behind the others.
    package func adding(_ own: [Entry]) -> Taxonomy { own.isEmpty ? self : Taxonomy(entries: entries + own) }

    package subscript(id: Category) -> Entry? {
        byID[id].map { entries[$0] }
    }

    /// Whether something can set this category of OpenAI's; otherwise an answer about it is *not evaluated*.
    ///
    /// - Parameter scored: the categories for which the classifier gave the text a score; `nil` for all that it can.
    package func judges(moderation name: String, scored: Set<Category>? = nil) -> Bool {
        entries.contains { entry in
            let isJudged =
                entry.judged.contains(.rules)
                || entry.judged.contains(.classifier) && scored?.contains(entry.id) ?? true
            return isJudged && entry.moderation.contains(name)
        }
    }

    /// What a category is called where a tool or a document brought the text; `nil` where that makes no difference.
    package func inTools(_ category: Category) -> Category? { self[category]?.inTools }

    /// OpenAI's categories that findings of these categories set.
    package func moderation(of categories: some Sequence<Category>) -> Set<String> {
        categories.reduce(into: []) { names, id in names.formUnion(self[id]?.moderation ?? []) }
    }

    /// The taxonomy that comes with Steward.
    ///
    /// - Throws: `RuleProblems` if the file was spoilt before the build.
    package static func shipped() throws(RuleProblems) -> Taxonomy {
        try Taxonomy(
            yaml: String(decoding: PackageResources.taxonomy_yaml, as: UTF8.self), file: "taxonomy.yaml")
    }

    /// - Throws: every problem of the file at once.
    package init(yaml: String, file: String) throws(RuleProblems) {
        var reader = RuleFieldReader(file: file)
        var entries: [Entry] = []
        if let document = reader.document(yaml),
            let fields = reader.fields(of: document, known: ["categories"], what: "A taxonomy")
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
        for entry in entries {
            guard let other = entry.inTools, !entries.contains(where: { $0.id == other }) else { continue }
            reader.report(nil, "`in_tools` of `\(entry.id)` is no category: `\(other)`. Write one of this file.")
        }
        guard reader.problems.isEmpty else { throw RuleProblems(reader.problems) }
        self.init(entries: entries)
    }

    static func entry(_ node: Node, _ reader: inout RuleFieldReader) -> Entry? {
        let known = ["id", "definition", "severity", "moderation", "hazards", "judged", "in_tools"]
        guard let fields = reader.fields(of: node, known: known, what: "A category") else { return nil }
        for name in ["id", "definition", "severity"] where fields[name] == nil {
            reader.report(node.mark, "A category needs `\(name)`. Write `\(name): …`.")
        }
        let severity: Severity? = reader.choice(fields["severity"], "severity")
        let moderation = names(fields, "moderation", among: moderationCategories, &reader)
        let hazards = names(fields, "hazards", among: hazards, &reader)
        let judged = names(fields, "judged", among: Detector.allCases.map(\.rawValue), &reader)
        guard let id = reader.text(fields["id"], "id"),
            let definition = reader.text(fields["definition"], "definition"), let severity
        else { return nil }
        return Entry(
            id: Category(id), definition: definition, severity: severity, moderation: moderation, hazards: hazards,
            judged: Set(judged.compactMap(Detector.init(rawValue:))),
            inTools: reader.text(fields["in_tools"], "in_tools").map { Category($0) })
    }

    /// A list of names that are known.
    private static func names(
        _ fields: [String: Node], _ field: String, among known: [String], _ reader: inout RuleFieldReader
    ) -> [String] {
        let names = reader.texts(fields[field], field)
        for name in names where !known.contains(name) {
            reader.report(
                fields[field]?.mark, "There is no `\(name)` for `\(field)`. Known are \(Suggestion.list(known)).")
        }
        return names
    }
}
