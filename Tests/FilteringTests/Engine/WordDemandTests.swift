import Testing

@testable import Filtering

@Suite("The words that a pattern demands")
struct WordDemandTests {
    private func demand(_ pattern: String, _ view: Rule.View = .normalised, ignoresCase: Bool = false) throws
        -> [[String]]
    {
        let read = try PatternParser.parse(
            pattern, folding: .init(view: CodePointView(view), ignoresCase: ignoresCase))
        return WordDemand(of: read, view)?.sets.map { $0.map { String(decoding: $0, as: UTF8.self) }.sorted() } ?? []
    }

    @Test(
        "stand in every match, spelt as in a skeleton",
        arguments: [
            (#"\bghp_[A-Za-z0-9]{36}\b"#, [[" ghp_"]]), (#"xKey10[a-z]{3}"#, [["xkeylo"]]),
            (#"(?:frobnicate|quux) it"#, [["frobnicate", "quux"]]),
            // Of what may be left out, nothing is told; what is repeated is there once.
            (#"(?:maybe )?zebra[0-9]{3}"#, [["zebra"]]), (#"(?:zebra ){2,9}[0-9]"#, [["zebra "]]),
            // What stands beside short words tells them from parts of longer ones.
            (#"[0-9]\bvx\b[0-9]"#, [[" vx "]]),
            // In one that the other doesn't overlap.
            (#"zebra[0-9]{3}quagga"#, [["quagga"], ["zebra"]]),
        ])
    func words(_ pattern: String, expected: [[String]]) throws {
        let found = try demand(pattern)
        #expect(Set(found.map(Set.init)) == Set(expected.map(Set.init)))
    }

    @Test(
        "are none where a match may have no word, or one that may be a number",
        arguments: [
            #"[0-9]{4}-[0-9]{4}"#, #"[a-z]{8}"#, #"zebra|[a-z]{8}"#, #"(?:zebra)?[0-9]"#, "10011001",
        ])
    func none(_ pattern: String) throws {
        #expect(try demand(pattern) == [])
    }

    @Test("are a letter longer where short ones are")
    func short() throws {
        let words = try #require(try demand("pwd[a-z]").first)
        #expect(words.count == 36 && words.allSatisfy { $0.hasSuffix("pwd") && $0.utf8.count == 4 })
    }

    @Test("are no bars in the normalised view, in which one is no letter")
    func bar() throws {
        #expect(try demand(#"<\|zebra\|>"#) == [["  zebra  "]])
        #expect(try demand("ze|bra", .skeleton) == [])
    }

    @Test("of context begin behind no letter")
    func context() throws {
        let words = try #require(WordDemand(context: [Array("nhs".utf8), Array("steuer".utf8)])?.sets.first)
        let texts = words.map { String(decoding: $0, as: UTF8.self) }
        #expect(texts.contains("steuer") && texts.contains(" nhs") && texts.contains("9nhs") && texts.contains("onhs"))
        #expect(!texts.contains("anhs") && texts.count == 13)
        #expect(WordDemand(context: [Array("cf".utf8)]) == nil)
        #expect(WordDemand(context: []) == nil)
    }

    /// Catches rules that every text would be searched for though they have a word, which takes most of the time.
    @Test("keep nearly all of the shipped rules from ordinary texts")
    func shipped() throws {
        let rules = try ShippedRules.compiled().compiled
        let others = rules.filter { $0.words == nil && $0.contextWords == nil && $0.gate == .open }.map(\.rule.id)
        #expect(Set(others) == ["pii/it-codice-fiscale"])
        #expect(rules.filter { $0.rule.view == .skeleton && $0.words == nil }.isEmpty)
    }
}

@Suite("A look for words")
struct WordHitsTests {
    private static let demand = Result {
        try PatternParser.parse(
            #"\bzebra\b|quagga_[0-9]"#, folding: .init(view: CodePointView(.normalised), ignoresCase: false))
    }

    private func opened(_ text: String, _ search: WordSearch, _ hits: WordHits) -> Bool {
        hits.begin(search)
        Array(text.utf8).withUnsafeBufferPointer { _ = hits.look(in: $0, for: search, barIsLetter: false) }
        return hits.isOpen(0)
    }

    /// Catches a word at an edge of the text or of what is looked at in one go, and one left from the text before.
    @Test("sees them wherever they stand")
    func places() throws {
        let demand = try #require(WordDemand(of: try Self.demand.get(), .normalised))
        let search = WordSearch([.init(demand: demand, target: 0, reach: 20, isNear: false)], targetCount: 1)
        let hits = WordHits()
        for before in 0..<40 {
            for after in 0..<20 {
                func text(_ word: String) -> String {
                    String(repeating: "-", count: before) + word + String(repeating: "-", count: after)
                }
                for word in ["zebra", "ZEBRA", "quagga_", "QuaGGa_"] { #expect(opened(text(word), search, hits)) }
                for word in ["", "zebr", "ebra", "quagga-", "xzebra", "zebras", "-ebra-"] {
                    #expect(!opened(text(word), search, hits), "\(word)")
                }
            }
        }
    }

    @Test("sees two only where they are near, in whatever order")
    func two() throws {
        let pattern = try PatternParser.parse(
            "zebra[0-9]{3}quagga", folding: .init(view: CodePointView(.normalised), ignoresCase: false))
        let demand = try #require(WordDemand(of: pattern, .normalised))
        let search = WordSearch([.init(demand: demand, target: 0, reach: 20, isNear: true)], targetCount: 1)
        let hits = WordHits()
        for gap in 0..<40 {
            let blanks = String(repeating: ".", count: gap)
            #expect(opened("zebra\(blanks)quagga", search, hits) == (gap + 6 <= 20))
            #expect(opened("..quagga\(blanks)zebra..", search, hits) == (gap + 5 <= 20))
            #expect(hits.stretches.isEmpty == (gap + 5 > 20))
        }
        #expect(!opened("zebra zebra zebra", search, hits))
        // Other rules' targets are other ones.
        #expect(opened("zebra quagga", search, hits))
        hits.begin(WordSearch([], targetCount: 0))
        #expect(hits.stretches.isEmpty && hits.opened.isEmpty)
    }

    @Test("is a look for long runs too", arguments: 0..<40 as Range<UInt64>)
    func longRuns(_ seed: UInt64) {
        var random = Seeded(state: seed)
        for _ in 0..<200 {
            let text = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                Int.random(in: 0..<14, using: &random) == 0 ? 0x20 : UInt8.random(in: 0...255, using: &random)
            }
            let longest = text.split(separator: 0x20).map(\.count).max() ?? 0
            #expect(text.withUnsafeBufferPointer(LongRun.isFound) == (longest >= LongRun.bytesMin), "\(text)")
        }
    }
}
