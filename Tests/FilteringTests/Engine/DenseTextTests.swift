import Testing

@testable import Filtering

/// Text in which nearly every byte belongs to a finding, with the shipped rules.
@Suite("Text full of findings")
struct DenseTextTests {
    static let policy = Result {
        try FilterPolicy(ShippedRules.compiled()) { rule, _ in
            Enforcement(
                ["pii.card", "pii.national_id", "secret.api_key"].contains(rule.category.rawValue) ? .redact : .flag)
        }
    }

    @Test(
        "takes time in proportion to its length, prompt or stream",
        arguments: [
            "4111 1111 1111 1111\n", "1 ", "123 ", "SSN 219-09-9998, ", "password: Tr0ub4dor+3 ",
            "api_key=zq81mv90xk37wb52tn64 ", "secret: \(String(repeating: "9f4a7c2b5d8e1f6a", count: 8)) ", "a@b.co, ",
            "4\u{E0041}111 1111 1111 1111 ",
        ])
    func isLinear(_ unit: String) throws {
        let policy = try Self.policy.get()
        let screener = Screener()
        // The first text makes what later ones find made.
        func text(_ bytes: Int) -> [UInt8] { Array(String(repeating: unit, count: bytes / unit.utf8.count).utf8) }
        // None is so long that it is scanned in another way than the others.
        func times(_ screen: ([UInt8]) -> Void) -> [Int] {
            [2_000, 10_000, 30_000].map { bytes in
                let text = text(bytes)
                return threadTime { screen(text) }
            }
        }
        let prompts = times { text in
            text.withUnsafeBufferPointer { _ = screener.screen($0, side: .prompt, policy: policy) }
        }
        let streams = times { text in
            let stream = screener.stream(policy: policy)
            var output: [UInt8] = []
            for start in stride(from: 0, to: text.count, by: 512) {
                text[start..<min(start + 512, text.count)].withUnsafeBufferPointer { stream.feed($0, to: &output) }
            }
            stream.finish(to: &output)
        }
        // Three times the text; nine times the time would be one that grows with the square.
        #expect(prompts[2] < 6 * prompts[1])
        #expect(streams[2] < 6 * streams[1])
    }
}
