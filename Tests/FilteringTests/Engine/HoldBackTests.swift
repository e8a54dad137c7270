import Testing

@testable import Filtering

@Suite("Holding text back")
struct HoldBackTests {
    let screener = Screener()

    /// Rules that no ordinary word begins.
    static let rules = [Fixture.card, Fixture.key, Fixture.header, Fixture.account]

    @Test("text that nothing can become is not delayed", arguments: [1, 3, 7, 20])
    func undelayed(_ size: Int) throws {
        let policy = try Fixture.policy(Self.rules)
        let text = "The leaf turns light into sugar; größer und 日本語 too, and a blank follows every word of it. "
        let scalars = Array(text.unicodeScalars)
        let stream = screener.stream(policy: policy)
        var output: [UInt8] = []
        var fed: [UInt8] = []
        for start in stride(from: 0, to: scalars.count, by: size) {
            let piece = scalars[start..<min(start + size, scalars.count)].flatMap { Array(String($0).utf8) }
            fed += piece
            piece.withUnsafeBufferPointer { stream.feed($0, to: &output) }
            // Only `s`, `sk` and `sk-` at a word's beginning may still become a key.
            let tail = fed.last == UInt8(ascii: "s") && (fed.count == 1 || fed[fed.count - 2] == 0x20) ? 1 : 0
            #expect(stream.heldCount == tail)
            #expect(output == Array(fed.dropLast(tail)))
        }
    }

    @Test("a tail is held from where a match may begin, and no further")
    func heldTail() throws {
        let policy = try Fixture.policy(Self.rules)
        let steps: [(feed: String, held: Int)] = [
            ("Card: ", 0), ("4111", 4), (" 11", 7), ("11, and", 0), (" s", 1), ("k", 2), ("-", 3), ("x", 4), (" ", 0),
            ("--", 2), ("---BEGIN ", 11), ("CERTIFICATE", 0), ("\u{200B}", 0), ("4\u{200B}", 4),
        ]
        let stream = screener.stream(policy: policy)
        var output: [UInt8] = []
        for (piece, held) in steps {
            Array(piece.utf8).withUnsafeBufferPointer { stream.feed($0, to: &output) }
            #expect(stream.heldCount == held, "after \(piece.debugDescription)")
        }
    }

    @Test("context that follows is waited for, and not longer than its window")
    func waitsForContext() throws {
        let policy = try Fixture.policy([Fixture.account])
        let stream = screener.stream(policy: policy)
        var output: [UInt8] = []
        func feed(_ text: String) { Array(text.utf8).withUnsafeBufferPointer { stream.feed($0, to: &output) } }
        feed("see 1234567 in")
        #expect(stream.heldCount == 10)
        feed(" the books of ours, yes.")
        #expect(stream.heldCount == 0)
        feed(" 7654321 is my acc")
        #expect(String(decoding: output, as: UTF8.self) == "see 1234567 in the books of ours, yes. ")
        feed("ount")
        #expect(String(decoding: output, as: UTF8.self).hasSuffix("yes. [redacted:pii.account] is my account"))
    }

    /// Catches a verdict or a finding that depends on how the text was cut, and text that waits though it may pass.
    @Test("what may pass leaves at once, and ends the stream when it is known", arguments: 1...40)
    func passes(_ cut: Int) throws {
        let text = Array("pay by card 4111 1111 1111 1111 or not".utf8)
        let policy = try FilterPolicy(Fixture.rules.get()) { rule, _ in
            Enforcement(rule.id == "pii/card" ? .block : .allow, streams: .pass)
        }
        let whole = text.withUnsafeBufferPointer { screener.screen($0, side: .completion, policy: policy) }
        let stream = screener.stream(policy: policy)
        var output: [UInt8] = []
        for piece in [text.prefix(cut), text.dropFirst(cut)] {
            Array(piece).withUnsafeBufferPointer { stream.feed($0, to: &output) }
            #expect(stream.heldCount == 0)
        }
        stream.finish(to: &output)
        #expect(stream.verdict == .block && stream.findings == whole.findings)
        // The call in which it is known lets out what comes before the number, which has nobody to leave with.
        let released = cut < 32 ? cut : 0
        #expect(output == Array(text.prefix(max(12, released))) && stream.releasedCount == released)
        #expect(!policy.holdsAnswers)
    }

