internal import Yams

/// The YAML form of rules:
///
/// ```yaml
/// rules:
///   - id: pii/card-number          # unique, stable
///     category: pii.card           # one of the catalogue's
///     severity: high               # optional; for people: low, medium, high, critical
///     pattern: '\b[0-9]{13,19}\b'  # Hyperscan syntax, bounded width; or
///     words: [acme, acme max]      # words and phrases in place of a pattern, in the skeleton view
///     view: normalised             # or skeleton, for words
///     ignore_case: false
///     check: card                  # optional; see Check
///     context: [card, visa]        # optional; one must stand near
///     context_bytes: 64
///     context_position: around     # or before: then a stream waits for a match only behind such a word
///     clause: C1                   # optional; named in refusals in place of the category's
///     matches: ['…']               # at least one
///     non_matches: ['…']           # at least one
/// ```
///
/// `severity` is checked, so that it can be relied on, and goes no further: what follows from a finding, the guidelines
/// decide by its category.
package enum RuleFile {
    private static let ruleFields = [
        "id", "category", "severity", "pattern", "view", "ignore_case", "check", "context", "context_bytes",
        "context_position", "clause", "matches", "non_matches", "score", "words", "false_positives", "at_most",
    ]

    /// The rules of some files, among which ids are unique.
    ///
    /// - Parameter files: name, for messages, and text of each.
    /// - Throws: every problem of all files at once.
    package static func rules(
        files: [(name: String, yaml: String)], categories: Taxonomy
    ) throws(RuleProblems) -> [Rule] {
        var rules: [Rule] = []
        var problems: [RuleProblem] = []
        var places: [String: String] = [:]
        for file in files {
            var reader = RuleFieldReader(file: file.name)
            for node in ruleNodes(file.yaml, &reader) {
                guard let rule = rule(node, categories, &places, &reader) else { continue }
                rules.append(rule)
            }
            problems += reader.problems
        }
        guard problems.isEmpty else { throw RuleProblems(problems) }
        return rules
    }

    private static func ruleNodes(_ yaml: String, _ reader: inout RuleFieldReader) -> [Node] {
        guard let document = reader.document(yaml),
            let fields = reader.fields(of: document, known: ["rules"], what: "A rule file")
        else { return [] }
        guard case .sequence(let sequence)? = fields["rules"], !sequence.isEmpty else {
            reader.report(
                fields["rules"]?.mark ?? document.mark, "`rules` is a list. Write `rules:` and each rule after `- `.")
            return []
        }
        return Array(sequence)
    }

    private static func rule(
        _ node: Node, _ categories: Taxonomy, _ places: inout [String: String], _ reader: inout RuleFieldReader
    ) -> Rule? {
        guard let fields = reader.fields(of: node, known: ruleFields, what: "A rule") else { return nil }
        let asksScore = fields["score"] != nil
        let hasWords = fields["words"] != nil
        let needed = asksScore ? ["false_positives"] : hasWords ? [] : ["pattern"]
        for name in ["id", "category"] + needed + ["matches", "non_matches"] where fields[name] == nil {
            reader.report(node.mark, missing(name))
        }
        if asksScore { reportPatternFields(fields, &reader) }
        if hasWords { reportFields(["pattern", "view", "ignore_case", "check"], "`words`", fields, &reader) }
        let id = id(fields["id"], &places, &reader)
        let category = category(fields["category"], categories, &reader)
        let _: Taxonomy.Severity? = reader.choice(fields["severity"], "severity")
        let view: Rule.View? = reader.choice(fields["view"], "view")
        let check: Check? = reader.choice(fields["check"], "check")
        let pattern = hasWords ? words(fields["words"], &reader) : reader.text(fields["pattern"], "pattern")
        if view == .skeleton, check != nil {
            reader.report(
                fields["check"]?.mark,
                "A rule in the skeleton view can't have a check, since a skeleton turns digits into letters. "
                    + "Write `view: normalised`.")
        }
        let contextPosition: Rule.ContextPosition? = reader.choice(fields["context_position"], "context_position")
        if let node = fields["context_position"], fields["context"] == nil {
            reader.report(
                node.mark, "`context_position` says where words stand. Write the words: `context: [card, visa]`.")
        }
        let rule = Rule(
            id: id ?? "", category: category ?? Category(""), pattern: pattern ?? "",
            score: score(fields, &reader), verdictMax: verdictMax(fields["at_most"], &reader),
            view: view ?? (hasWords ? .skeleton : .normalised),
            ignoresCase: reader.flag(fields["ignore_case"], "ignore_case"), check: check,
            context: reader.texts(fields["context"], "context"),
            contextBytes: reader.number(
                fields["context_bytes"], "context_bytes", in: 1...FilterRules.contextBytesMax, default: 64),
            contextPosition: contextPosition ?? .around,
            clause: reader.text(fields["clause"], "clause"),
            matches: tests(fields["matches"], "matches", &reader),
            nonMatches: tests(fields["non_matches"], "non_matches", &reader))
        return id == nil || category == nil || pattern == nil && !asksScore ? nil : rule
    }

    /// A rule that asks for a score has no pattern, nor what belongs to one.
    private static func reportPatternFields(_ fields: [String: Node], _ reader: inout RuleFieldReader) {
        reportFields(
            ["pattern", "words", "view", "ignore_case", "check", "context", "context_bytes", "context_position"],
            "a `score`", fields, &reader)
    }

    private static func reportFields(
        _ names: [String], _ what: String, _ fields: [String: Node], _ reader: inout RuleFieldReader
    ) {
        for name in names {
            guard let node = fields[name] else { continue }
            reader.report(node.mark, "A rule with \(what) has no `\(name)`. Take one of the two out.")
        }
    }

    /// The pattern of words.
    private static func words(_ node: Node?, _ reader: inout RuleFieldReader) -> String? {
        let words = reader.texts(node, "words")
        guard !words.isEmpty else { return nil }
        return WordList(words).pattern
    }

    private static func score(_ fields: [String: Node], _ reader: inout RuleFieldReader) -> Rule.Score? {
        guard let head = reader.text(fields["score"], "score") else {
            if let node = fields["false_positives"] {
                reader.report(node.mark, "`false_positives` says how sure a score must be. Write the `score` too.")
            }
            return nil
        }
        let node = fields["false_positives"]
        guard let text = reader.text(node, "false_positives"), let rate = Double(text), rate > 0, rate < 1 else {
            reader.report(node?.mark, "`false_positives` is a share between 0 and 1, such as 0.001.")
            return nil
        }
        return Rule.Score(head: head, falsePositives: rate)
    }

    private static func verdictMax(_ node: Node?, _ reader: inout RuleFieldReader) -> Verdict {
        guard let node else { return .block }
        let verdicts = [Verdict.allow, .flag, .redact, .block]
        guard let text = reader.text(node, "at_most"), let verdict = verdicts.first(where: { $0.name == text }) else {
            reader.report(node.mark, "`at_most` must be one of \(Suggestion.list(verdicts.map(\.name))).")
            return .block
        }
        return verdict
    }

    private static func missing(_ name: String) -> String {
        switch name {
        case "matches": "A rule needs a text that it finds. Write `matches: ['…']`."
        case "non_matches": "A rule needs a text that it must leave alone. Write `non_matches: ['…']`."
        default: "A rule needs `\(name)`. Write `\(name): …`."
        }
    }

    private static func tests(_ node: Node?, _ name: String, _ reader: inout RuleFieldReader) -> [String] {
        let texts = reader.texts(node, name)
        if let node, case .sequence(let sequence) = node, sequence.isEmpty {
            reader.report(node.mark, missing(name))
        }
        return texts
    }

    private static func id(_ node: Node?, _ places: inout [String: String], _ reader: inout RuleFieldReader) -> String?
    {
        guard let node, let id = reader.text(node, "id") else { return nil }
        let isWellFormed =
            id.utf8.allSatisfy {
                $0.isASCIIDigit || (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "/")
            } && id.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty }
            && id.utf8.contains(UInt8(ascii: "/"))
        guard isWellFormed else {
            reader.report(
                node.mark,
                "`\(id)` is no rule id. Write lower-case words like `pii/card-number`: letters, digits, `-`, `/`.")
            return nil
        }
        let place = "\(reader.file):\(node.mark?.line ?? 1)"
        if let other = places.updateValue(place, forKey: id) {
            places[id] = other
            reader.report(node.mark, "The id `\(id)` is taken by the rule at \(other). Choose another.")
            return nil
        }
        return id
    }

    private static func category(
        _ node: Node?, _ categories: Taxonomy, _ reader: inout RuleFieldReader
    ) -> Category? {
        guard let node, let name = reader.text(node, "category") else { return nil }
        if categories[Category(name)] != nil { return Category(name) }
        let known = categories.entries.map(\.id.rawValue)
        let advice = Suggestion.nearest(to: name, among: known).map { "Did you mean `\($0)`?" }
        reader.report(
            node.mark, "The catalogue has no category `\(name)`. \(advice ?? "Known are \(Suggestion.list(known)).")")
        return nil
    }
}
