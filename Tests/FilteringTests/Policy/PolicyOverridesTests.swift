import Testing

@testable import Filtering

@Suite("A policy file")
struct PolicyOverridesTests {
    static let application = "app_01jdb3k6y8v4m2n7q9r5s1t3w6"

    private static func read(_ yaml: String) throws -> PolicyOverrides {
        try PolicyOverrides(yaml: yaml, file: "p.yaml", beside: .shipped())
    }

    @Test("is read with all that it says")
    func whole() throws {
        let overrides = try Self.read(
            """
            categories:
              - {id: house.rival, definition: A rival's product., severity: low}
            applications:
              - id: \(Self.application)
                rules: [own.yaml]
                enforcement:
                  - {categories: [house, toxicity], prompt: flag, completion: redact}
            allowed:
              - text: press@example.org
                rules: [pii/email]
                application: app_01jdb3k6y8v4m2n7q9r5s1t3w7
                owner: jane@example.org
                expires: 2027-03-01
                reason: Ours.
            shadow:
              - {rule: pii/email, owner: jane@example.org, reason: New.}
            """)
        #expect(overrides.categories.map(\.id) == [Category("house.rival")])
        #expect(overrides.applications.map(\.ruleFiles) == [["own.yaml"]])
        #expect(overrides.applications[0].tightenings[0].verdict(on: .completion) == .redact)
        #expect(overrides.allowed[0].sponsor.expires == PolicyDay("2027-03-01"))
        #expect(overrides.shadowed[0].sponsor.expires == nil)
        #expect(overrides.applicationsWithOwn.count == 2)
        #expect(overrides.allowed(for: Self.application).isEmpty && overrides.allowed(for: nil).isEmpty)
        #expect(overrides.allowed(for: "app_01jdb3k6y8v4m2n7q9r5s1t3w7").count == 1)
    }

    @Test(
        "is refused with the place and what to write",
        arguments: [
            ("[]", "p.yaml:1:1: A policy file is a mapping"),
            ("alowed: []", "Did you mean `allowed`?"),
            ("allowed: []", "`allowed` is a list that is not empty"),
            (
                "allowed:\n  - {text: a, rules: [b/c], owner: o, reason: r}",
                "p.yaml:2:5: An allowed text needs `expires`"
            ),
            ("allowed:\n  - {text: a, rules: [b/c], reason: r, expires: 2027-01-01}", "needs `owner`"),
            (
                "allowed:\n  - {text: a, rules: [b/c], owner: o, reason: r, expires: 2027-02-29}",
                "p.yaml:2:59: `expires`"
            ),
            ("shadow:\n  - {rule: a/b, owner: o}", "A rule in shadow needs `reason`"),
            ("applications:\n  - {id: app_1}", "This changes nothing"),
            (
                "applications:\n  - {id: a, enforcement: [{categories: [pii], prompt: deny, completion: allow}]}",
                "`prompt` must be one of `allow`, `flag`, `redact`, `block`"
            ),
            (
                "applications:\n  - {id: a, enforcement: [{categories: [pii]}]}",
                "needs `prompt`, `completion` or `streams`"
            ),
            (
                "applications:\n  - {id: a, rules: [x]}\n  - {id: a, rules: [y]}",
                "p.yaml:3:10: The application `a` stands twice"
            ),
            ("categories:\n  - {id: pii.card, definition: d, severity: low}", "There is a category `pii.card` already"),
            ("categories:\n  - {id: Mine, definition: d, severity: low}", "can't be a category"),
            ("categories:\n  - {id: mine, definition: d, severity: bad}", "`severity` can't be `bad`"),
        ])
    func refused(yaml: String, expected: String) {
        let error = #expect(throws: RuleProblems.self) { _ = try Self.read(yaml) }
        #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
    }

