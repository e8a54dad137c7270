import Testing

@testable import Filtering

/// A stream is searched for everything, always; a whole text only for what may stand in it.
@Suite("A search of a whole text")
struct WholeSearchTests {
    private static let shipped = Result {
        try FilterPolicy(ShippedRules.compiled(), holdBackBytesMax: FilterRules.widthMax) { _, _ in Enforcement(.flag) }
    }

    /// What writers do with words, so that they are read all the same or stand at an edge.
    private static let disguises: [(name: String, write: @Sendable (String) -> String)] = [
        ("plain", { $0 }), ("upper case", { $0.uppercased() }), ("lower case", { $0.lowercased() }),
        ("bars", { "|" + $0 + "|" }), ("underscores", { "_" + $0 + "_" }), ("digits", { "7" + $0 + "7" }),
        ("skeleton", { $0.replacing("o", with: "0").replacing("l", with: "|").replacing("i", with: "1") }),
        ("bars for i", { $0.replacing("l", with: "1") }), ("tabs", { $0.replacing(" ", with: "\t") }),
        ("two blanks", { $0.replacing(" ", with: "  ") }), ("lines", { $0.replacing(" ", with: "\n") }),
        (
            "far in",
            { String(repeating: "Nothing to see. ", count: 150) + $0 + " " + String(repeating: "Or here. ", count: 90) }
        ),
        ("twice", { $0 + " " + $0 }), ("zero width", { $0.replacing("e", with: "e\u{200B}") }),
        ("look-alikes", { $0.replacing("a", with: "а").replacing("e", with: "е") }), ("wide", { $0 + "！" }),
    ]

    /// Catches a rule whose words are read wrongly from its pattern, or that its words do not open.
    @Test("finds what a stream finds in the examples of every shipped rule", arguments: disguises.indices)
    func examples(_ disguise: Int) throws {
        let (policy, screener) = (try Self.shipped.get(), Screener())
        for rule in policy.rules.rules {
            for example in rule.matches + rule.nonMatches {
                let text = Self.disguises[disguise].write(example)
                let whole = screener.screened(text, policy).0
                #expect(
                    whole.findings == screener.streamed(text, policy).findings,
                    "\(rule.id), \(Self.disguises[disguise].name): \(text.debugDescription)")
            }
        }
    }

    /// Catches words of context that are looked for in the text of a match only, and matches near a break.
    @Test("finds the same in each of several texts, with words of context beside it")
    func severalTexts() throws {
        let (policy, screener) = (try Self.shipped.get(), Screener())
        for rule in policy.rules.rules where !rule.context.isEmpty {
            for example in rule.matches {
                for cut in Self.cuts(of: example) {
                    let texts = ["Good day.", String(example[..<cut]), String(example[cut...]), "So long."]
                    for other in ["", "é"] {
                        var (bytes, breaks): ([UInt8], [TextBreak]) = ([], [])
                        for text in texts + [other] {
                            bytes += Array(text.utf8)
                            breaks.append(TextBreak(end: bytes.count, endsSection: false))
                            bytes.append(TextBreak.separator)
                        }
                        let findings = bytes.withUnsafeBufferPointer {
                            screener.screen($0, breaks, side: .completion, policy: policy).findings
                        }
                        // What is not plain ASCII goes on by pieces.
                        let slices = screener.slices(of: bytes, breaks, side: .completion, policy: policy)
                        while slices.goOn() {}
                        #expect(findings == slices.finish().findings, "\(rule.id): \(texts)")
                    }
                }
            }
        }
    }

    private static func cuts(of text: String) -> [String.Index] {
        text.indices.filter { text[$0] == " " || text[$0] == ":" || text[$0] == "=" }.map { text.index(after: $0) }
    }

    /// Catches a stretch that is cut too near to the words it was searched for by.
    @Test("finds the same in words of all rules thrown together", arguments: 0..<12 as Range<UInt64>)
    func thrownTogether(_ seed: UInt64) throws {
        let (policy, screener) = (try Self.shipped.get(), Screener())
        var random = Seeded(state: seed &+ 7_000)
        let words = policy.rules.rules.flatMap(\.matches).flatMap { $0.split(separator: " ") }
        for _ in 0..<40 {
            let text = (0..<Int.random(in: 5...120, using: &random)).map { _ in
                words.randomElement(using: &random) ?? ""
            }.joined(separator: " ")
            let whole = screener.screened(text, policy).0
            let bytes = Array(text.utf8)
            let size = [3, 7, 64, 500, bytes.count].randomElement(using: &random) ?? 1
            let pieces = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            let streamed = screener.streamed(text.utf8.allSatisfy { $0 < 0x80 } ? pieces : [bytes], policy)
            #expect(whole.findings == streamed.findings, "\(size): \(text.debugDescription)")
        }
    }
}
