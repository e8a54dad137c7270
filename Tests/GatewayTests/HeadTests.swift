import NIOCore
import Testing

@testable import Gateway

@Suite("Request heads")
struct RequestHeadTests {
    private func parse(_ text: String) throws(HeadProblem) -> RequestHead {
        try RequestHead(parsing: Array(text.utf8), fieldsMax: 8)
    }

    @Test("gives method, path without query, and fields by lower-case name")
    func parses() throws {
        let head = try parse("POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nX-A:  v w \r\nContent-Length: 3\r\n\r\n")
        #expect(head.method == .post)
        #expect(head.path == "/v1/x")
        #expect(head.fields.string("x-a") == "v w")
        #expect(head.framing == .length(3))
        #expect(head.keepsAlive)
    }

    @Test(
        "refuses what smuggling needs, and what is no HTTP",
        arguments: [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n b: folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n: no name\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET  HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nF: 1\r\nG: 1\r\nH: 1\r\n\r\n",
        ])
    func refuses(_ text: String) {
        #expect(throws: HeadProblem.self) { try parse(text) }
    }

    @Test("takes every byte in a value that may stand there, and no other, wherever it stands", arguments: 17...24)
    func readsEveryByte(_ count: Int) throws {
        for byte in UInt8.min...UInt8.max {
            let isAllowed = byte == 0x09 || byte >= 0x20 && byte != 0x7F
            // Beside bytes from which it might borrow.
            for (place, filler) in (0..<count).flatMap({ place in [0x21, 0x80, 0xFF].map { (place, UInt8($0)) } }) {
                var value = [UInt8](repeating: filler, count: count)
                value[place] = byte
                let head = Array("GET / HTTP/1.1\r\nx-a:".utf8) + value + Array("\r\n\r\n".utf8)
                let fields = try? HeadFields(parsing: head, fieldsMax: 8)
                #expect((fields != nil) == isAllowed, "\(byte) at \(place)")
                let isAround = (byte == 0x09 || byte == 0x20) && (place == 0 || place == count - 1)
                guard let fields, !isAround else { continue }
                #expect(fields.first("x-a").map { Array(fields.value(of: $0)) } == value)
            }
        }
    }

    @Test("says what is wrong with a line, the number of fields first")
    func explains() {
        let problems: [(lines: String, problem: HeadProblem)] = [
            (": a", .malformed("a field without name")), ("a", .malformed("a field without colon")),
            ("", .malformed("a head without its empty line")),
            (" a: b", .malformed("a character that no field name may have")),
            ("a : b", .malformed("a character that no field name may have")),
            ("a: b\u{7f}", .malformed("a control character in a field value")),
            ("a: b\rc", .malformed("a bare CR")), ("a\rb: c", .malformed("a bare CR")),
            ("a: b\nc: d", .malformed("a line that ends in LF without CR")),
            ("a: \u{1}\rb", .malformed("a bare CR")),
            ("a: b\r\nb: c\r\nc: d\re", .tooManyFields),
        ]
        for (lines, problem) in problems {
            let end = lines.isEmpty ? "" : "\r\n\r\n"
            #expect(throws: problem, "\(lines)") {
                try HeadFields(parsing: Array("GET / HTTP/1.1\r\n\(lines)\(end)".utf8), fieldsMax: 2)
            }
        }
    }

    @Test("reads keep-alive and expectations in any case, among other list items")
    func readsLists() throws {
        let closing = try parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, CLOSE\r\n\r\n")
        #expect(!closing.keepsAlive)
        let expecting = try parse("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n")
        #expect(expecting.expectsContinue)
        #expect(try !parse("GET / HTTP/1.0\r\n\r\n").keepsAlive)
    }

    @Test("finds the same head wherever the bytes were split")
    func findsHeadAtEverySplit() throws {
        let text = Array("\r\nPOST /a HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\nrest".utf8)
        for split in 0...text.count {
            var reader = HeadReader(headBytesMax: 100)
            var input = ByteBuffer(bytes: text[..<split])
            var head = try reader.read(from: &input)
            if head == nil {
                input.writeBytes(text[split...])
                head = try reader.read(from: &input)
            } else {
                input.writeBytes(text[split...])
            }
            #expect(head?.count == text.count - 6, "split at \(split)")
            #expect(String(buffer: input) == "rest", "split at \(split)")
        }
    }

    @Test("refuses a head above its bound, complete or not")
    func boundsHead() {
        for text in [String(repeating: "a", count: 101), String(repeating: "a", count: 200) + "\r\n\r\n"] {
            var reader = HeadReader(headBytesMax: 100)
            var input = ByteBuffer(string: text)
            #expect(throws: HeadProblem.tooLarge) { try reader.read(from: &input) }
        }
    }
}