    @Test(
        "days are those of the calendar",
        arguments: ["2027-2-01", "2027-13-01", "2027-02-30", "27-02-01", "2027-02-1a", ""])
    func noDay(text: String) {
        #expect(PolicyDay(text) == nil)
    }

    /// Whatever a file says, nothing gets milder, and others than the one that it names see nothing of it.
    @Test(
        "only tightens, and only for whom it says", arguments: Verdict.allCases.dropLast(), Verdict.allCases.dropLast())
    func tightens(required: Verdict, wanted: Verdict) throws {
        let overrides = try Self.read(
            """
            applications:
              - id: \(Self.application)
                enforcement:
                  - {categories: [pii], prompt: block, completion: block}
                  - {categories: [pii.email], prompt: \(wanted.name)}
            """)
        let rule = Rule(id: "a/b", category: Category("pii.email"), pattern: "a")
        func verdict(_ side: Side, _ application: String?) -> Verdict {
            overrides.adjusted(Enforcement(required, clause: "c"), of: rule, side: side, application: application)
                .verdict
        }
        // The most special category decides, of those that ask something on that side.
        #expect(verdict(.prompt, Self.application) == (wanted.rawValue > required.rawValue ? wanted : required))
        #expect(verdict(.completion, Self.application) == .block)
        #expect(verdict(.prompt, nil) == required && verdict(.prompt, "app_other") == required)
        var own = rule
        own.application = Self.application
        for (application, sees) in [(Self.application, true), ("app_other", false), (nil, false)] {
            let enforcement = overrides.adjusted(
                Enforcement(.block), of: own, side: .prompt, application: application)
            #expect((enforcement.verdict == .block) == sees)
        }
    }
}

@Suite("Word lists")
struct WordListTests {
    @Test(
        "are found as words, whatever the case and letters that look alike",
        arguments: [
            ("Acme", "buy ACME now", true), ("acme", "acmes", false), ("acme", "Αcmе!", true),
            ("acme", "a\u{200B}cme", true),
            ("red line", "the red\n line", true), ("red line", "red lines", false), ("red line", "redline", false),
            ("c++", "I write c++ code", true), ("c++", "c+", false), ("a.b", "axb", false), ("(x|y)", "x", false),
            ("東京", "私は東京にいる", true), ("naïve", "so NAÏVE", true), ("naïve", "naively", false), ("7up", "7UP,", true),
        ])
    func found(word: String, text: String, isFound: Bool) throws {
        let rules = try RuleFile.rules(
            files: [
                ("r.yaml", "rules:\n  - {id: a/b, category: pii, words: ['\(word)'], matches: [x], non_matches: [y]}")
            ],
            categories: .shipped())
        let policy = try FilterPolicy(try FilterRules(rules)) { _, _ in Enforcement(.redact) }
        var text = text
        let findings = text.withUTF8 { Screener().screen($0, side: .prompt, policy: policy).findings }
        #expect(findings.isEmpty == !isFound)
    }

    @Test("take the longest of several, and have no pattern or view beside them")
    func form() throws {
        let rules = try RuleFile.rules(
            files: [
                (
                    "r.yaml",
                    "rules:\n  - {id: a/b, category: pii, words: [acme, acme max], matches: [x], non_matches: [y]}"
                )
            ],
            categories: .shipped())
        let policy = try FilterPolicy(try FilterRules(rules)) { _, _ in Enforcement(.redact) }
        var text = "an acme max here"
        let findings = text.withUTF8 { Screener().screen($0, side: .prompt, policy: policy).findings }
        #expect(findings.map(\.range) == [3..<11])
        for field in ["pattern: a", "view: skeleton", "check: card", "ignore_case: true", "score: hate"] {
            let yaml = "rules:\n  - {id: a/b, category: pii, words: [a], \(field), matches: [x], non_matches: [y]}"
            #expect(throws: RuleProblems.self) { try RuleFile.rules(files: [("r.yaml", yaml)], categories: .shipped()) }
        }
    }
}
