import Foundation
import Testing

@testable import Filtering

@Suite("Rules that ask for scores")
struct ScoredRuleTests {
    /// Finds texts with many of the word `zorp`: each other feature counts a little against it.
    static let zorpModel: ClassifierModel = {
        var rows = [SIMD8<Int8>](repeating: SIMD8(repeating: -1), count: 1 << 12)
        var hashes = ClassifierFeatures(bits: 12)
        for byte in "zorp ".utf8 { hashes.take(byte) { row, _ in rows[row] = SIMD8(repeating: 100) } }
        let head = ClassifierModel.Head(
            name: "zorp", category: Category("zorp"), scale: 0.02, bias: 0, lengthSixteenths: 8, judgesWhole: false,
            usual: 0, unusual: 1, thresholds: [.init(rate: 0.01, score: 2), .init(rate: 0.001, score: 6)])
        return ClassifierModel(heads: [head], calibration: .init(slope: 1, offset: -2), bits: 12, rows: rows)
    }()

    static func rule(_ id: String, rate: Double = 0.01, verdictMax: Verdict = .block) -> Rule {
        Rule(
            id: id, category: Category("zorp"), pattern: "", score: .init(head: "zorp", falsePositives: rate),
            verdictMax: verdictMax)
    }

    static func policy(_ verdict: Verdict, _ rules: [Rule] = [rule("score/zorp")]) throws -> FilterPolicy {
        try FilterPolicy(FilterRules(rules + [Fixture.card], classifier: zorpModel)) { rule, _ in
            Enforcement(rule.score == nil ? .redact : verdict)
        }
    }

    /// Long stretches of harmless words between such that are found.
    static func text(_ random: inout SplitMix64) -> String {
        (0..<6).map { _ in
            let word = random.below(2) == 0 ? "zorp " : random.pick(["quiet words ", "é à ü ", "4111 1111 1111 1111 "])
            return String(repeating: word, count: 1 + random.below(120))
        }.joined()
    }

    @Test("find the same in a stream as in a whole text, wherever it is cut", arguments: 0..<40)
    func chunks(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let (screener, policy, text) = (Screener(), try Self.policy(.flag), Self.text(&random))
        let (whole, redacted) = screener.screened(text, policy)
        for size in [1, 3, 16, 64, 1_000] {
            let streamed = screener.streamed(Pieces.of(text, bytes: size), policy)
            #expect(streamed.findings == whole.findings, "cut every \(size) bytes")
            #expect(streamed.output == redacted, "cut every \(size) bytes")
        }
    }

    @Test("stop a stream at the same place, wherever it is cut", arguments: 0..<40)
    func blocks(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let (screener, policy, text) = (Screener(), try Self.policy(.block), Self.text(&random))
        let whole = screener.streamed([Array(text.utf8)], policy)
        #expect(whole.isBlocked == (screener.screened(text, policy).0.verdict == .block))
        for size in [1, 3, 16, 64, 1_000] {
            let streamed = screener.streamed(Pieces.of(text, bytes: size), policy)
            #expect(streamed == whole, "cut every \(size) bytes")
        }
    }

    /// Catches a verdict that nobody asked for, and one that a cut changes.
    @Test(
        "say nothing of a script that is not covered, of which the policy may",
        arguments: [Verdict?.none, .flag, .block])
    func uncovered(_ verdict: Verdict?) throws {
        let screener = Screener()
        let policy = try FilterPolicy(
            FilterRules([Self.rule("score/zorp"), Fixture.card], classifier: Self.zorpModel),
            unjudged: { rule, _ in Enforcement(rule.category == Category("language") ? verdict ?? .allow : .allow) },
            enforcement: { _, _ in Enforcement(.flag) })
        let text = String(repeating: "это совсем другой язык и тут ничего не найти ", count: 40)
        let (whole, _) = screener.screened(text, policy)
        #expect(whole.unjudged == .script && whole.verdict == verdict ?? .allow)
        #expect(Set(whole.findings.map(\.rule)) == (verdict == nil ? [] : ["score/coverage"]))
        let first = screener.streamed([Array(text.utf8)], policy)
        for size in [2, 7, 64, 1_000] {
            let streamed = screener.streamed(Pieces.of(text, bytes: size), policy)
            #expect(streamed == first, "cut every \(size) bytes")
            #expect(streamed.verdict == whole.verdict && streamed.isBlocked == (verdict == .block))
        }
        let covered = screener.screened("quiet words", policy).0
        #expect(covered.unjudged.isEmpty && covered.verdict == .allow)
    }