    @Test("a rule of any width may block where streams pass, and nowhere else")
    func wide() throws {
        let rule = Rule(id: "wide/rule", category: Category("wide"), pattern: "begin[a-z ]{0,2000}end")
        for (enforcement, isTaken) in [
            (Enforcement(.block, streams: .pass), true), (Enforcement(.block), false),
            (Enforcement(.block, streams: .hold), false), (Enforcement(.redact, streams: .pass), false),
        ] {
            let policy = try? FilterPolicy(FilterRules([rule])) { _, _ in enforcement }
            #expect((policy != nil) == isTaken)
        }
    }

    @Test("what was let go of is still found, and the rest of it taken out", arguments: [3, 7, 18])
    func letsGo(_ cut: Int) throws {
        let text = Array("4111 1111 1111 1111 is it".utf8)
        let stream = screener.stream(policy: try Fixture.policy([Fixture.card]))
        var output: [UInt8] = []
        text.prefix(cut).withUnsafeBufferPointer { stream.feed($0, to: &output) }
        #expect(output.isEmpty && stream.heldCount == cut)
        stream.letGo(to: &output)
        #expect(output == Array(text.prefix(cut)) && stream.heldCount == 0)
        text.suffix(from: cut).withUnsafeBufferPointer { stream.feed($0, to: &output) }
        stream.finish(to: &output)
        #expect(String(decoding: output, as: UTF8.self) == text.prefix(cut).text + "[redacted:pii.card] is it")
        #expect(stream.verdict == .redact && stream.findings.map(\.range) == [0..<19])
    }

    @Test("where context comes before, nothing is held without it")
    func contextBefore() throws {
        let policy = try Fixture.policy([Fixture.token])
        let steps: [(feed: String, held: Int)] = [
            ("abcdefgh", 0), (" and ", 0), ("monkey abcdef", 0), ("gh. key", 0), (" ", 0), ("abc", 3), ("defgh", 8),
            (" ", 0), ("far from any such ", 0), ("ab/pass/", 1), ("abcd", 5), ("efgh.", 0),
        ]
        let stream = screener.stream(policy: policy)
        var output: [UInt8] = []
        for (piece, held) in steps {
            Array(piece.utf8).withUnsafeBufferPointer { stream.feed($0, to: &output) }
            #expect(stream.heldCount == held, "after \(piece.debugDescription)")
        }
        let text = "abcdefgh and monkey abcdefgh. key [redacted:secret.token] far from any such ab/pass/"
        #expect(String(decoding: output, as: UTF8.self).hasPrefix(text))
    }

    @Test("the beginning of a value that its name has announced is not let go between two texts, however short")
    func keepsAnnounced() throws {
        for (text, held) in [("key=z9y", 3), ("mon 411", 0)] {
            let stream = screener.stream(policy: try Fixture.policy([Fixture.assigned, Fixture.card]))
            var output: [UInt8] = []
            Array(text.utf8).withUnsafeBufferPointer { stream.feed($0, to: &output) }
            stream.beginNext(isSpaced: false, to: &output)
            #expect(stream.heldCount == 3)
            stream.letGo(bytesMax: 3, to: &output)
            #expect(stream.heldCount == held, "\(text)")
        }
    }

    @Test(
        "hostile megabytes are held back within a bound",
        arguments: [
            "1", "12", "e\u{301}\u{301}", "4\u{200B}", "a@b.co ", "-----BEGIN ", "sk-", "4\u{FE0F}\u{20E3}",
            "\u{FDFA}", "\u{20000}\u{2F800}", "4\u{E0041}", "4\u{0}\u{1E}",
        ])
    func hostile(_ unit: String) throws {
        let policy = try Fixture.policy()
        let text = Array(String(repeating: unit, count: (1 << 18) / unit.utf8.count).utf8)
        let stream = screener.stream(policy: policy)
        var output: [UInt8] = []
        var heldMax = 0
        var start = 0
        while start < text.count {
            var end = min(start + 1_000, text.count)
            while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
            text[start..<end].withUnsafeBufferPointer { stream.feed($0, to: &output) }
            heldMax = max(heldMax, stream.heldCount)
            start = end
        }
        stream.finish(to: &output)
        #expect(heldMax <= 128 * (policy.holdBackBytesMax + FilterRules.contextBytesMax))
        #expect(stream.decidedOffset == text.count)
        #expect(stream.findings.count <= 3 * FindingLog.findingsMax)
        let (_, redacted) = screener.screened(String(decoding: text, as: UTF8.self), policy)
        #expect(String(decoding: output, as: UTF8.self) == redacted)
    }

