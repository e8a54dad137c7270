import Testing

@testable import Gateway

@Suite("Upstream answers, read by us and by llhttp")
struct AnswerDifferentialTests {
    @Test("every well-formed answer is read, and read alike", arguments: 0..<UInt64(4))
    func readsWellFormed(seed: UInt64) {
        var writer = WireWriter(seed: seed, twists: 0)
        for _ in 0..<500 {
            let bytes = writer.answer()
            let pieces = writer.random.split(bytes)
            let comparison = Comparison(ours: .ours(answer: pieces), theirs: .nio(answer: [bytes[...]]))
            #expect(comparison.ours.refusal == nil, "\(bytes.legible)")
            #expect(comparison.danger == nil, "\(bytes.legible)")
            #expect(comparison.ours.messages.last?.isComplete == true, "\(bytes.legible)")
        }
    }

    @Test("nothing is accepted that llhttp refuses or reads otherwise", arguments: 0..<UInt64(8))
    func desynchronizesNothing(seed: UInt64) {
        var writer = WireWriter(seed: 200 + seed, twists: 4)
        var strictness: [String: [UInt8]] = [:]
        var dangers: [String: [UInt8]] = [:]
        for _ in 0..<600 {
            var bytes = writer.answer()
            if writer.random.chance(40) { writer.random.mutate(&bytes) }
            let pieces = writer.random.split(bytes)
            let comparison = Comparison(ours: .ours(answer: pieces), theirs: .nio(answer: pieces))
            if let danger = comparison.danger { dangers[danger] = bytes }
            if let reason = comparison.strictness { strictness[reason] = bytes }
        }
        for (danger, bytes) in dangers { Issue.record("\(danger): \(bytes.legible)") }
        for (reason, bytes) in strictness where !Self.reasons.contains(reason) {
            Issue.record("stricter than llhttp for an unknown reason, \(reason): \(bytes.legible)")
        }
    }

    @Test(
        "an answer that contradicts itself is refused, also where it has no body",
        arguments: ["100 Continue", "204 No Content", "304 Not Modified", "200 OK"],
        ["Content-Length: 5\r\nContent-Length: 7\r\n", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"])
    func refusesContradiction(status: String, fields: String) {
        let bytes = Array("HTTP/1.1 \(status)\r\n\(fields)\r\n".utf8)
        #expect(Reading.nio(answer: [bytes[...]]).refusal != nil)
        #expect(Reading.ours(answer: [bytes[...]]).refusal != nil)
    }

    @Test(
        "what follows a switch of protocols, or an interim answer in HTTP/1.0, is not read as the answer",
        arguments: ["HTTP/1.1 101 Switching Protocols", "HTTP/1.0 100 Continue"])
    func refusesInterim(line: String) {
        let bytes = Array("\(line)\r\n\r\nHTTP/1.1 200 OK\r\n\r\n".utf8)
        #expect(Reading.ours(answer: [bytes[...]]).messages.isEmpty)
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
        // There it takes the tab for part of the coding's name, and reads until the close.
        "a tab after its transfer-encoding",
        // Where that is the last it reads, it has no objection.
        "an interim answer in HTTP/1.0",
        // It takes any three digits for a status, and leaves a switch of protocols to its user.
        "no status line", "a switch of protocols that nobody asked for",
    ]
}
