import NIOCore
import Testing

@testable import Gateway

@Suite("Messages cut in pieces")
struct SplitTests {
    @Test("requests are read alike however their bytes were split", arguments: 0..<UInt64(4))
    func splitsRequests(seed: UInt64) throws {
        var writer = WireWriter(seed: 300 + seed, twists: 3)
        for _ in 0..<500 {
            var bytes = writer.requests()
            if writer.random.chance(30) { writer.random.mutate(&bytes) }
            // Small bounds now and then, so that they are met at a split too.
            let isSmall = writer.random.chance(30)
            let (headBytesMax, fieldsMax) = isSmall ? (40 + writer.random.below(80), 3) : (32_768, 100)
            func read(_ pieces: [ArraySlice<UInt8>]) -> Reading {
                .ours(requests: pieces, headBytesMax: headBytesMax, fieldsMax: fieldsMax)
            }
            let whole = read([bytes[...]])
            try #require(read(writer.random.split(bytes)) == whole, "\(bytes.legible)")
            try #require(read(bytes.indices.map { bytes[$0...$0] }) == whole, "\(bytes.legible)")
        }
    }

    @Test("answers are read alike however their bytes were split", arguments: 0..<UInt64(4))
    func splitsAnswers(seed: UInt64) throws {
        var writer = WireWriter(seed: 400 + seed, twists: 3)
        for _ in 0..<300 {
            var bytes = writer.answer()
            if writer.random.chance(30) { writer.random.mutate(&bytes) }
            let whole = Reading.ours(answer: [bytes[...]])
            try #require(Reading.ours(answer: writer.random.split(bytes)) == whole, "\(bytes.legible)")
            let single = bytes.indices.map { bytes[$0...$0] }
            try #require(Reading.ours(answer: single) == whole, "\(bytes.legible)")
        }
    }

    @Test("an empty line before a request may come in halves, and no more of them come one by one than at once")
    func splitsEmptyLines() {
        let request = Array("GET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        for count in 0...6 {
            let bytes = Array(repeatElement([0x0D, 0x0A], count: count).joined()) + request
            let whole = Reading.ours(requests: [bytes[...]])
            #expect((whole.refusal == nil) == (count <= 4))
            for split in 0...bytes.count {
                #expect(Reading.ours(requests: [bytes[..<split], bytes[split...]]) == whole, "\(count) at \(split)")
            }
            #expect(Reading.ours(requests: bytes.indices.map { bytes[$0...$0] }) == whole, "\(count), byte by byte")
        }
    }

    @Test("the longest chunk line is taken wherever it was split, and one byte more is refused")
    func splitsLongestLine() {
        let head = Array("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        for excess in 0...1 {
            let line = "1;" + String(repeating: "x", count: 254 + excess)
            let bytes = head + Array("\(line)\r\na\r\n0\r\n\r\n".utf8)
            let whole = Reading.ours(requests: [bytes[...]])
            #expect((whole.refusal == nil) == (excess == 0))
            for split in (bytes.count - 16)...bytes.count {
                #expect(Reading.ours(requests: [bytes[..<split], bytes[split...]]) == whole, "\(excess) at \(split)")
            }
        }
    }
}