    @Test("many findings are redacted completely, though few are kept")
    func manyFindings() throws {
        let policy = try Fixture.policy([Fixture.mail])
        let text = String(repeating: "a@b.co, ", count: 5_000)
        let (screening, redacted) = screener.screened(text, policy)
        #expect(screening.findings.count == FindingLog.findingsMax)
        #expect(screener.redactions.count == 5_000)
        #expect(redacted == String(repeating: "[redacted:pii.mail], ", count: 5_000))
        #expect(screener.streamed(text, policy).output == redacted)
    }
}

@Suite("Rules that cannot be used")
struct RuleRefusalTests {
    @Test(
        "are all named with a reason",
        arguments: [
            ("a*b", "no maximal width"), ("(a", "not closed"), ("a)", "closes nothing"), ("a?", "empty text"),
            ("(?=a)b", "look-around"), ("(?<!a)b", "look-around"), (#"(a)\1"#, "not supported"),
            ("a{3000}", "at most 2048"),
            ("a{5,2}", "is empty"), ("[a", "not closed"), (#"\bжук\b"#, "ASCII letters only"),
            (#"\p{L}"#, "not supported"),
            ("+a", "follows nothing"), ("a{x}", "begins a repeat"),
            ("a" + String(repeating: "{4096}", count: 6), "at most 2048"),
            ("a{1048576,}{1048576,}{1048576,}{1048576,}", "no maximal width"),
            ("a" + String(repeating: "{0,1}", count: 10_000), "stand in a row"),
        ])
    func refusals(_ pattern: String, _ reason: String) {
        let rules = [pattern, "fine", pattern].enumerated().map {
            Rule(id: "r\($0.offset)", category: Category("c"), pattern: $0.element)
        }
        do {
            _ = try FilterRules(rules)
            Issue.record("\(pattern) was taken")
        } catch {
            #expect(error.problems.map(\.rule) == ["r0", "r2"])
            #expect(error.problems.allSatisfy { $0.reason.contains(reason) }, "\(error)")
        }
    }

    @Test("none is taken while texts can't be normalised")
    func notReady() throws {
        let error = try #require(throws: FilterError.self) { try FilterRules([Fixture.card], canNormalise: false) }
        #expect(error.description.contains("ICU"))
        _ = try FilterRules([Fixture.card], canNormalise: true)
    }

    @Test("context words that fit in no place where they are looked for are refused")
    func longContext() throws {
        var rule = Fixture.account
        rule.contextBytes = "account".utf8.count
        _ = try FilterRules([rule])
        rule.contextBytes -= 1
        let error = try #require(throws: FilterError.self) { try FilterRules([rule]) }
        #expect(error.description.contains("a context word has 7 bytes"))
    }

    @Test("wide patterns may flag, and redact prompts, but not a streamed completion")
    func wide() throws {
        let rules = try FilterRules([Rule(id: "wide", category: Category("c"), pattern: "a[bc]{1,600}d")])
        for verdict in [Verdict.redact, .block] {
            _ = try FilterPolicy(rules) { _, side in Enforcement(side == .prompt ? verdict : .flag) }
            #expect(throws: FilterError.self) { try FilterPolicy(rules) { _, _ in Enforcement(verdict) } }
            _ = try FilterPolicy(rules, holdBackBytesMax: 1_024) { _, _ in Enforcement(verdict) }
        }
    }
}

extension Collection<UInt8> {
    fileprivate var text: String { String(decoding: Array(self), as: UTF8.self) }
}
