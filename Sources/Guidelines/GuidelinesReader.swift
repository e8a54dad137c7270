internal import Filtering
internal import Yams

/// Walks the nodes of a guidelines file and gathers what is wrong with it.
struct GuidelinesReader {
    struct Result {
        var title: String
        var language: String
        var published: String
        var introduction: String
        var clauses: [Clause]
    }

    let file: String
    let knownCategories: Set<String>?
    private(set) var problems: [GuidelineProblem] = []
    private var lines: [String: Int] = [:]

    init(file: String, knownCategories: Set<String>?) {
        self.file = file
        self.knownCategories = knownCategories
    }

    mutating func read(_ root: Node) -> Result? {
        guard
            let fields = mapping(
                root, "The file", required: ["title", "language", "published", "introduction", "clauses"])
        else { return nil }
        let title = text(fields["title"], "title")
        let language = text(fields["language"], "language")
        let introduction = text(fields["introduction"], "introduction")
        let published = text(fields["published"], "published")
        if let published, let node = fields["published"], !Self.isDate(published) {
            add(node, "“\(published)” is no date.", "Write year, month and day, like 2026-12-01.")
        }
        if let language, let node = fields["language"], !Self.isLanguage(language) {
            add(node, "“\(language)” is no language tag.", "Write a BCP 47 tag, like en or pt-BR.")
        }
        var clauses: [Clause] = []
        for node in sequence(fields["clauses"], "clauses", of: "clauses") {
            if let clause = clause(node) { clauses.append(clause) }
        }
        guard let title, let language, let published, let introduction else { return nil }
        return Result(
            title: title, language: language, published: published, introduction: introduction, clauses: clauses)
    }

    // MARK: Clauses

    private mutating func clause(_ node: Node) -> Clause? {
        guard
            let fields = mapping(
                node, "A clause", required: ["id", "title", "kind", "text", "enforcement", "examples"],
                optional: ["why_not_enforced", "enforcement_note"])
        else { return nil }
        let id = text(fields["id"], "id")
        if let id, let node = fields["id"] { check(id: id, at: node) }
        let title = text(fields["title"], "title")
        let kind = choice(fields["kind"], "kind", Clause.Kind.allCases.map { ($0.rawValue, $0) })
        let body = text(fields["text"], "text")
        let reason = text(fields["why_not_enforced"], "why_not_enforced")
        let note = text(fields["enforcement_note"], "enforcement_note")
        let enforcement = enforcement(fields["enforcement"], reason: fields["why_not_enforced"], clause: node)
        let examples = examples(fields["examples"])
        guard let id, let title, let kind, let body, let examples else { return nil }
        return Clause(
            id: id, title: title, kind: kind, text: body, enforcement: enforcement, enforcementNote: note,
            whyNotEnforced: reason, meant: examples.meant, notMeant: examples.notMeant)
    }

    private mutating func check(id: String, at node: Node) {
        if !Self.isID(id) {
            add(
                node, "“\(id)” can't be a clause's id.",
                "Write lower-case words joined by hyphens, at most 64 letters, like fraud-and-phishing.")
        }
        if let first = lines[id] {
            add(
                node, "The id “\(id)” is taken by the clause at line \(first).",
                "Give each clause its own id; links to it must keep working.")
        } else {
            lines[id] = node.mark?.line ?? 1
        }
    }

    private mutating func enforcement(_ node: Node?, reason: Node?, clause: Node) -> [ClauseEnforcement] {
        guard let node else { return [] }
        if let word = node.scalar?.string {
            if word != "none" {
                add(node, "enforcement is “\(word)”.", "Write a list of categories with verdicts, or none.")
            } else if reason == nil {
                add(
                    node, "Nothing enforces this clause, and no reason is given.",
                    "Add why_not_enforced with a sentence, or list categories and verdicts.")
            }
            return []
        }
        if let reason, node.sequence?.isEmpty == false {
            add(
                reason, "The clause says why it is not enforced, and how it is.",
                "Keep one: why_not_enforced goes with enforcement: none; enforcement_note explains verdicts.")
        }
        var entries: [ClauseEnforcement] = []
        for item in sequence(node, "enforcement", of: "categories with verdicts, or none with why_not_enforced") {
            if let entry = entry(item) { entries.append(entry) }
        }
        return entries
    }

