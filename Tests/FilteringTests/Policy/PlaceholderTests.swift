import Testing

@testable import Filtering

@Suite("Placeholders")
struct PlaceholderTests {
    private static func made(_ originals: [String], besides prompt: String = "") -> (Placeholders, [String]) {
        var placeholders = Placeholders(besides: Array(prompt.utf8))
        let texts = originals.map {
            placeholders.placeholder(for: Array($0.utf8), Category("pii.national_id"))
        }
        return (placeholders, texts.map { $0.map { String(decoding: $0, as: UTF8.self) } ?? "none" })
    }

    @Test("count what differs, and keep clear of what the prompt says itself")
    func numbers() {
        #expect(Self.made(["a", "b", "a"]).1 == ["[NATIONAL_ID_1]", "[NATIONAL_ID_2]", "[NATIONAL_ID_1]"])
        #expect(
            Self.made(["a", "b"], besides: "[NATIONAL_ID_1] [NATIONAL_ID_3]").1 == [
                "[NATIONAL_ID_2]", "[NATIONAL_ID_4]",
            ])
        var many = Placeholders()
        for number in 0..<9_999 { _ = many.placeholder(for: Array("\(number)".utf8), Category("a.b")) }
        #expect(many.placeholder(for: [0x41], Category("a.b")) == nil)
        #expect(many.placeholder(for: Array("7".utf8), Category("a.b")) == Array("[B_8]".utf8))
        let long = Category("x." + String(repeating: "y", count: 90))
        #expect(many.placeholder(for: [0x41], long)?.count == Placeholders.bytesMax - 3)
    }

    @Test(
        "stand for nothing that JSON would escape, nor for much",
        arguments: [
            ("a\"b", false), ("a\\b", false), ("a\nb", false), ("", false), (String(repeating: "x", count: 257), false),
            (String(repeating: "x", count: 256), true), ("Jürgen {}[]", true),
        ])
    func originals(text: String, isTaken: Bool) {
        #expect((Self.made([text]).1 != ["none"]) == isTaken)
    }

    @Test("are put back in place of what they stand for, the longest first")
    func masking() {
        let (placeholders, _) = Self.made(["abc", "abcdef", "xy", "abcd"])
        func masked(_ text: String) -> String {
            String(decoding: placeholders.masking(Array(text.utf8)), as: UTF8.self)
        }
        #expect(masked("abcdefabcdxabcxya") == "[NATIONAL_ID_2][NATIONAL_ID_4]x[NATIONAL_ID_1][NATIONAL_ID_3]a")
        #expect(masked("") == "" && masked("ab") == "ab")
        #expect(Placeholders().masking([1, 2]) == [1, 2])
    }

    /// Many texts in a long prompt: each is looked for once.
    @Test("take no longer the more there are")
    func linear() {
        let prompt = Array(String(repeating: "[X_1] filler ", count: 80_000).utf8)
        var placeholders = Placeholders(besides: prompt)
        for number in 0..<9_000 { _ = placeholders.placeholder(for: Array("number \(number)".utf8), Category("a.b")) }
        #expect(placeholders.masking(prompt) == prompt)
    }

    /// A stream gives back what a whole text would, wherever it is cut, and takes out what it would.
    @Test("are given back in streams, however those are cut", arguments: 0..<60 as Range<UInt64>)
    func streams(seed: UInt64) throws {
        var random = Seeded(state: seed)
        let (placeholders, _) = Self.made(["4111 1111 1111 1111", "é"])
        let parts = [
            "[NATIONAL_ID_1]", "[NATIONAL_ID_2]", "[NATIONAL_ID_3]", "[NATIONAL_ID_", "[", "]", "[[NATIONAL_ID_1]]",
            "[x]",
            "4012 8888 8888 1881", "me@example.org", " account 1234567 ", "ordinary words ", "é", "frobnick",
            "[" + String(repeating: "A", count: 50) + "_1]", "sk-abcdefghij0123456789xyz",
        ]
        let text = (0..<Int.random(in: 1...10, using: &random)).map { _ in
            parts[Int.random(in: parts.indices, using: &random)] + (Bool.random(using: &random) ? " " : "")
        }.joined()
        let policy = try Fixture.policy()
        let screener = Screener()
        let plain = screener.streamed([Array(text.utf8)], policy)
        let expected = plain.output.replacing("[NATIONAL_ID_1]", with: "4111 1111 1111 1111").replacing(
            "[NATIONAL_ID_2]", with: "é")
        let keeper = TextKeeper(bytesMax: 10_000)
        let stream = screener.stream(
            policy: policy, .init(keeper: keeper, placeholders: placeholders))
        var output: [UInt8] = []
        var piece: [UInt8] = []
        func feed() {
            piece.withUnsafeBufferPointer { stream.feed($0, to: &output) }
            piece = []
        }
        for scalar in text.unicodeScalars {
            if Bool.random(using: &random) { feed() }
            piece += Array(String(scalar).utf8)
        }
        feed()
        stream.finish(to: &output)
        #expect(String(decoding: output, as: UTF8.self) == expected)
        // Judges see placeholders.
        #expect(String(decoding: stream.kept, as: UTF8.self) == plain.output)
        #expect(stream.findings == plain.findings && stream.verdict == plain.verdict)
    }

    @Test("nothing waits longer than a placeholder can be")
    func bounded() throws {
        let (placeholders, _) = Self.made(["a"])
        let stream = Screener().stream(
            policy: try Fixture.policy([Fixture.header]), .init(placeholders: placeholders))
        var output: [UInt8] = []
        for _ in 0..<500 { [UInt8(ascii: "[")].withUnsafeBufferPointer { stream.feed($0, to: &output) } }
        #expect(output.count == 499)
        for _ in 0..<500 { [UInt8(ascii: "A")].withUnsafeBufferPointer { stream.feed($0, to: &output) } }
        #expect(output.count == 1_000)
    }
}

