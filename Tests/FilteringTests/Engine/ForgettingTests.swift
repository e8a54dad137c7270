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

    @Test("a text that has ended keeps what was found and nothing to go on with", arguments: [true, false])
    func letsGo(isBlocked: Bool) throws {
        let stream = Screener().stream(policy: try Fixture.policy())
        var output: [UInt8] = []
        func feed(_ text: String) { Array(text.utf8).withUnsafeBufferPointer { stream.feed($0, to: &output) } }
        feed("Cards 41111111" + "11111111 and ")
        #expect(!stream.scan.lanes.isEmpty)
        if isBlocked {
            feed("-----BEGIN PRIVATE KEY-----")
            #expect(stream.isBlocked)
        } else {
            stream.finish(to: &output)
        }
        let (findings, count) = (stream.findings, output.count)
        #expect(stream.scan.lanes.isEmpty && stream.heldCount == 0)
        // What comes too late does not go by unread.
        feed("more 41111111" + "11111111")
        stream.finish(to: &output)
        #expect(output.count == count && stream.findings == findings && !findings.isEmpty)
    }
}