    @Test("are asked of each text by itself")
    func texts() throws {
        let (screener, policy) = (Screener(), try Self.policy(.flag))
        let parts = ["zorp zorp zorp zorp", String(repeating: "quiet words ", count: 40), "zorp zorp zorp zorp"]
        for isASCII in [true, false] {
            var (bytes, breaks): ([UInt8], [TextBreak]) = ([], [])
            for part in parts {
                bytes += Array((isASCII ? part : part + " é").utf8)
                breaks.append(TextBreak(end: bytes.count, endsSection: true))
                bytes.append(TextBreak.separator)
            }
            bytes.removeLast()
            breaks.removeLast()
            let screening = bytes.withUnsafeBufferPointer { screener.screen($0, breaks, side: .prompt, policy: policy) }
            #expect(screening.findings.count == 2)
            #expect(screening.findings.map(\.range.lowerBound) == [0, try #require(breaks.last).end + 1])
        }
    }

    @Test("are asked of what stands encoded, too: it scores as if it stood there by itself")
    func encoded() throws {
        let (screener, policy) = (Screener(), try Self.policy(.flag))
        let text = String(repeating: "zorp ", count: 12)
        let once = Data(text.utf8).base64EncodedString()
        let plain = screener.screened(text, policy).0
        for encoded in [once, Data(once.utf8).base64EncodedString()] {
            for copy in ["quiet words: " + encoded, "ü " + encoded] {
                let screening = screener.screened(copy, policy).0
                #expect(screening.highest == plain.highest && plain.highest[0] > 2)
                #expect(screener.streamed(Pieces.of(copy, bytes: 7), policy).findings == screening.findings)
                let known = Array(copy.utf8).withUnsafeBufferPointer {
                    screener.probabilities(of: $0, by: Self.zorpModel)
                }
                #expect(known.first?.probability == Self.zorpModel.probabilities(of: plain.highest).first?.probability)
            }
        }
    }

    @Test("are asked of what stands in ROT13, too")
    func rotated() throws {
        let (screener, policy) = (Screener(), try Self.policy(.flag))
        let text = String(repeating: "zorp with the ", count: 11) + "zorp"
        let plain = screener.screened(text, policy).0
        let rotated = String(decoding: text.utf8.map(Rot13.rotated), as: UTF8.self)
        for copy in ["quiet words: " + rotated, "ü the " + rotated] {
            let screening = screener.screened(copy, policy).0
            #expect(screening.highest == plain.highest && plain.highest[0] > 2)
            #expect(screener.streamed(Pieces.of(copy, bytes: 7), policy).findings == screening.findings)
            let known = Array(copy.utf8).withUnsafeBufferPointer {
                screener.probabilities(of: $0, by: Self.zorpModel)
            }
            #expect(known.first?.probability == Self.zorpModel.probabilities(of: plain.highest).first?.probability)
        }
    }

    @Test("say how sure they are, and are sure of the more the higher the score is")
    func scores() throws {
        let policy = try Self.policy(.flag, [Self.rule("score/some"), Self.rule("score/sure", rate: 0.001)])
        let few = Screener().screened("zorp and some other words", policy).0.findings
        let many = Screener().screened(String(repeating: "zorp ", count: 60), policy).0.findings
        #expect(few.map(\.rule) == ["score/some"] && many.map(\.rule) == ["score/some", "score/sure"])
        #expect(try #require(few.first).score < #require(many.first).score)
        #expect(many.allSatisfy { (0...1).contains($0.score) })
    }

