import Testing

@testable import Filtering

@Suite("Rule files")
struct RuleFileTests {
    static let whole = """
        rules:
          - id: pii/test
            category: pii.card
            severity: critical
            pattern: '\\b[0-9]{16}\\b'
            view: normalised
            ignore_case: true
            check: card
            context: [card, visa]
            context_bytes: 32
            context_position: before
            clause: C7
            matches: ['4111111111111111']
            non_matches: ['4111111111111112', 'x']
        """

    static func rules(_ yaml: String) throws -> [Rule] {
        try RuleFile.rules(files: [("a.yaml", yaml)], categories: Taxonomy.shipped())
    }

    @Test("every field is read")
    func readsEveryField() throws {
        let rules = try Self.rules(Self.whole)
        let expected = Rule(
            id: "pii/test", category: Category("pii.card"), pattern: #"\b[0-9]{16}\b"#,
            view: .normalised, ignoresCase: true, check: .card, context: ["card", "visa"], contextBytes: 32,
            contextPosition: .before,
            clause: "C7", matches: ["4111111111111111"], nonMatches: ["4111111111111112", "x"])
        #expect(rules == [expected])
    }

    @Test("fields that are left out have defaults")
    func defaults() throws {
        let yaml = """
            rules:
              - {id: a/b, category: spam, pattern: x, matches: [x], non_matches: [y]}
            """
        let rule = try #require(try Self.rules(yaml).first)
        #expect(rule.view == .normalised)
        #expect(!rule.ignoresCase)
        #expect(rule.check == nil)
        #expect(rule.context.isEmpty)
        #expect(rule.contextBytes == 64 && rule.contextPosition == .around)
        #expect(rule.clause == nil)
    }

    /// What is written instead of a line of `whole`, and what must be said about it, and where.
    static let spoilt: [(line: String, instead: String, place: String, words: String)] = [
        ("id: pii/test", "id: Pii Test", "2:9", "no rule id"),
        ("category: pii.card", "category: pii.crad", "3:15", "Did you mean `pii.card`?"),
        ("category: pii.card", "category: nonsense", "3:15", "Known are"),
        ("severity: critical", "severity: dire", "4:15", "Known are `low`, `medium`, `high`, `critical`"),
        ("severity: critical", "severety: critical", "4:5", "Did you mean `severity`?"),
        ("view: normalised", "view: skeleton", "8:12", "skeleton turns digits into letters"),
        ("ignore_case: true", "ignore_case: yes", "7:18", "`true` or `false`"),
        ("check: card", "check: crad", "8:12", "Did you mean `card`?"),
        ("context: [card, visa]", "context: card", "9:14", "is a list"),
        ("context_bytes: 32", "context_bytes: 999", "10:20", "from 1 to 256"),
        ("context_position: before", "context_position: behind", "11:23", "Known are `before`, `around`"),
        ("context: [card, visa]", "# no words", "11:23", "says where words stand"),
        ("matches: ['4111111111111111']", "clauses: []", "13:5", "no field `clauses`"),
        ("matches: ['4111111111111111']", "matches: []", "13:14", "A rule needs a text that it finds"),
        ("pattern: '\\b[0-9]{16}\\b'", "pattern: ''", "5:14", "not empty"),
    ]

    @Test("a wrong field is reported with its place and what to write", arguments: spoilt)
    func reportsPlace(line: String, instead: String, place: String, words: String) throws {
        let yaml = Self.whole.split(separator: "\n").map { text in
            text.hasSuffix(line) ? String(text.dropLast(line.count)) + instead : String(text)
        }.joined(separator: "\n")
        let problems = try #require(throws: RuleProblems.self) {
            try Self.rules(yaml)
        }
        let description = problems.description
        #expect(description.contains("a.yaml:\(place): "), "\(description)")
        #expect(description.contains(words), "\(description)")
    }

    @Test("signs of look-around are taken where they are characters, and refused by the engine where not")
    func lookAround() throws {
        func rules(_ pattern: String) throws -> [Rule] {
            try Self.rules("rules: [{id: a/b, category: spam, pattern: '\(pattern)', matches: [x], non_matches: [y]}]")
        }
        for pattern in [#"\(?=x"#, "[(?=]x", "[(?!<]x"] { _ = try FilterRules(try rules(pattern)) }
        for pattern in ["(?=x)y", "(?<!x)y"] {
            #expect(throws: FilterError.self) { try FilterRules(try rules(pattern)) }
        }
    }

    @Test("all problems of all files come at once, and ids are unique among files")
    func collectsProblems() throws {
        let first = "rules:\n  - {id: a/b, category: spam, pattern: x, matches: [x], non_matches: [y]}\n"
        let second = first + "  - {category: nope, colour: red}\n"
        let categories = try Taxonomy.shipped()
        let problems = try #require(throws: RuleProblems.self) {
            try RuleFile.rules(
                files: [("1.yaml", first), ("2.yaml", second), ("3.yaml", "rules: {")], categories: categories)
        }
        let all = problems.problems
        #expect(
            all.contains { $0.file == "2.yaml" && $0.line == 2 && $0.message.contains("taken by the rule at 1.yaml:2") }
        )
        #expect(all.count { $0.file == "2.yaml" && $0.line == 3 } == 6, "\(all)")
        #expect(all.contains { $0.file == "3.yaml" && $0.message.contains("no YAML") })
    }

    @Test(
        "files that are no rule files are refused",
        arguments: ["", "[]", "rules: 1", "rules: []", "a: 1", "\t- x", "rules: [1]"])
    func refuses(yaml: String) {
        #expect(throws: RuleProblems.self) { try Self.rules(yaml) }
    }

    @Test("a field that stands twice is a problem, not the last one's win")
    func refusesDuplicateFields() {
        let yaml = "rules:\n  - {id: a/b, id: a/c, category: spam, pattern: x, matches: [x], non_matches: [y]}"
        #expect(throws: RuleProblems.self) { try Self.rules(yaml) }
    }
}
