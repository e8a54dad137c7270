import Testing

@testable import Filtering

@Suite("Shipped rules, in the engine")
struct ShippedRuleMatchTests {
    @Test("each finds its texts and leaves its counter-examples alone, and may redact in a stream")
    func ruleTests() throws {
        let rules = try ShippedRules.compiled()
        // Redact asks for widths that a stream can hold back, so it is the strictest policy to compile.
        let policy = try FilterPolicy(rules) { _, _ in Enforcement(.redact) }
        let screener = Screener()
        func found(_ text: String, _ rule: Rule) -> Bool {
            let bytes = Array(text.utf8)
            let screening = bytes.withUnsafeBufferPointer { screener.screen($0, side: .prompt, policy: policy) }
            return screening.findings.contains { $0.rule == rule.id }
        }
        for rule in rules.rules {
            for text in rule.matches { #expect(found(text, rule), "\(rule.id) misses: \(text)") }
            for text in rule.nonMatches { #expect(!found(text, rule), "\(rule.id) wrongly finds: \(text)") }
        }
    }
}
