import Testing

@testable import Filtering

@Suite("Screening a text")
struct EngineTests {
    let screener = Screener()

    @Test(
        "a card number is redacted however it is written",
        arguments: [
            "4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "４１１１１１１１１１１１１１１１",
            "4\u{200B}1\u{200C}1\u{200D}1\u{2060}1\u{FEFF}1\u{00AD}1\u{202E}111111111", "٤١١١١١١١١١١١١١١١",
            "4111\u{2013}1111\u{2010}1111\u{2212}1111", "4111\u{00A0}1111\u{3000}1111\u{2009}1111",
            "𝟒𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏", "4̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1",
            "4\u{0}1\u{1}1\u{8}1\u{E}1\u{1B}1\u{1E}1\u{1F}1\u{7F}1\u{80}1\u{9F}111111",
            "4\u{E0041}1\u{E0031}1\u{E007F}1\u{E0001}1\u{E0020}1\u{E0131}1\u{FE0F}1\u{E0100}11111111",
        ])
    func writtenOtherwise(_ number: String) throws {
        let policy = try Fixture.policy()
        let (screening, redacted) = screener.screened("Pay with \(number) now", policy)
        #expect(redacted == "Pay with [redacted:pii.card] now")
        #expect(screening.verdict == .redact)
        #expect(screening.findings.map(\.range) == [9..<9 + number.utf8.count])
        #expect(screener.streamed("Pay with \(number) now", policy).output == redacted)
    }

    @Test("every length of card number is taken as a whole", arguments: 12...18)
    func lengths(_ length: Int) throws {
        let rule = Rule(id: "n", category: Category("n"), pattern: #"\b\d{13,19}\b"#)
        let policy = try Fixture.policy([rule])
        let number = cardNumber(String("4539578763621486000".prefix(length)))
        #expect(screener.screened("<\(number)>", policy).1 == "<[redacted:n]>")
        #expect(screener.streamed(number.utf8.map { [$0] }, policy).output == "[redacted:n]")
    }

    @Test(
        "a keyword is found in look-alikes",
        arguments: ["paypal", "PAYPAL", "pаураl", "p\u{200B}aypal", "paypa1", "ｐａｙｐａｌ", "𝐩𝐚𝐲𝐩𝐚𝐥", "páypäl"])
    func homoglyphs(_ word: String) throws {
        let policy = try Fixture.policy()
        #expect(screener.screened("see \(word).com", policy).0.findings.map(\.rule) == ["word/paypal"])
        #expect(screener.screened("see \(word)s.com", policy).0.findings.isEmpty)
    }

    @Test("hidden ASCII in tags and variation selectors is seen")
    func smuggling() throws {
        let policy = try Fixture.policy()
        let tags = Fixture.tags("paypal")
        let selectors = String(
            String.UnicodeScalarView("paypal".unicodeScalars.compactMap { Unicode.Scalar($0.value + 0xE0100 - 16) }))
        for hidden in [tags, selectors] {
            #expect(screener.screened("😀 \(hidden) ok", policy).0.findings.map(\.rule) == ["word/paypal"])
        }
    }

    @Test("a number that is hidden itself is taken out with what hides it, and nothing before it")
    func hiddenNumber() throws {
        let policy = try Fixture.policy()
        let hidden = Fixture.tags("4111111111111111")
        let text = "All is well. 4111 \(hidden) and 4111 1111 1111 1111."
        let redacted = "All is well. 4111 [redacted:pii.card] and [redacted:pii.card]."
        #expect(screener.screened(text, policy).1 == redacted)
        #expect(screener.streamed(text.unicodeScalars.map { Array(String($0).utf8) }, policy).output == redacted)
        let long = String(repeating: "Prose. ", count: 5_000) + text + String(repeating: " 4111", count: 5_000)
        #expect(screener.screened(long, policy).1 == long.replacing(text, with: redacted))
    }

    @Test("what is hidden goes on with what stands before it, for numbers and for words of context")
    func hiddenRest() throws {
        let policy = try Fixture.policy()
        let texts = [
            ("Pay 4111 1111 1111 \(Fixture.tags("1111")) now.", "Pay [redacted:pii.card] now."),
            ("My account is \(Fixture.tags("12345678")) here.", "My account is [redacted:pii.account] here."),
            ("\(Fixture.tags("12345678")) is my account.", "[redacted:pii.account] is my account."),
        ]
        for (text, redacted) in texts {
            #expect(screener.screened(text, policy).1 == redacted)
            #expect(screener.streamed(text.unicodeScalars.map { Array(String($0).utf8) }, policy).output == redacted)
        }
    }

    @Test("white space parts words also where it is a control character")
    func controlSpace() throws {
        let policy = try Fixture.policy()
        for space in ["\t", "\n", "\u{B}", "\u{C}", "\r", "\u{85}", "\u{2028}"] {
            #expect(screener.screened("see\(space)paypal", policy).0.findings.map(\.rule) == ["word/paypal"])
        }
        #expect(screener.screened("seepay\u{0}pal", policy).0.findings.isEmpty)
        #expect(screener.screened("see pay\u{0}pal", policy).0.findings.map(\.range) == [4..<11])
    }

    @Test("overlapping findings leave one marker")
    func overlaps() throws {
        let rules = [("a", "abcdef"), ("b", "defghi"), ("c", "xyz")].map {
            Rule(id: $0.0, category: Category($0.0), pattern: $0.1)
        }
        let policy = try Fixture.policy(rules)
        #expect(screener.screened("_abcdefghi_xyzxyz_", policy).1 == "_[redacted:a]_[redacted:c]_")
        for cut in 0...18 {
            #expect(
                screener.streamed(pieces("_abcdefghi_xyzxyz_", at: [cut]), policy).output
                    == "_[redacted:a]_[redacted:c]_")
        }
    }

