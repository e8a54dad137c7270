import Testing

@testable import Filtering

@Suite("Forgetting what was redacted")
struct ForgettingTests {
    @Test("what is forgotten changes neither the text nor what is said of later redactions", arguments: 1...20)
    func changesNothing(size: Int) throws {
        let policy = try Fixture.policy()
        let card = "41111111" + "11111111"
        let text = Array(String(repeating: "Cards \(card), \(card)\(card) and mail to a@example.com. ", count: 5).utf8)
        let screener = Screener()
        let (forgetful, other) = (screener.stream(policy: policy), screener.stream(policy: policy))
        var (output, expected): ([UInt8], [UInt8]) = ([], [])
        #expect(!forgetful.hasRedacted)
        for start in stride(from: 0, to: text.count, by: size) {
            let before = forgetful.decidedOffset
            text[start..<min(start + size, text.count)].withUnsafeBufferPointer { piece in
                forgetful.feed(piece, to: &output)
                other.feed(piece, to: &expected)
            }
            // Of what has just been decided, both say the same.
            func said(_ stream: StreamScreen) -> [Int] {
                (before..<stream.decidedOffset).filter { offset in
                    stream.redactions.contains { $0.contains(offset) }
                }
            }
            #expect(said(forgetful) == said(other))
            forgetful.forgetRedactions(before: forgetful.decidedOffset)
            #expect(forgetful.redactions.isEmpty)
            #expect(forgetful.hasRedacted == !other.redactions.isEmpty)
        }
        forgetful.finish(to: &output)
        other.finish(to: &expected)
        #expect(output == expected)
        #expect(forgetful.findings == other.findings)
    }
}
