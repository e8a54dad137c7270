import Testing

@testable import Gateway

@Suite("Requests, read by us and by llhttp")
struct RequestDifferentialTests {
    @Test("every well-formed request is read, and read alike", arguments: 0..<UInt64(4))
    func readsWellFormed(seed: UInt64) {
        var writer = WireWriter(seed: seed, twists: 0)
        for _ in 0..<1_000 {
            let bytes = writer.requests()
            let pieces = writer.random.split(bytes)
            let comparison = Comparison(ours: .ours(requests: pieces), theirs: .nio(requests: [bytes[...]]))
            #expect(comparison.ours.refusal == nil, "\(bytes.legible)")
            #expect(comparison.theirs.refusal == nil, "\(bytes.legible)")
            #expect(comparison.danger == nil, "\(bytes.legible)")
            guard comparison.ours.messages.count == comparison.theirs.messages.count else {
                Issue.record("another number of messages: \(bytes.legible)")
                return
            }
        }
    }

    @Test("nothing is accepted that llhttp refuses or reads otherwise", arguments: 0..<UInt64(8))
    func smugglesNothing(seed: UInt64) {
        var writer = WireWriter(seed: 100 + seed, twists: 4)
        var strictness: [String: [UInt8]] = [:]
        var dangers: [String: [UInt8]] = [:]
        for _ in 0..<1_000 {
            var bytes = writer.requests()
            if writer.random.chance(40) { writer.random.mutate(&bytes) }
            let pieces = writer.random.split(bytes)
            let comparison = Comparison(ours: .ours(requests: pieces), theirs: .nio(requests: pieces))
            if let danger = comparison.danger { dangers[danger] = bytes }
            if let reason = comparison.strictness { strictness[reason] = bytes }
        }
        for (danger, bytes) in dangers { Issue.record("\(danger): \(bytes.legible)") }
        for (reason, bytes) in strictness where !Self.reasons.contains(reason) {
            Issue.record("stricter than llhttp for an unknown reason, \(reason): \(bytes.legible)")
        }
    }

    @Test(
        "what llhttp refuses for good reason is refused by us too",
        arguments: [
            "Content-Length: 1\t\r\n\r\na", "Transfer-Encoding: chunked\t\r\n\r\n1\r\na\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked \t \r\n\r\n1\r\na\r\n0\r\n\r\n", "1 \r\na\r\n0\r\n\r\n",
            "1\t\r\na\r\n0\r\n\r\n", "1 ;a\r\na\r\n0\r\n\r\n", "1; a\r\na\r\n0\r\n\r\n", "1;\r\na\r\n0\r\n\r\n",
            "1;a=b c\r\na\r\n0\r\n\r\n", "1;a=\"b\r\na\r\n0\r\n\r\n", "1;a=\"b\"c\r\na\r\n0\r\n\r\n",
            "1\r\na\r\n0 \r\n\r\n", "1\r\na\r\n0\r\nGET / HTTP/1.1\r\n\r\n", "1\r\na\r\n0\r\nA : b\r\n\r\n",
            "1\r\na\r\n0\r\n A: b\r\n\r\n", "1\r\na\r\n0\r\n: b\r\n\r\n", "1\r\na\r\n0\r\nA: b\rc\r\n\r\n",
            "1\r\na\r\n0\r\nA: \0\r\n\r\n",
        ])
    func refusesBoth(_ end: String) {
        let isBody = end.utf8.first == 0x31
        let start = "POST / HTTP/1.1\r\nHost: h\r\n" + (isBody ? "Transfer-Encoding: chunked\r\n\r\n" : "")
        let bytes = Array((start + end).utf8)
        #expect(Reading.nio(requests: [bytes[...]]).refusal != nil)
        #expect(Reading.ours(requests: [bytes[...]]).refusal != nil)
    }

    /// Why we refuse what llhttp accepts.
    private static let reasons: Set<String> = [
        // llhttp skips single CR and LF before a start line, and any number of both.
        "a bare CR", "a line that ends in LF without CR", "too many empty lines before it",
        // It reads numbers up to 2^64, and noughts before them without end; we 15 digits of a chunk, 18 of a length.
        "a chunk size that is no number", "a content-length that is not one decimal number",
        // It takes `;;` and `;=`.
        "a malformed chunk extension",
        // It leaves other codings before or without `chunked` to whoever is behind it.
        "a transfer coding other than chunked", "a transfer-encoding that cannot be trusted",
        // It takes several spaces before the version, and needs no host.
        "a target with a space or control", "no host field, or more than one",
    ]
}