@Suite("Body framing")
struct BodyDecoderTests {
    /// All steps until the input is used up, as the bytes that came out and whether the end was reached.
    private func decode(_ pieces: [[UInt8]], _ framing: BodyFraming) throws(HeadProblem) -> (String, Bool, String) {
        var decoder = BodyDecoder(framing)
        var input = ByteBuffer()
        var output = ""
        for piece in pieces {
            input.writeBytes(piece)
            loop: while true {
                switch try decoder.decode(&input) {
                case .bytes(let bytes): output += String(buffer: bytes)
                case .needsMore: break loop
                case .end: return (output, true, String(buffer: input))
                }
            }
        }
        return (output, false, String(buffer: input))
    }

    @Test("takes chunks apart at every split, with extensions and trailers, and leaves what follows")
    func decodesAtEverySplit() throws {
        let text = Array("4;x=y\r\nWiki\r\n6\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nA: b\r\n\r\nGET".utf8)
        for split in 0..<(text.count - 3) {
            let (body, ended, rest) = try decode([Array(text[..<split]), Array(text[split...])], .chunked)
            #expect(body == "Wikipedia in \r\n\r\nchunks.", "split at \(split)")
            #expect(ended)
            #expect(rest == "GET")
        }
    }

    @Test("takes exactly the length")
    func takesLength() throws {
        let (body, ended, rest) = try decode([Array("abc".utf8), Array("defg".utf8)], .length(5))
        #expect(body == "abcde")
        #expect(ended)
        #expect(rest == "fg")
    }

    @Test(
        "refuses chunks that two readers could read differently",
        arguments: [
            "4\nWiki\r\n0\r\n\r\n", "4\r\nWikipedia\r\n0\r\n\r\n", "-1\r\n", "g\r\n", "\r\n", " 4\r\nWiki\r\n",
            "FFFFFFFFFFFFFFFF\r\n", "4 x\r\nWiki\r\n", "4\r\nWiki\n0\r\n\r\n",
            "1" + String(repeating: "0", count: 300),
            "0\r\n" + String(repeating: String(repeating: "a", count: 250) + "\r\n", count: 40) + "\r\n",
        ])
    func refuses(_ text: String) {
        #expect(throws: HeadProblem.self) { try decode([Array(text.utf8)], .chunked) }
    }
}

@Suite("The inbound state machine")
struct InboundMachineTests {
    @Test("keeps a pipelined request until the first is answered, wherever the bytes were split")
    func pipelines() throws {
        let text = Array(
            "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        for split in 0...text.count {
            var machine = InboundMachine(headBytesMax: 1_000, fieldsMax: 10, allocator: ByteBufferAllocator())
            var log: [String] = []
            func drain() {
                while true {
                    switch machine.next() {
                    case .wait: return
                    case .head(let head): log.append(head.path)
                    case .body(let bytes): log.append(String(buffer: bytes))
                    case .bodyEnd: log.append("end")
                    case .refuse: log.append("refuse")
                    }
                }
            }
            machine.receive(ByteBuffer(bytes: text[..<split]))
            drain()
            machine.receive(ByteBuffer(bytes: text[split...]))
            drain()
            #expect(log.first == "/1")
            #expect(log.filter { $0 == "end" }.count == 1)
            #expect(!log.contains("/2"))
            machine.answerEnded()
            drain()
            #expect(log.suffix(2) == ["/2", "end"])
        }
    }

    @Test("refuses once and takes nothing more")
    func refusesOnce() {
        var machine = InboundMachine(headBytesMax: 1_000, fieldsMax: 10, allocator: ByteBufferAllocator())
        machine.receive(ByteBuffer(string: "nonsense\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"))
        guard case .refuse = machine.next() else {
            Issue.record("nonsense was not refused")
            return
        }
        guard case .wait = machine.next() else {
            Issue.record("something came after a refusal")
            return
        }
    }
}

@Suite("Character classes (RFC 9110, 5.6.2)")
struct CharacterClassTests {
    @Test("take exactly the token characters")
    func tokens() {
        let allowed = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8.min...UInt8.max {
            #expect(CharacterClass.isToken(byte) == allowed.contains(byte), "byte \(byte)")
        }
    }
}