    @Test("give a stretch that two of them end in the higher score, in a whole text as in a stream")
    func endsOfBlocks() throws {
        let (screener, policy) = (Screener(), try Self.policy(.flag))
        for count in [600, 601, 602, 900, 901] {
            let text = String(
                (String(repeating: "quiet words ", count: 30).prefix(290)
                    + " " + String(repeating: "zorp ", count: 200)).prefix(count))
            let whole = screener.screened(text, policy).0.findings
            #expect(whole == screener.streamed(Pieces.of(text, bytes: 1), policy).findings, "\(count) bytes")
        }
    }

    @Test("stop a stream where they are known, whatever rule that only flags is under way there")
    func flagsUnderWay() throws {
        let line = Rule(
            id: "flag/long", category: Category("word"), pattern: "zorp [a-z ]{40,60}x", view: .skeleton)
        let policy = try FilterPolicy(FilterRules([Self.rule("score/zorp"), line], classifier: Self.zorpModel)) {
            rule, _ in
            Enforcement(rule.score == nil ? .flag : .block)
        }
        let text = String(repeating: "zorp ", count: 140) + String(repeating: "quietly ", count: 10) + "x and more"
        let whole = Screener().streamed(text, policy)
        #expect(whole.isBlocked)
        for size in [1, 5, 64] { #expect(Screener().streamed(Pieces.of(text, bytes: size), policy) == whole) }
    }

    @Test("say nothing of a text without any character, and nothing of heads that no rule asks for")
    func nothing() throws {
        let (screener, policy) = (Screener(), try Self.policy(.allow))
        #expect(!screener.screened("zorp zorp", policy).0.highest.max().isFinite)
        let asked = try Self.policy(.flag)
        #expect(!screener.screened("", asked).0.highest.max().isFinite)
        #expect(!screener.screened("\u{200B}", asked).0.highest.max().isFinite)
        #expect(screener.screened("zorp", asked).0.highest[0].isFinite)
        #expect(screener.screened("zorp", asked).0.highest[1] == -.infinity)
    }

    @Test("say which words made them")
    func reasons() throws {
        let (screener, policy) = (Screener(), try Self.policy(.flag))
        let text = "some quiet zorp of wörds"
        let finding = try #require(screener.screened(text, policy).0.findings.first)
        let bytes = Array(text.utf8)
        let reasons = bytes.withUnsafeBufferPointer { screener.reasons(for: finding, in: $0, policy.rules) }
        let words = reasons.map { String(decoding: bytes[$0.range], as: UTF8.self) }
        #expect(words.first == "zorp" && !words.contains("quiet") && reasons.allSatisfy { $0.weight > 0 })
        let card = try #require(screener.screened("4111 1111 1111 1111", policy).0.findings.first)
        #expect(bytes.withUnsafeBufferPointer { screener.reasons(for: card, in: $0, policy.rules) }.isEmpty)
    }

    @Test("never have text redacted, and lead to no more than they may")
    func verdicts() throws {
        let text = String(repeating: "zorp ", count: 60)
        func verdict(_ verdict: Verdict, atMost: Verdict) throws -> Verdict {
            let policy = try Self.policy(verdict, [Self.rule("score/zorp", verdictMax: atMost)])
            return Screener().screened(text, policy).0.verdict
        }
        #expect(try verdict(.redact, atMost: .block) == .flag)
        #expect(try verdict(.block, atMost: .flag) == .flag)
        #expect(try verdict(.block, atMost: .block) == .block)
        #expect(try verdict(.block, atMost: .allow) == .allow)
        #expect(try verdict(.allow, atMost: .block) == .allow)
    }

    @Test("are refused with the reason where the classifier knows no such head or rate, or there is none")
    func refused() throws {
        func reason(_ rule: Rule, _ classifier: ClassifierModel? = Self.zorpModel) -> String {
            do throws(FilterError) {
                _ = try FilterRules([rule], classifier: classifier)
                return "accepted"
            } catch {
                return error.problems.map(\.reason).joined()
            }
        }
        var other = Self.rule("score/other")
        other.score?.head = "other"
        #expect(reason(other).contains("no head `other`: known are `zorp`"))
        #expect(reason(Self.rule("score/rate", rate: 0.3)).contains("write one of 0.01, 0.001"))
        #expect(reason(Self.rule("score/zorp"), nil).contains("there is no classifier"))
    }
}
