internal import Yams

extension PolicyOverrides {
    /// Reads a policy file:
    ///
    /// ```yaml
    /// categories:                       # beside the shipped ones; rules, clauses and applications may name them
    ///   - {id: house.rival, definition: The name of a rival's product., severity: low}
    /// applications:
    ///   - id: app_01jdb3k6y8v4m2n7q9r5s1t3w6
    ///     rules: [rules/support.yaml]   # for its traffic alone
    ///     enforcement:                  # at least this follows; never less than the guidelines say
    ///       - {categories: [toxicity], prompt: block, completion: block, streams: hold}
    /// allowed:                          # texts that rules leave alone
    ///   - text: press@example.com
    ///     rules: [pii/email]
    ///     application: app_…            # optional: for that one only
    ///     owner: jane@example.com
    ///     expires: 2027-03-01           # the first day on which it holds no longer
    ///     reason: It stands on every page of ours.
    /// shadow:                           # rules that only record
    ///   - {rule: house/rival, owner: jane@example.com, reason: New; we look first., expires: 2027-03-01}
    /// redactions:                       # what stands in place of what is taken out
    ///   - {categories: [secret], as: "<{category}>"}
    ///   - {categories: [pii.email], restore: true}   # `[EMAIL_1]` for the model, the address in the answer
    /// ```
    ///
    /// `allowed` needs a day on which it ends; a rule in shadow may have one, from which on it is enforced.
    ///
    /// - Parameter taxonomy: the categories that there are without it.
    /// - Throws: every problem of the file at once.
    package init(yaml: String, file: String, beside taxonomy: Taxonomy) throws(RuleProblems) {
        var reader = RuleFieldReader(file: file)
        self = .none
        if let document = reader.document(yaml),
            let fields = reader.fields(
                of: document, known: ["categories", "applications", "allowed", "shadow", "redactions"],
                what: "A policy file")
        {
            for node in reader.list(fields["categories"], "categories") {
                guard let entry = Taxonomy.entry(node, &reader) else { continue }
                if !entry.id.isWellFormed {
                    reader.report(
                        node.mark,
                        "“\(entry.id)” can't be a category. Write dotted lower-case words, like `house.rival`.")
                } else if taxonomy[entry.id] != nil || categories.contains(where: { $0.id == entry.id }) {
                    reader.report(node.mark, "There is a category `\(entry.id)` already. Choose another id.")
                }
                categories.append(entry)
            }
            applications = reader.list(fields["applications"], "applications").compactMap {
                Self.application($0, &reader)
            }
            allowed = reader.list(fields["allowed"], "allowed").compactMap { Self.allowedText($0, &reader) }
            shadowed = reader.list(fields["shadow"], "shadow").compactMap { Self.shadowedRule($0, &reader) }
            redactions = reader.list(fields["redactions"], "redactions").compactMap { Self.redaction($0, &reader) }
        }
        for (index, application) in applications.enumerated()
        where applications[..<index].contains(where: { $0.id == application.id }) {
            reader.report(application.place, "The application `\(application.id)` stands twice. Keep one.")
        }
        guard reader.problems.isEmpty else { throw RuleProblems(reader.problems) }
    }

    private static func application(_ node: Node, _ reader: inout RuleFieldReader) -> ApplicationPolicy? {
        guard let fields = reader.fields(of: node, known: ["id", "rules", "enforcement"], what: "An application") else {
            return nil
        }
        reader.demand(["id"], in: fields, of: node, what: "An application")
        if fields.count == 1 {
            reader.report(node.mark, "This changes nothing. Write `rules` or `enforcement` too, or take it out.")
        }
        guard let id = reader.text(fields["id"], "id") else { return nil }
        return ApplicationPolicy(
            id: id, ruleFiles: reader.texts(fields["rules"], "rules"),
            tightenings: reader.list(fields["enforcement"], "enforcement").compactMap { tightening($0, &reader) },
            place: reader.place(fields["id"]))
    }

    private static func tightening(_ node: Node, _ reader: inout RuleFieldReader) -> Tightening? {
        let known = ["categories", "prompt", "completion", "streams"]
        guard let fields = reader.fields(of: node, known: known, what: "An enforcement") else { return nil }
        reader.demand(["categories"], in: fields, of: node, what: "An enforcement")
        if fields.keys.allSatisfy({ $0 == "categories" }) {
            reader.report(
                node.mark, "An enforcement needs `prompt`, `completion` or `streams`. Write `prompt: block`.")
        }
        let categories = reader.texts(fields["categories"], "categories").map { Category($0) }
        let prompt = reader.verdict(fields["prompt"], "prompt")
        let completion = reader.verdict(fields["completion"], "completion")
        let streams: StreamMode? = reader.choice(fields["streams"], "streams")
        guard !categories.isEmpty else { return nil }
        return Tightening(
            categories: categories, prompt: prompt, completion: completion, streams: streams,
            place: reader.place(fields["categories"]))
    }