    private mutating func entry(_ node: Node) -> ClauseEnforcement? {
        guard
            let fields = mapping(
                node, "An enforcement", required: ["categories", "prompt", "completion"],
                optional: ["stage", "streams"])
        else { return nil }
        let verdicts = [Verdict.allow, .flag, .redact, .block].map { ($0.name, $0) }
        let prompt = choice(fields["prompt"], "prompt", verdicts)
        let completion = choice(fields["completion"], "completion", verdicts)
        let stage = choice(fields["stage"], "stage", ClauseEnforcement.Stage.allCases.map { ($0.rawValue, $0) })
        var categories: [Category] = []
        for item in sequence(fields["categories"], "categories", of: "categories, like [pii.card]") {
            guard let name = text(item, "category") else { continue }
            if !Self.isCategory(name) {
                add(item, "“\(name)” can't be a category.", "Write dotted lower-case words, like secret.api_key.")
            } else if let knownCategories, !knownCategories.contains(name),
                !knownCategories.contains(where: { Category(name).covers(Category($0)) })
            {
                add(item, "Nothing finds the category “\(name)”.", "Write one of the catalogue of categories.")
            }
            categories.append(Category(name))
        }
        guard let prompt, let completion else { return nil }
        let unjudged = Unjudged.rules.map(\.rule.category)
        if prompt == .redact || completion == .redact, let category = categories.first(where: unjudged.contains) {
            add(
                node, "What nobody judges can't be redacted: nothing says which words they are (“\(category)”).",
                "Write allow, flag or block.")
        }
        let streams = streams(fields["streams"], completion)
        return ClauseEnforcement(
            categories: categories, prompt: prompt, completion: completion, streams: streams, stage: stage)
    }

    private mutating func streams(_ node: Node?, _ completion: Verdict) -> StreamMode {
        guard let node,
            let mode = choice(node, "streams", StreamMode.allCases.reversed().map { ($0.rawValue, $0) })
        else { return .window }
        if completion == .redact, mode == .pass {
            add(
                node, "Streams pass, but what has left can't be redacted.",
                "Write completion: block, or streams: window or hold.")
        } else if completion == .allow || completion == .flag {
            add(
                node, "streams is said, but nothing is held of an answer that is only allowed or flagged.",
                "Take streams out, or write completion: block or redact.")
        }
        return mode
    }

    private mutating func examples(_ node: Node?) -> (meant: [String], notMeant: [String])? {
        guard let node, let fields = mapping(node, "examples", required: ["meant", "not_meant"]) else { return nil }
        var lists: [[String]] = []
        for name in ["meant", "not_meant"] {
            var list: [String] = []
            for item in sequence(fields[name], name, of: "sentences") {
                if let sentence = text(item, "An example") { list.append(sentence) }
            }
            lists.append(list)
        }
        return (lists[0], lists[1])
    }
}

// MARK: - Nodes

extension GuidelinesReader {
    private mutating func add(_ node: Node, _ message: String, _ advice: String) {
        problems.append(problem(at: node.mark, message, advice))
    }

    private func problem(at mark: Mark?, _ message: String, _ advice: String) -> GuidelineProblem {
        GuidelineProblem(
            file: file, line: mark?.line ?? 1, column: mark?.column ?? 1, message: message, advice: advice)
    }