@Suite("Markers of redactions")
struct RedactionMarkerTests {
    @Test("are the policy file's own, of the most special category")
    func markers() throws {
        let overrides = try PolicyOverrides(
            yaml: """
                redactions:
                  - {categories: [pii], as: "<{category}>"}
                  - {categories: [pii.card], as: "***"}
                  - {categories: [pii.card.debit, secret], restore: true}
                """, file: "p.yaml", beside: .shipped())
        func marker(_ category: String) -> String {
            String(decoding: overrides.markers.marker(Category(category)), as: UTF8.self)
        }
        #expect(marker("pii.email") == "<pii.email>" && marker("pii.card") == "***")
        #expect(marker("hate") == "[redacted:hate]" && marker("secret.token") == "[redacted:secret.token]")
        #expect(
            overrides.markers.isRestored(Category("secret.token")) && !overrides.markers.isRestored(Category("pii")))
        for json in ["a***b", "<pii", "[redacted:x"] { #expect(overrides.markers.mayStand(in: Array(json.utf8))) }
        #expect(!overrides.markers.mayStand(in: Array("[1, **]".utf8)))
        let policy = try FilterPolicy(try Fixture.rules.get(), markers: overrides.markers) { _, _ in
            Enforcement(.redact)
        }
        #expect(Screener().streamed([Array("to 4111 1111 1111 1111.".utf8)], policy).output == "to ***.")
    }

    @Test(
        "stand anywhere in JSON, and can be told from text",
        arguments: ["\\\"x\\\"", "", "a\\\\b", "{category}", "é", String(repeating: "x", count: 65)])
    func refused(text: String) {
        #expect(throws: RuleProblems.self) {
            try PolicyOverrides(
                yaml: "redactions:\n  - {categories: [pii], as: \"\(text)\"}", file: "p.yaml", beside: .shipped())
        }
    }

    @Test("either stand for the text, or give it back", arguments: ["", ", as: x, restore: true", ", restore: false"])
    func either(fields: String) {
        #expect(throws: RuleProblems.self) {
            try PolicyOverrides(
                yaml: "redactions:\n  - {categories: [pii]\(fields)}", file: "p.yaml", beside: .shipped())
        }
    }
}
