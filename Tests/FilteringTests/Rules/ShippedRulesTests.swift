import Testing

@testable import Filtering

@Suite("Shipped rules and categories")
struct ShippedRulesTests {
    @Test("all files load")
    func load() throws {
        let rules = try ShippedRules.load()
        #expect(rules.count >= 120)
        for name in ["steward", "openai", "anthropic", "aws-key-id", "github-token", "stripe", "slack-token"] {
            #expect(rules.contains { $0.id == "secret/\(name)" })
        }
    }

    @Test("every check is used by some rule")
    func everyCheckIsUsed() throws {
        #expect(Set(try ShippedRules.load().compactMap(\.check)) == Set(Check.allCases))
    }

    @Test("a category is said to be judged exactly if a rule looks for it or for a special case of it")
    func judgedIsTrue() throws {
        let taxonomy = try Taxonomy.shipped()
        func withThoseInTools(_ categories: [Filtering.Category]) -> Set<Filtering.Category> {
            Set(categories + categories.compactMap(taxonomy.inTools))
        }
        let found = withThoseInTools(
            try ShippedRules.load().filter { $0.score == nil }.map(\.category) + Unjudged.rules.map(\.rule.category))
        let scored = withThoseInTools(try ClassifierModel.shipped().heads.map(\.category))
        for entry in taxonomy.entries {
            // Rules for special cases may be all that there is of a category, or say nothing of the rest of it.
            let isTrue =
                entry.judged.contains(.rules)
                ? found.contains { entry.id.covers($0) } : !found.contains(entry.id)
            #expect(isTrue, "\(entry.id)")
            #expect(entry.judged.contains(.classifier) == scored.contains(entry.id), "\(entry.id)")
        }
    }

    @Test("every category of OpenAI's moderation is mapped, and those without rules are not judged")
    func moderationIsCovered() throws {
        let catalogue = try Taxonomy.shipped()
        for name in Taxonomy.moderationCategories {
            // Its own category names it last, so that a judge's answer about it finds one to set.
            #expect(catalogue.entries.contains { $0.moderation.last == name }, "\(name)")
        }
        for hazard in Taxonomy.hazards {
            #expect(catalogue.entries.contains { $0.hazards.contains(hazard) }, "\(hazard)")
        }
        #expect(catalogue.judges(moderation: "hate/threatening"))
        #expect(!catalogue.judges(moderation: "violence/graphic"))
        #expect(
            catalogue.moderation(of: [Category("sexual.minors"), Category("pii.card")]) == ["sexual", "sexual/minors"])
    }

    @Test(
        "a taxonomy with unknown fields, names or detectors is refused",
        arguments: [
            "categories: [{id: a, definition: b, severity: low, judged: [maybe]}]",
            "categories: [{id: a, definition: b}]", "categories: [{id: a, definition: b, severity: bad}]",
            "categories: [{id: a, definition: b, severity: low, moderation: [hat]}]", "categories: 1",
            "categories: [{id: a, definition: b, severity: low, hazards: [abc]}]",
            "categories: [{id: a, definition: b, severity: low}, {id: a, definition: b, severity: low}]",
        ])
    func refusesTaxonomy(yaml: String) {
        #expect(throws: RuleProblems.self) { try Taxonomy(yaml: yaml, file: "c.yaml") }
    }

    /// Public scanners look for these prefixes with a value behind them; tests write one letter as an escape.
    @Test("no rule file holds a secret that a scanner would report")
    func filesHoldNoSecrets() throws {
        for rule in try ShippedRules.load()
        where rule.category.rawValue.hasPrefix("secret.api_key") && rule.context.isEmpty {
            for text in rule.matches where rule.id != "secret/assigned-key" {
                let raw = ShippedRules.files.map(\.yaml).joined()
                #expect(!raw.contains(text), "\(rule.id)")
            }
        }
    }
}
