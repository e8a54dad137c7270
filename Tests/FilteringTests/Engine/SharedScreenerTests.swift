import Testing

@testable import Filtering

@Suite("One screener for two policies, as after a reload")
struct SharedScreenerTests {
    private let screener = Screener()

    private func redacted(_ text: String, in stream: StreamScreen) -> String {
        var output: [UInt8] = []
        Array(text.utf8).withUnsafeBufferPointer { stream.feed($0, to: &output) }
        return String(decoding: output, as: UTF8.self)
    }

    @Test("streams under old and new rules, piece by piece beside each other, each keep to their own")
    func beside() throws {
        let (old, new) = (try Fixture.policy([Fixture.card]), try Fixture.policy([Fixture.key]))
        let streams = [screener.stream(policy: old), screener.stream(policy: new)]
        var outputs = ["", ""]
        let text = "Card 4111 1111 1111 1111 and key sk-abcdefghijklmnopqrstuvwx, both. "
        for letter in text {
            for (index, stream) in streams.enumerated() { outputs[index] += redacted(String(letter), in: stream) }
        }
        #expect(outputs[0].contains("[redacted:") && outputs[0].contains("sk-abc"))
        #expect(outputs[1].contains("4111 1111 1111 1111"))
    }

    @Test("nothing of a policy stays once it is forgotten")
    func forgets() throws {
        weak var rules: FilterRules?
        let kept = try Fixture.policy([Fixture.card])
        do {
            let old = try Fixture.policy([Fixture.card])
            rules = old.rules
            let stream = screener.stream(policy: old)
            #expect(redacted("4111 1111 1111 1111, ", in: stream).contains("[redacted:"))
        }
        #expect(rules != nil)
        screener.forget(allBut: [kept])
        #expect(rules == nil)
        #expect(redacted("4111 1111 1111 1111, ", in: screener.stream(policy: kept)).contains("[redacted:"))
    }
}
