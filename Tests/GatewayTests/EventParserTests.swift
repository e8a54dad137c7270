import NIOCore
import Testing

@testable import Gateway

@Suite("Server-sent events (HTML standard, 9.2)")
struct EventParserTests {
    private func events(_ pieces: [ArraySlice<UInt8>], max: Int = 1_000) throws(UpstreamFailure) -> [String] {
        var parser = EventParser(eventBytesMax: max)
        var events: [String] = []
        for piece in pieces {
            parser.feed(ByteBuffer(bytes: piece))
            while let data = try parser.next() { events.append(String(decoding: data, as: UTF8.self)) }
        }
        return events
    }

    @Test(
        "gives the same events at every split",
        arguments: [
            ("data: a\n\ndata:b\n\n", ["a", "b"]),
            ("data: a\r\n\r\ndata: b\r\rdata: c\n\n", ["a", "b", "c"]),
            (": comment\nevent: x\nid: 1\ndata: a\ndata: b\n\n", ["a\nb"]),
            ("\u{FEFF}data: a\n\n", ["a"]),
            ("data\n\n", [""]),
            ("data: unfinished\n", []),
            ("datax: no\n\n", []),
            ("data: a\n\r\n\ndata: b\r\n\r\n\r\n", ["a", "b"]),
            ("data:  two spaces\n\n", [" two spaces"]),
            ("data: ü€😀\n\n", ["ü€😀"]),
        ])
    func parses(_ text: String, _ expected: [String]) throws {
        let bytes = Array(text.utf8)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                let found = try events([bytes[..<first], bytes[first..<second], bytes[second...]])
                #expect(found == expected, "split at \(first) and \(second)")
            }
        }
    }

    @Test("refuses an event above its bound, in one line or in many")
    func boundsEvents() {
        let long = Array(("data: " + String(repeating: "a", count: 2_000)).utf8)
        #expect(throws: UpstreamFailure.self) { try events([long[...]]) }
        let many = Array(String(repeating: "data: aaaaaaaa\n", count: 200).utf8)
        #expect(throws: UpstreamFailure.self) { try events([many[...]]) }
    }
}

@Suite("x-ratelimit-reset")
struct LimitHeadersTests {
    @Test(
        "is written as OpenAI writes it",
        arguments: [
            (0, "0ms"), (1, "1ms"), (12_000_000, "12ms"), (1_000_000_000, "1s"), (6_500_000_000, "6.5s"),
            (6_540_000_000, "6.54s"), (150_000_000_000, "2m30s"), (60_000_000_000, "1m0s"),
            (86_400_000_000_000, "1440m0s"),
        ] as [(Int64, String)])
    func writes(_ nanoseconds: Int64, _ text: String) {
        var written: [UInt8] = []
        written.appendDuration(nanoseconds)
        #expect(String(decoding: written, as: UTF8.self) == text)
    }
}

@Suite("The date field (RFC 9110, 5.6.7)")
struct DateFieldTests {
    @Test("is written as the RFC's own example")
    func writes() {
        #expect(
            String(decoding: DateField(at: 784_111_777).bytes, as: UTF8.self)
                == "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n")
    }
}
