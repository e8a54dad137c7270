import NIOCore
import Testing

@testable import Gateway

@Suite("Answers as they are written")
struct AnswerEncoderTests {
    private static let date = DateField(at: 1_700_000_000).bytes
    private static let dateLine = "date:Tue, 14 Nov 2023 22:13:20 GMT"

    /// An answer with fields whose values hold any byte, and what a reader has to see of it.
    private func make(_ random: inout WireRandom, isStream: Bool) -> (answer: Answer, keepsAlive: Bool, head: [UInt8]) {
        let statuses = [
            200, 400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 431, 500, 501, 502, 503, 504, 505,
        ]
        var answer = Answer(status: random.pick(statuses), contentType: random.chance(50) ? "text/plain" : "a/b")
        if !isStream { answer.body = (0..<random.below(60)).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
        var message = Reading.Message(head: Array("\(answer.status) 1.1\n\(Self.dateLine)".utf8))
        message.append(name: "content-type".utf8, value: "\(answer.contentType)".utf8)
        for _ in 0..<random.below(4) {
            let awkward = Array("\r\n\0\t\u{b}\u{7f}\u{1b}:a\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\n".utf8)
            let value = (0..<random.below(20)).map { _ in random.chance(50) ? random.pick(awkward) : 0x61 }
            let kept = value.map { $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F ? $0 : 0x3F }
            switch random.below(4) {
            case 0: answer.fields.append("x-bytes", value)
            case 1: answer.fields.append("x-bytes", String(decoding: value, as: UTF8.self))
            case 2:
                Array("x-bytes".utf8).withUnsafeBufferPointer { name in
                    value.withUnsafeBufferPointer { answer.fields.append(name: name, value: $0) }
                }
            default:
                let number = Int(truncatingIfNeeded: random.next())
                answer.fields.append("x-number", number)
                message.append(name: "x-number".utf8, value: "\(number)".utf8)
                continue
            }
            message.append(name: "x-bytes".utf8, value: kept)
        }
        let keepsAlive = random.chance(50)
        if !keepsAlive { message.append(name: "connection".utf8, value: "close".utf8) }
        return (answer, keepsAlive, message.head)
    }

    @Test("are read as meant by llhttp and by us; no value begins a field of its own", arguments: 0..<UInt64(4))
    func writesWhole(seed: UInt64) {
        var random = WireRandom(seed: 500 + seed)
        for _ in 0..<250 {
            let (answer, keepsAlive, head) = make(&random, isStream: false)
            var expected = Reading.Message(head: head, body: answer.body, isComplete: true, keepsAlive: keepsAlive)
            expected.append(name: "content-length".utf8, value: "\(answer.body.count)".utf8)
            let buffer = AnswerEncoder.encode(
                answer, keepsAlive: keepsAlive, date: Self.date, allocator: ByteBufferAllocator())
            expectReadings(of: Array(buffer.readableBytesView), expected, &random)
        }
    }

    @Test("are streams of chunks that end where the last was written", arguments: 0..<UInt64(4))
    func writesStream(seed: UInt64) {
        var random = WireRandom(seed: 600 + seed)
        for _ in 0..<250 {
            let (answer, keepsAlive, head) = make(&random, isStream: true)
            var expected = Reading.Message(head: head, isComplete: true, keepsAlive: keepsAlive)
            expected.append(name: "transfer-encoding".utf8, value: "chunked".utf8)
            var buffer = AnswerEncoder.encodeStreamHead(
                answer, keepsAlive: keepsAlive, date: Self.date, allocator: ByteBufferAllocator())
            for _ in 0..<random.below(5) {
                let chunk = (0..<random.below(40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                AnswerEncoder.writeChunk(chunk, to: &buffer)
                expected.body += chunk
            }
            AnswerEncoder.writeLastChunk(to: &buffer)
            expectReadings(of: Array(buffer.readableBytesView), expected, &random)
        }
    }

    private func expectReadings(of bytes: [UInt8], _ expected: Reading.Message, _ random: inout WireRandom) {
        let theirs = Reading.nio(answer: random.split(bytes))
        #expect(theirs.refusal == nil, "\(bytes.legible)")
        #expect(theirs.messages == [expected], "\(bytes.legible)")
        #expect(Reading.ours(answer: random.split(bytes)).messages == [expected], "\(bytes.legible)")
    }
}
