import Filtering
import Guidelines
import Testing

@Suite("Reading guidelines")
struct GuidelinesReadingTests {
    static let small = """
        title: Rules
        language: en
        published: 2026-02-28
        introduction: Read them.
        clauses:
          - id: one
            title: First
            kind: prohibited
            text: Do not.
            enforcement:
              - categories: [pii]
                prompt: flag
                completion: redact
            examples: {meant: [a], not_meant: [b]}
          - id: two-b
            title: Second
            kind: high_risk
            text: Nor that.
            enforcement: none
            why_not_enforced: It can't be seen.
            examples: {meant: [a], not_meant: [b]}
        """

    static func problems(_ yaml: String, known: Set<String>? = nil) -> [String] {
        do throws(GuidelineProblems) {
            _ = try Guidelines(yaml: yaml, file: "g.yaml", knownCategories: known)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test(
        "languages may have scripts, regions and variants",
        arguments: ["en", "gsw", "pt-BR", "zh-Hant-TW", "es-419", "de-1996"])
    func languages(_ tag: String) {
        #expect(Self.problems(Self.small.replacing("language: en", with: "language: \(tag)")).isEmpty)
    }

    @Test("the small example is whole")
    func small() throws {
        let guidelines = try Guidelines(yaml: Self.small, file: "g.yaml")
        #expect(guidelines.clauses.map(\.id) == ["one", "two-b"])
        #expect(guidelines.clause("two-b")?.whyNotEnforced == "It can't be seen.")
        #expect(guidelines.clause("three") == nil)
    }

    @Test(
        "one fault is told at its line and column, with what to write instead",
        arguments: [
            (
                "title: Rules\n", "titel: Rules\n",
                ["g.yaml:1:1: There is no field “titel”", "has no title. Add title."]
            ),
            ("language: en", "language: English language", ["g.yaml:2:11: “English language” is no language tag."]),
            ("language: en", "language: en-_US", ["g.yaml:2:11: “en-_US” is no language tag. Write a BCP 47 tag"]),
            ("language: en", "language: en-Ünï", ["g.yaml:2:11: “en-Ünï” is no language tag."]),
            ("2026-02-28", "2026-02-29", ["g.yaml:3:12: “2026-02-29” is no date. Write year"]),
            ("id: one", "id: One Rule", ["g.yaml:6:9: “One Rule” can't be a clause's id. Write lower-case"]),
            ("id: one", "id: a--b", ["g.yaml:6:9: “a--b” can't be a clause's id."]),
            ("id: two-b", "id: one", ["g.yaml:15:9: The id “one” is taken by the clause at line 6."]),
            (
                "kind: prohibited", "kind: forbidden",
                ["g.yaml:8:11: kind can't be “forbidden”. Write one of: prohibited"]
            ),
            ("prompt: flag", "prompt: warn", ["g.yaml:12:17: prompt can't be “warn”. Write one of: allow, flag"]),
            ("prompt: flag", "prompt: not_evaluated", ["g.yaml:12:17: prompt can't be “not_evaluated”."]),
            ("        prompt: flag\n", "        stage: beta\n", ["has no prompt", "stage can't be “beta”"]),
            ("prompt: flag", "prompt: flag\n        streams: late", ["streams can't be “late”. Write one of: hold"]),
            (
                "completion: redact", "completion: redact\n        streams: pass",
                ["Streams pass, but what has left can't be redacted. Write completion: block"]
            ),
            (
                "completion: redact", "completion: flag\n        streams: hold",
                ["streams is said, but nothing is held of an answer that is only allowed or flagged."]
            ),
            ("[pii]", "[language]", ["What nobody judges can't be redacted: nothing says which words they are"]),
            ("[pii]", "[PII]", ["g.yaml:11:22: “PII” can't be a category."]),
            ("[pii]", "[]", ["g.yaml:11:21: categories is no list, or an empty one."]),
            ("text: Do not.", "text: ''", ["g.yaml:9:11: text is no text, or an empty one."]),
            ("enforcement: none", "enforcement: never", ["g.yaml:19:18: enforcement is “never”. Write a list"]),
            ("    why_not_enforced: It can't be seen.\n", "", ["g.yaml:19:18: Nothing enforces this clause"]),
            (
                "    text: Do not.", "    text: Do not.\n    why_not_enforced: Really not.",
                ["g.yaml:10:23: The clause says why it is not enforced, and how it is."]
            ),
            (
                "{meant: [a], not_meant: [b]}", "{meant: [a]}",
                ["examples has no not_meant.", "examples has no not_meant."]
            ),
            ("title: Second", "title: Second\n    id: two-b", ["Written twice here: id."]),
            ("clauses:", "clauses: [", ["This is not YAML"]),
        ])
    func faults(original: String, fault: String, expected: [String]) {
        let yaml = Self.small.replacing(original, with: fault)
        #expect(yaml != Self.small)
        let problems = Self.problems(yaml)
        #expect(problems.count == expected.count, "\(problems)")
        for (problem, part) in zip(problems, expected) { #expect(problem.contains(part), "\(problem)") }
    }

    @Test("all faults are told at once, in the file's order")
    func everything() {
        let yaml = Self.small.replacing("kind: prohibited", with: "kind: forbidden")
            .replacing("prompt: flag", with: "prompt: warn").replacing("id: two-b", with: "id: one")
            .replacing("enforcement: none", with: "enforcement: sometimes").replacing("2026-02-28", with: "soon")
        let problems = Self.problems(yaml)
        #expect(problems.count == 5)
        let lines = problems.compactMap { Int($0.split(separator: ":")[1]) }
        #expect(lines == [3, 8, 12, 15, 19])
    }

    @Test("files that are no guidelines are told apart", arguments: ["", "- a", "just text", "\u{0}", "clauses: 3"])
    func strangers(yaml: String) {
        #expect(!Self.problems(yaml).isEmpty)
    }

    @Test("unknown categories are told only against a catalogue; a parent of a known one is known")
    func catalogue() {
        #expect(Self.problems(Self.small, known: ["pii.card"]).isEmpty)
        #expect(
            Self.problems(Self.small, known: ["piin.card"]).first?.contains("Nothing finds the category “pii”") == true)
    }

    @Test("the version is the digest of the content")
    func version() throws {
        let first = try Guidelines(yaml: Self.small, file: "a.yaml")
        let same = try Guidelines(yaml: Self.small, file: "b.yaml")
        let other = try Guidelines(yaml: Self.small + "\n", file: "a.yaml")
        #expect(first.version == same.version && first.version != other.version)
        #expect(first.version.hasPrefix("sha256:" + first.shortVersion) && first.version.utf8.count == 7 + 64)
    }
}

@Suite("Enforcement")
struct EnforcementLookupTests {
    /// One generated clause: its entries.
    struct Entry {
        var category: String
        var prompt: Verdict
        var completion: Verdict
        var stage: String?
        var streams: StreamMode?
    }

    static let names = ["a", "a.b", "a.b.c", "a.d", "ab", "a_b", "e"]
    static let asked = names + ["a.b.x", "a.bc", "e.f", "z"]

    static func yaml(_ entries: [Entry]) -> String {
        var text = "title: T\nlanguage: en\npublished: 2026-01-01\nintroduction: I\nclauses:\n"
        for (index, entry) in entries.enumerated() {
            text += """
                  - id: c\(index)
                    title: T
                    kind: prohibited
                    text: T
                    examples: {meant: [a], not_meant: [b]}
                    enforcement:
                      - {categories: [\(entry.category)], prompt: \(entry.prompt.name), completion: \(entry.completion.name)\
                \(entry.stage.map { ", stage: \($0)" } ?? "")\
                \(entry.streams.map { ", streams: \($0.rawValue)" } ?? "")}

                """
        }
        return text
    }

    /// The same decision, made by looking at every entry.
    static func expected(_ entries: [Entry], _ name: String, _ side: Side, _ isSandbox: Bool) -> Enforcement? {
        let matching = entries.enumerated().filter { _, entry in
            (name == entry.category || name.hasPrefix(entry.category + "."))
                && (entry.stage.map { ($0 == "sandbox") == isSandbox } ?? true)
        }
        func rank(_ index: Int, _ entry: Entry) -> (Int, Int, Int, Int) {
            let verdict = side == .prompt ? entry.prompt : entry.completion
            return (entry.category.utf8.count, entry.stage == nil ? 0 : 1, Int(verdict.rawValue), -index)
        }
        return matching.max { rank($0.offset, $0.element) < rank($1.offset, $1.element) }.map { index, first in
            let equals = matching.filter {
                let (rank, best) = (rank($0.offset, $0.element), rank(index, first))
                return (rank.0, rank.1) == (best.0, best.1)
            }
            return Enforcement(
                side == .prompt ? first.prompt : first.completion, clause: "c\(index)",
                streams: equals.map { $0.element.streams ?? .window }.max() ?? .window)
        }
    }

    @Test(
        "takes the most special category, then the stage's own, then the strictest, then the first", arguments: 1...50)
    func order(seed: UInt64) throws {
        var random = Random(state: seed)
        let verdicts: [Verdict] = [.allow, .flag, .redact, .block]
        let entries = (0..<Int.random(in: 1...12, using: &random)).map { _ in
            let completion = verdicts.randomElement(using: &random)!
            let modes: [StreamMode?] =
                switch completion {
                case .block: [nil, .pass, .window, .hold]
                case .redact: [nil, .window, .hold]
                default: [nil]
                }
            return Entry(
                category: Self.names.randomElement(using: &random)!, prompt: verdicts.randomElement(using: &random)!,
                completion: completion, stage: [nil, nil, "sandbox", "production"].randomElement(using: &random)!,
                streams: modes.randomElement(using: &random)!)
        }
        let guidelines = try Guidelines(yaml: Self.yaml(entries), file: "g.yaml")
        for name in Self.asked {
            for side in Side.allCases {
                for isSandbox in [true, false] {
                    let found = guidelines.enforcement(for: Category(name), side: side, isSandbox: isSandbox)
                    let expected = Self.expected(entries, name, side, isSandbox)
                    #expect(found == expected, "\(name) \(side)")
                }
            }
        }
    }

    struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