    private static func allowedText(_ node: Node, _ reader: inout RuleFieldReader) -> AllowedText? {
        let known = ["text", "rules", "application", "owner", "expires", "reason"]
        guard let fields = reader.fields(of: node, known: known, what: "An allowed text") else { return nil }
        reader.demand(known.filter { $0 != "application" }, in: fields, of: node, what: "An allowed text")
        let sponsor = sponsor(fields, &reader)
        let application = reader.text(fields["application"], "application")
        let rules = reader.texts(fields["rules"], "rules")
        guard let text = reader.text(fields["text"], "text"), let sponsor, !rules.isEmpty else { return nil }
        return AllowedText(
            text: text, rules: rules, application: application, sponsor: sponsor, place: reader.place(fields["text"]))
    }

    private static func shadowedRule(_ node: Node, _ reader: inout RuleFieldReader) -> ShadowedRule? {
        let known = ["rule", "owner", "expires", "reason"]
        guard let fields = reader.fields(of: node, known: known, what: "A rule in shadow") else { return nil }
        reader.demand(known.filter { $0 != "expires" }, in: fields, of: node, what: "A rule in shadow")
        let sponsor = sponsor(fields, &reader)
        guard let rule = reader.text(fields["rule"], "rule"), let sponsor else { return nil }
        return ShadowedRule(rule: rule, sponsor: sponsor, place: reader.place(fields["rule"]))
    }

    private static func redaction(_ node: Node, _ reader: inout RuleFieldReader) -> RedactionStyle? {
        let known = ["categories", "as", "restore"]
        guard let fields = reader.fields(of: node, known: known, what: "A redaction") else { return nil }
        reader.demand(["categories"], in: fields, of: node, what: "A redaction")
        if (fields["as"] == nil) == (fields["restore"] == nil) {
            reader.report(node.mark, "A redaction needs either `as: '…'` or `restore: true`.")
        }
        if fields["restore"] != nil, !reader.flag(fields["restore"], "restore") {
            reader.report(fields["restore"]?.mark, "`restore` is `true`, or is not written.")
        }
        let categories = reader.texts(fields["categories"], "categories").map { Category($0) }
        let text = reader.text(fields["as"], "as")
        if let text, !RedactionStyle.isMarker(text) {
            reader.report(
                fields["as"]?.mark,
                "`as` has 1 to \(RedactionStyle.textBytesMax) bytes of printable ASCII without quotes and backslashes, "
                    + "the first of them before `{category}`. Write one like `<{category}>`.")
        }
        guard !categories.isEmpty else { return nil }
        return RedactionStyle(
            categories: categories, form: text.map { .text($0) } ?? .restored, place: reader.place(fields["categories"])
        )
    }

    private static func sponsor(_ fields: [String: Node], _ reader: inout RuleFieldReader) -> Sponsor? {
        let owner = reader.text(fields["owner"], "owner")
        let reason = reader.text(fields["reason"], "reason")
        var expires: PolicyDay?
        if let node = fields["expires"] {
            expires = node.scalar.flatMap { PolicyDay($0.string) }
            if expires == nil { reader.report(node.mark, "`expires` is a day. Write it like `2027-03-01`.") }
        }
        guard let owner, let reason else { return nil }
        return Sponsor(owner: owner, reason: reason, expires: expires)
    }
}

extension RuleFieldReader {
    /// A list of anything, which must not be empty; the empty list where the field is absent.
    mutating func list(_ node: Node?, _ name: String) -> [Node] {
        guard let node else { return [] }
        guard case .sequence(let sequence) = node, !sequence.isEmpty else {
            report(node.mark, "`\(name)` is a list that is not empty. Write each entry after `- `.")
            return []
        }
        return Array(sequence)
    }

    /// Reports fields that are absent.
    mutating func demand(_ names: [String], in fields: [String: Node], of node: Node, what: String) {
        for name in names where fields[name] == nil {
            report(node.mark, "\(what) needs `\(name)`. Write `\(name): …`.")
        }
    }

    mutating func verdict(_ node: Node?, _ name: String) -> Verdict? {
        guard let node else { return nil }
        let verdicts = [Verdict.allow, .flag, .redact, .block]
        if let word = node.scalar?.string, let verdict = verdicts.first(where: { $0.name == word }) { return verdict }
        report(node.mark, "`\(name)` must be one of \(Suggestion.list(verdicts.map(\.name))).")
        return nil
    }

    func place(_ node: Node?) -> PolicyOverrides.Place {
        PolicyOverrides.Place(file: file, line: node?.mark?.line ?? 1, column: node?.mark?.column ?? 1)
    }

    mutating func report(_ place: PolicyOverrides.Place, _ message: String) {
        report(place.problem(message))
    }
}
