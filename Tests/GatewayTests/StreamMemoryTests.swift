import Filtering
import Testing

@testable import Gateway

/// What a stream may make the gateway keep.
@Suite("Memory of a stream")
struct StreamMemoryTests {
    private func call(_ choice: Int, _ number: Int) -> String {
        chunk(#"{"tool_calls":[{"index":\#(number),"function":{"arguments":"4"}}]}"#, index: choice)
    }

    @Test("has a bound on texts, all choices together")
    func boundsTexts() throws {
        let bench = try Bench()
        var terms = bench.terms(.chatCompletions, choices: 8)
        terms.textsMax = 24
        var stream = CompletionStream(terms)
        _ = try bench.relay((0..<24).map { call($0 % 8, $0 / 8) }.joined(), &stream)
        // Texts that are open go on.
        _ = try bench.relay((0..<24).map { call($0 % 8, $0 / 8) }.joined(), &stream)
        #expect(throws: UpstreamFailure.malformed("more texts than an answer can have")) {
            try bench.relay(call(3, 3), &stream)
        }
    }

    @Test("has room for thoughts, words and a tool call of as many choices as can be asked for")
    func hasRoom() throws {
        let bench = try Bench()
        var stream = bench.stream(choices: 128)
        for choice in 0..<128 {
            let call = #"{"function":{"name":"find","arguments":"{"}}"#
            let delta = #"{"reasoning_content":"So","content":"Hm","tool_calls":[\#(call)]}"#
            _ = try bench.relay(chunk(delta, index: choice), &stream)
        }
    }

    @Test("forgets what was taken out of a text that has no log-probabilities, however long it is")
    func forgetsRedactions() throws {
        let bench = try Bench()
        let channel = StreamChannel(
            isJSON: false, screen: bench.screener.stream(side: .completion, policy: bench.policy))
        let piece = Array("Card \(Bench.card). ".utf8)
        for _ in 0..<1_000 {
            var output: [UInt8] = []
            piece.withUnsafeBufferPointer { channel.feed($0, to: &output) }
            #expect(String(decoding: output, as: UTF8.self) == "Card [redacted:pii.card]. ")
            #expect(channel.screen.redactions.isEmpty)
        }
        #expect(!channel.isClean)
    }
}