    /// What the YAML parser stumbled over.
    func problem(with error: any Error) -> GuidelineProblem {
        switch error {
        case YamlError.scanner(_, let message, let mark, _), YamlError.parser(_, let message, let mark, _),
            YamlError.composer(_, let message, let mark, _):
            problem(at: mark, "This is not YAML: \(message).", "Check indentation, quotes and colons here.")
        case YamlError.duplicatedKeysInMapping(let names, let context):
            problem(
                at: context.mark, "Written twice here: \(names.joined(separator: ", ")).",
                "Keep one of each; YAML would silently drop the other.")
        default:
            problem(at: nil, "The file can't be read as YAML.", "Save it as UTF-8 text without control characters.")
        }
    }

    /// The fields of a mapping; complains of missing and of unknown ones.
    private mutating func mapping(
        _ node: Node, _ what: String, required: [String], optional: [String] = []
    ) -> [String: Node]? {
        let names = required + optional
        guard let mapping = node.mapping else {
            add(node, "\(what) is no mapping.", "Write fields and values: \(names.joined(separator: ", ")).")
            return nil
        }
        var fields: [String: Node] = [:]
        for (key, value) in mapping {
            let name = key.scalar?.string ?? ""
            if names.contains(name) {
                fields[name] = value
            } else {
                add(key, "There is no field “\(name)” here.", "Write one of: \(names.joined(separator: ", ")).")
            }
        }
        for name in required where fields[name] == nil {
            add(node, "\(what) has no \(name).", "Add \(name).")
        }
        return fields
    }

    /// The items of a list that must not be empty; an absent list was complained of already.
    private mutating func sequence(_ node: Node?, _ name: String, of what: String) -> [Node] {
        guard let node else { return [] }
        guard let sequence = node.sequence, !sequence.isEmpty else {
            add(node, "\(name) is no list, or an empty one.", "Write a list of \(what).")
            return []
        }
        return Array(sequence)
    }

    private mutating func text(_ node: Node?, _ name: String) -> String? {
        guard let node else { return nil }
        guard let scalar = node.scalar, !scalar.string.allSatisfy(\.isWhitespace) else {
            add(node, "\(name) is no text, or an empty one.", "Write some text, in quotes if it holds a colon.")
            return nil
        }
        return scalar.string
    }

    private mutating func choice<Value>(_ node: Node?, _ name: String, _ choices: [(String, Value)]) -> Value? {
        guard let node else { return nil }
        let word = node.scalar?.string ?? ""
        if let value = choices.first(where: { $0.0 == word })?.1 { return value }
        add(
            node, "\(name) can't be “\(word)”.", "Write one of: \(choices.map(\.0).joined(separator: ", ")).")
        return nil
    }
}

// MARK: - Forms

extension GuidelinesReader {
    static func isID(_ text: String) -> Bool {
        isJoined(text, by: UInt8(ascii: "-"), extra: nil) && text.utf8.count <= 64
    }

    static func isCategory(_ text: String) -> Bool {
        isJoined(text, by: UInt8(ascii: "."), extra: UInt8(ascii: "_"))
    }

    /// Words of lower-case letters and digits, the first beginning with a letter, joined by single separators.
    private static func isJoined(_ text: String, by separator: UInt8, extra: UInt8?) -> Bool {
        guard let first = text.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
        return text.utf8.split(separator: separator, omittingEmptySubsequences: false).allSatisfy { word in
            !word.isEmpty
                && word.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == extra }
        }
    }

    static func isDate(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2], text.utf8.allSatisfy({ $0 == 0x2D || (0x30...0x39).contains($0) }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]), (1...12).contains(month)
        else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return (1...days[month - 1]).contains(day)
    }

    /// Subtags of letters and digits joined by hyphens, the first of letters only. Source: RFC 5646, section 2.1.
    static func isLanguage(_ text: String) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
        let parts = text.utf8.split(separator: 0x2D, omittingEmptySubsequences: false)
        guard let first = parts.first, (2...3).contains(first.count), first.allSatisfy(isLetter) else { return false }
        return parts.dropFirst().allSatisfy { part in
            (2...8).contains(part.count) && part.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) }
        }
    }
}