    @Test("prompts and completions have their own verdicts")
    func sides() throws {
        let rules = try FilterRules(Fixture.all)
        let policy = try FilterPolicy(rules) { rule, side in
            Enforcement(side == .prompt ? .allow : .block, clause: side == .prompt ? nil : "4.2")
        }
        #expect(screener.screened("4111111111111111", policy, .prompt).0 == Screening())
        let (screening, _) = screener.screened("4111111111111111", policy, .completion)
        #expect(screening.verdict == .block)
        #expect(screening.findings.map(\.clause) == ["4.2"])
    }

    @Test("a reloaded policy is followed at once, while old streams keep theirs")
    func reload() throws {
        let old = try Fixture.policy([Fixture.card])
        let stream = screener.stream(policy: old)
        var output: [UInt8] = []
        Array("4111 1111 ".utf8).withUnsafeBufferPointer { stream.feed($0, to: &output) }
        for index in 0..<20 {
            let word = Rule(id: "w\(index)", category: Category("w"), pattern: "secret\(index)")
            #expect(screener.screened("secret\(index)", try Fixture.policy([word])).1 == "[redacted:w]")
        }
        Array("1111 1111!".utf8).withUnsafeBufferPointer { stream.feed($0, to: &output) }
        stream.finish(to: &output)
        #expect(String(decoding: output, as: UTF8.self) == "[redacted:pii.card]!")
    }

    @Test("logprobs can follow: released and redacted ranges cover all that is decided")
    func offsets() throws {
        let policy = try Fixture.policy()
        let text = "Card 4111 1111 1111 1111, mail joe@example.com, done."
        let stream = screener.stream(policy: policy)
        var output: [UInt8] = []
        for (offset, byte) in text.utf8.enumerated() {
            [byte].withUnsafeBufferPointer { stream.feed($0, to: &output) }
            #expect(stream.decidedOffset + stream.heldCount == offset + 1)
            #expect(stream.redactions.allSatisfy { $0.upperBound <= stream.decidedOffset })
        }
        stream.finish(to: &output)
        #expect(stream.decidedOffset == text.utf8.count)
        #expect(stream.redactions == [5..<24, 31..<46])
    }
}
