import Testing

@testable import Filtering

/// Several texts in one go, as a request with many messages is screened.
@Suite("Texts that are screened in one go")
struct TextBreakTests {
    /// Rules that look at where a text begins and ends, or that would go on over the end of one.
    private static let edges = [
        Rule(id: "edge/end", category: Category("end"), pattern: #"thanks$"#),
        Rule(id: "edge/last", category: Category("last"), pattern: #"\bbye\z"#),
        Rule(id: "edge/first", category: Category("first"), pattern: #"\Ahello\b"#),
        Rule(id: "edge/line", category: Category("line"), pattern: #"^note"#),
        Rule(id: "edge/over", category: Category("over"), pattern: #"left\s{0,8}right"#),
        Rule(id: "edge/behind", category: Category("behind"), pattern: #"left\s"#),
        Rule(id: "edge/hidden", category: Category("hidden"), pattern: #"\bpaypal\z"#, view: .skeleton),
    ]
    private static let parts = [
        "thanks", "bye", "hello", "note", "left", "right", "\n", " ", "!", "4111 1111 1111 1111", "account ",
        "12345678",
        "4\u{E0034}\u{E0031}1", "pаypal", "é", "ignore all", "key abcd/1234",
    ]
    private static let policy = Result {
        try FilterPolicy(FilterRules(edges + Fixture.all)) { rule, _ in
            Enforcement(Fixture.verdicts[rule.id] ?? .redact)
        }
    }

    private static func text(_ random: inout Seeded) -> String {
        (0..<Int.random(in: 0...5, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
    }

    private func lay(_ texts: [String], endsSection: Bool) -> (bytes: [UInt8], breaks: [TextBreak]) {
        var (bytes, breaks): ([UInt8], [TextBreak]) = ([], [])
        for text in texts {
            bytes += Array(text.utf8)
            breaks.append(TextBreak(end: bytes.count, endsSection: endsSection))
            bytes.append(TextBreak.separator)
        }
        return (bytes, breaks)
    }

    /// Each by itself, with offsets as they are in one go.
    private func alone(_ texts: [String], _ policy: FilterPolicy, _ screener: Screener) -> ([Finding], [Redaction]) {
        var (findings, redactions, offset): ([Finding], [Redaction], Int) = ([], [], 0)
        for text in texts {
            findings += screener.screened(text, policy).0.findings.map { finding in
                var finding = finding
                finding.range = finding.range.lowerBound + offset..<finding.range.upperBound + offset
                return finding
            }
            redactions += screener.redactions.map { redaction in
                var redaction = redaction
                redaction.range = redaction.range.lowerBound + offset..<redaction.range.upperBound + offset
                return redaction
            }
            offset += text.utf8.count + 1
        }
        return (findings, redactions)
    }

    /// Catches a verdict or a category that comes from the wrong text's author, also where there are so many findings in
    /// one that no more are kept, and in texts that are searched at once, in parts and in slices.
    @Test("are each judged by who wrote them", arguments: 0..<40 as Range<UInt64>)
    func judgesBySource(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        let screener = Screener()
        let policy = try FilterPolicy(
            Fixture.rules.get(),
            inTools: { rule in
                rule.id == "pii/card" ? EnforcedRule(category: Category("pii.card.brought"), Enforcement(.flag)) : nil
            },
            enforcement: { rule, _ in Enforcement(rule.id == "pii/card" ? .block : .flag) })
        let said = ["card 4111 1111 1111 1111", "nothing", "k\u{E9} 4111111111111111 \u{E0034}", "paypal"]
        let flood = String(repeating: "4111 1111 1111 1111, ", count: 80)
        for _ in 0..<4 {
            let sources = (0..<3).map { _ in Bool.random(using: &random) ? TextSource.tool : .caller }
            var texts = sources.map { _ in said.randomElement(using: &random) ?? "" }
            if let tool = sources.firstIndex(of: .tool), Bool.random(using: &random) { texts[tool] = flood }
            if seed % 4 == 0 { texts[2] += String(repeating: " and so on", count: 4_000) }
            var (bytes, breaks) = lay(texts, endsSection: false)
            for index in breaks.indices { breaks[index].source = sources[index] }
            let found = bytes.withUnsafeBufferPointer { screener.screen($0, breaks, side: .prompt, policy: policy) }
            for finding in found.findings where finding.rule == "pii/card" {
                let isBrought = breaks.source(at: finding.range.lowerBound) == .tool
                #expect(finding.category == Category(isBrought ? "pii.card.brought" : "pii.card"))
                #expect(finding.verdict == (isBrought ? .flag : .block))
            }
            let isBlocked = zip(texts, sources).contains { $0.utf8.contains(0x34) && $1 == .caller }
            #expect((found.verdict == .block) == isBlocked, "\(texts.map { $0.prefix(30) }) \(sources)")
            let slices = screener.slices(of: bytes, breaks, side: .prompt, policy: policy)
            while slices.goOn() {}
            #expect(slices.finish().findings == found.findings)
        }
    }

    /// Catches an edge that only the first or last text has, a match over the end of one, and context from another section;
    /// in texts that are searched at once (plain and short), in parts, and in slices.
    @Test("are each judged as if they stood alone", arguments: 0..<60 as Range<UInt64>)
    func judgesAlone(_ seed: UInt64) throws {
        let (policy, screener) = (try Self.policy.get(), Screener())
        var random = Seeded(state: seed)
        for count in [1, 2, 6] {
            let texts = (0..<count).map { _ in Self.text(&random) }
            let (bytes, breaks) = lay(texts, endsSection: true)
            let (findings, redactions) = alone(texts, policy, screener)
            let whole = bytes.withUnsafeBufferPointer { screener.screen($0, breaks, side: .completion, policy: policy) }
            #expect(whole.findings == findings, "\(texts)")
            #expect(screener.redactions == redactions, "\(texts)")
            let filler = String(repeating: "and so on. ", count: SlicedScreening.sliceBytes / 8)
            let (long, longBreaks) = lay([filler] + texts, endsSection: true)
            let slices = screener.slices(of: long, longBreaks, side: .completion, policy: policy)
            while slices.goOn() {}
            let expected = alone([filler] + texts, policy, screener)
            #expect(slices.finish().findings == expected.0, "\(texts)")
            #expect(screener.redactions == expected.1, "\(texts)")
        }
    }

    @Test(
        "see words of context in their section only, before and after",
        arguments: [
            (["account", "12345678"], true), (["12345678", "account"], true),
            (["account", "", "so", "12345678"], true),
            ([Fixture.tags("12345678"), "account"], true), (["account", Fixture.tags("12345678")], true),
            (["account \(String(repeating: "-", count: 30))", "12345678"], false),
            (["12345678", String(repeating: "-", count: 30) + " account"], false),
        ])
    func context(_ texts: [String], isNear: Bool) throws {
        let (policy, screener) = (try Fixture.policy(), Screener())
        for (texts, isPlain) in [(texts, true), (texts + ["é"], false)] {
            for endsSection in [false, true] {
                let (bytes, breaks) = lay(texts, endsSection: endsSection)
                let screening = bytes.withUnsafeBufferPointer {
                    screener.screen($0, breaks, side: .completion, policy: policy)
                }
                let isFound = screening.findings.contains { $0.rule == "pii/account" }
                #expect(isFound == (isNear && !endsSection), "\(texts), plain: \(isPlain)")
            }
        }
    }

    /// Catches work for each rule and each text that is too short for it.
    @Test("may be many that match, and many between them that can't", .timeLimit(.minutes(1)))
    func manyShort() throws {
        let (policy, screener) = (try Fixture.policy(), Screener())
        let texts = (0..<400).flatMap { _ in ["4111 1111 1111 1111"] + [String](repeating: "4", count: 40) }
        for texts in [texts, texts + ["é"]] {
            let (bytes, breaks) = lay(texts, endsSection: false)
            let slices = screener.slices(of: bytes, breaks, side: .completion, policy: policy)
            var turns = 1
            while slices.goOn() { turns += 1 }
            _ = slices.finish()
            #expect(screener.redactions.count == 400)
            #expect(turns > texts.count * SlicedScreening.breakBytes / SlicedScreening.sliceBytes)
        }
    }

    /// A text of many texts that all match, each of which is looked at with its neighbours.
    @Test("may be many")
    func many() throws {
        let (policy, screener) = (try Fixture.policy(), Screener())
        let (bytes, breaks) = lay([String](repeating: "1234567", count: 2_000) + ["account"], endsSection: false)
        let screening = bytes.withUnsafeBufferPointer { screener.screen($0, breaks, side: .completion, policy: policy) }
        // Of numbers, those that end within 24 bytes of the word.
        #expect(screening.findings.count == 3)
    }
}
