import Testing

@testable import Filtering

/// What came of several texts that readers lay end to end.
private struct Laid {
    /// By text.
    var outputs: [String] = []
    var areRedacted: [Bool] = []
    var rules: Set<String> = []
    var verdict = Verdict.allow
    var isBlocked = false
}

extension Screener {
    /// - Parameter texts: each in pieces.
    fileprivate func laid(_ texts: [[[UInt8]]], isSpaced: Bool, _ policy: FilterPolicy) -> Laid {
        let stream = stream(policy: policy)
        var laid = Laid()
        var rest: [UInt8] = []
        func take(_ output: [UInt8]) {
            var start = 0
            for end in stream.ended {
                laid.outputs.append(String(decoding: rest + output[start..<end.outputEnd], as: UTF8.self))
                laid.areRedacted.append(end.isRedacted)
                (rest, start) = ([], end.outputEnd)
            }
            rest += output[start...]
        }
        for text in texts {
            for piece in text {
                var output: [UInt8] = []
                piece.withUnsafeBufferPointer { stream.feed($0, to: &output) }
                take(output)
            }
            var output: [UInt8] = []
            stream.beginNext(isSpaced: isSpaced, to: &output)
            take(output)
        }
        var output: [UInt8] = []
        stream.finish(to: &output)
        take(output)
        if !rest.isEmpty { laid.outputs.append(String(decoding: rest, as: UTF8.self)) }
        laid.rules = Set(stream.findings.map(\.rule))
        laid.verdict = stream.verdict
        laid.isBlocked = stream.isBlocked
        return laid
    }
}

@Suite("Texts that readers lay end to end")
struct SeamTests {
    private static let mark = "█"

    /// What every reading takes out, text by text, each with a mark on its side of a seam; and all that any reading finds.
    private func expected(
        _ texts: [String], isSpaced: Bool, _ screener: Screener, _ policy: FilterPolicy
    ) -> (outputs: [String], rules: Set<String>) {
        let starts = texts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.utf8.count) }
        let bytes = Array(texts.joined().utf8)
        var isTaken = [Bool](repeating: false, count: bytes.count)
        var rules: Set<String> = []
        func read(_ text: String, place: (Int) -> Int) {
            let (screening, _) = screener.screened(text, policy)
            rules.formUnion(screening.findings.map(\.rule))
            for redaction in screener.redactions {
                let range = place(redaction.range.lowerBound)..<place(redaction.range.upperBound)
                for offset in range { isTaken[offset] = true }
            }
        }
        read(texts.joined()) { $0 }
        for (text, start) in zip(texts, starts) { read(text) { start + $0 } }
        if isSpaced {
            read(texts.joined(separator: " ")) { offset in
                var before = 0
                for (index, start) in starts.dropFirst().dropLast().enumerated() where offset > start + index {
                    before = index + 1
                }
                return offset - before
            }
        }
        let outputs = texts.indices.map { index in
            var output: [UInt8] = []
            for offset in starts[index]..<starts[index + 1] {
                if !isTaken[offset] {
                    output.append(bytes[offset])
                } else if offset == starts[index] || !isTaken[offset - 1] {
                    output += Array(Self.mark.utf8)
                }
            }
            return String(decoding: output, as: UTF8.self)
        }
        return (outputs, rules)
    }

    private func marked(_ text: String) -> String {
        // By code points: an accent may follow.
        text.replacing(/\[redacted:[a-z._]+\]/.matchingSemantics(.unicodeScalar), with: Self.mark)
    }

    private func isMarked(_ text: String) -> Bool { text.unicodeScalars.contains { String($0) == Self.mark } }

    /// Catches a reading that is left out, one that is dropped too early, a mark on the wrong side, and text that leaves
    /// before a reading has decided.
    @Test(
        "are judged by themselves and as one, however each is cut", arguments: 0..<60 as Range<UInt64>, [false, true])
    func everyReading(_ seed: UInt64, isSpaced: Bool) throws {
        var random = Seeded(state: seed &+ 9_000)
        let screener = Screener()
        let policies = try ChunkingTests.compiled.get()
        for policy in [policies[1], policies[3]] {
            for _ in 0..<12 {
                let texts = (0..<Int.random(in: 2...4, using: &random)).map { _ in
                    // Hidden text is read from its first character on, which differs from text to text.
                    let seen = ChunkingTests.randomText(&random).unicodeScalars.filter { $0.value >> 12 != 0xE0 }
                    return String(String.UnicodeScalarView(seen))
                }.filter { !$0.isEmpty }
                let cut = texts.map { text in
                    let count = text.unicodeScalars.count
                    return pieces(
                        text, at: (0..<3).map { _ in Int.random(in: 0...count, using: &random) }.sorted())
                }
                let laid = screener.laid(cut, isSpaced: isSpaced, policy)
                let expected = expected(texts, isSpaced: isSpaced, screener, policy)
                #expect(laid.outputs.map(marked) == expected.outputs, "\(texts)")
                #expect(laid.rules == expected.rules, "\(texts)")
                #expect(laid.areRedacted == expected.outputs.map(isMarked), "\(texts)")
            }
        }
    }

    @Test("hold a number at every two seams, and mark it on each side")
    func everySeam() throws {
        let screener = Screener()
        let policy = try Fixture.policy()
        let text = "No. \(ChunkingTests.number) ok"
        for first in 1..<text.count - 1 {
            for second in first + 1..<text.count {
                let cut = pieces(text, at: [first, second])
                let laid = screener.laid(cut.map { [$0] }, isSpaced: false, policy)
                #expect(laid.outputs.count == 3 && !laid.outputs.joined().contains(/[0-9]/), "\(first), \(second)")
                #expect(laid.verdict == .redact && laid.rules == ["pii/card"])
            }
        }
    }

    @Test("block where a seam parts what blocks")
    func blocks() throws {
        let screener = Screener()
        let policy = try Fixture.policy()
        let text = "-----BEGIN PRIVATE KEY-----"
        for cut in 1..<text.count {
            let laid = screener.laid(pieces(text, at: [cut]).map { [$0] }, isSpaced: false, policy)
            #expect(laid.isBlocked && laid.outputs.isEmpty, "cut at \(cut)")
        }
    }

    @Test("cost one reading again beyond the reach of the rules, and no more for many seams")
    func dropsReadings() throws {
        let screener = Screener()
        let policy = try Fixture.policy()
        let stream = screener.stream(policy: policy)
        var output: [UInt8] = []
        func feed(_ text: String) { Array(text.utf8).withUnsafeBufferPointer { stream.feed($0, to: &output) } }
        feed("a\u{E0041}b")
        let count = stream.scan.lanes.count
        for _ in 0..<100 {
            stream.beginNext(isSpaced: true, to: &output)
            feed("word")
            #expect(stream.scan.lanes.count <= 3 * count)
        }
        feed(String(repeating: "word ", count: 1_000))
        #expect(stream.scan.lanes.count == count)
    }

    @Test("leave at once where nothing can go on")
    func leavesAtOnce() throws {
        let screener = Screener()
        let stream = screener.stream(policy: try Fixture.policy([Fixture.card, Fixture.header]))
        for (text, waits) in [("One. ", false), ("Two 41", true), ("11", true), (" three", false)] {
            var output: [UInt8] = []
            Array(text.utf8).withUnsafeBufferPointer { stream.feed($0, to: &output) }
            stream.beginNext(isSpaced: false, to: &output)
            #expect((stream.heldCount > 0) == waits, "\(text)")
        }
    }
}
