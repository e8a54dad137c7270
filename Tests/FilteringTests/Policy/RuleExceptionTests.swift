import Testing

@testable import Filtering

@Suite("Allowed texts and rules in shadow")
struct RuleExceptionTests {
    private static let place = PolicyOverrides.Place(file: "p.yaml", line: 1, column: 1)
    private static let sponsor = PolicyOverrides.Sponsor(owner: "o", reason: "r")

    private static func allowed(_ text: String, _ rules: [String]) -> PolicyOverrides.AllowedText {
        PolicyOverrides.AllowedText(text: text, rules: rules, sponsor: sponsor, place: place)
    }

    private static func policy(_ allowed: [PolicyOverrides.AllowedText], shadowed: Set<String> = []) throws
        -> FilterPolicy
    {
        try FilterPolicy(try Fixture.rules.get(), allowed: allowed) { rule, _ in
            var enforcement = Enforcement(Fixture.verdicts[rule.id] ?? .redact)
            enforcement.isShadow = shadowed.contains(rule.id)
            return enforcement
        }
    }

    @Test(
        "a match is let alone where it is all of an allowed text",
        arguments: [
            ("write to Press@Example.org.", true), ("write to press@example.org", true), ("ｐress@example.org", true),
            ("write to xpress@example.org", false), ("press@example.org.uk", false), ("press@example.com", false),
        ])
    func exact(text: String, isAllowed: Bool) throws {
        let policy = try Self.policy([Self.allowed("press@example.org", ["pii/mail"])])
        var text = text
        let found = text.withUTF8 { Screener().screen($0, side: .completion, policy: policy).findings.map(\.rule) }
        #expect(found.contains("pii/mail") == !isAllowed)
    }

    @Test("other rules find what one lets alone")
    func otherRules() throws {
        let policy = try Self.policy([Self.allowed("4111 1111 1111 1111", ["pii/mail"])])
        var text = "4111 1111 1111 1111"
        #expect(text.withUTF8 { Screener().screen($0, side: .prompt, policy: policy).verdict } == .redact)
    }

    /// A stream decides as a whole text does, wherever it is cut.
    @Test("are the same in streams, however those are cut", arguments: 0..<40 as Range<UInt64>)
    func streams(seed: UInt64) throws {
        var random = Seeded(state: seed)
        let allowed = [
            Self.allowed("press@example.org", ["pii/mail"]),
            Self.allowed("4111 1111 1111 1111", ["pii/card", "pii/numbered"]),
            Self.allowed("frobnick", ["word/slur"]),
        ]
        let policy = try Self.policy(allowed, shadowed: ["secret/key", "word/paypal"])
        let parts = [
            "press@example.org", "xpress@example.org", "4111 1111 1111 1111", "4012 8888 8888 1881", "frobnick",
            "frobnicks",
            "sk-abcdefghij0123456789xyz", " account ", "paypal", "a", ", ", "é",
        ]
        let text = (0..<Int.random(in: 1...9, using: &random)).map { _ in
            parts[Int.random(in: parts.indices, using: &random)] + (Bool.random(using: &random) ? " " : "")
        }.joined()
        let (whole, findings) = Array(text.utf8).withUnsafeBufferPointer { bytes -> (String, [Finding]) in
            let screener = Screener()
            let findings = screener.screen(bytes, side: .completion, policy: policy).findings
            return (String(decoding: Screener.redacting(bytes, screener.redactions), as: UTF8.self), findings)
        }
        var pieces: [[UInt8]] = []
        for scalar in text.unicodeScalars {
            if pieces.isEmpty || Bool.random(using: &random) { pieces.append([]) }
            pieces[pieces.count - 1] += Array(String(scalar).utf8)
        }
        let streamed = Screener().streamed(pieces, policy)
        #expect(streamed.output == whole)
        #expect(streamed.findings == findings)
    }

    @Test("what a rule in shadow finds is told as allowed, and nothing follows")
    func shadow() throws {
        let policy = try Self.policy([], shadowed: ["pii/card"])
        var text = "4111 1111 1111 1111"
        let screening = text.withUTF8 { Screener().screen($0, side: .prompt, policy: policy) }
        #expect(screening.verdict == .allow)
        #expect(screening.findings.map { [$0.rule, $0.verdict.name] } == [["pii/card", "allow"]])
        #expect(policy.verdict(of: Fixture.card, .prompt, .caller) == .allow)
    }

    @Test("policies that hold text back for the same rules share what is known of matches under way")
    func shared() throws {
        let tools = ScanTools()
        let first = try Self.policy([Self.allowed("a@b.org", ["pii/mail"])])
        let second = try Self.policy([])
        let third = try Self.policy([], shadowed: ["pii/card"])
        func states(_ policy: FilterPolicy) -> LiveStates { tools.states(of: policy[.completion].held[.normalised]) }
        #expect(states(first) === states(second) && states(second) !== states(third))
        tools.forget(allBut: [third])
        let kept = states(third)
        tools.forget(allBut: [third])
        #expect(states(third) === kept)
    }
}
