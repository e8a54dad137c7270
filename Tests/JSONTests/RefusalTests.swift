import JSON
import Testing

@Suite("Strict parser: what it refuses")
struct RefusalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var text: String
        var problem: JSONError.Problem
        var offset: Int
        var pointer = ""

        init(_ text: String, _ problem: JSONError.Problem, _ offset: Int, _ pointer: String = "") {
            self.text = text
            self.problem = problem
            self.offset = offset
            self.pointer = pointer
        }

        var testDescription: String { "\(problem) in \(text.debugDescription)" }
    }

    static let cases: [Case] = [
        Case("", .empty, 0), Case(" \n\t\r", .empty, 4),
        Case("\u{FEFF}{}", .byteOrderMark, 0), Case(" \u{FEFF}{}", .unexpectedByte, 1),
        Case("{", .unexpectedEnd, 1), Case("[", .unexpectedEnd, 1, "/0"), Case("[1", .unexpectedEnd, 2, "/1"),
        Case("[1,", .unexpectedEnd, 3, "/1"), Case(#"{"a""#, .unexpectedEnd, 4, "/a"),
        Case(#"{"a":"#, .unexpectedEnd, 5, "/a"), Case(#"{"a":[true"#, .unexpectedEnd, 10, "/a/1"),
        Case(#"""#, .unexpectedEnd, 1), Case(#""\"#, .unexpectedEnd, 2), Case(#""\u12"#, .unexpectedEnd, 5),
        Case("tru", .unexpectedEnd, 3), Case("-", .unexpectedEnd, 1), Case("1.", .unexpectedEnd, 2),
        Case("1e", .unexpectedEnd, 2), Case("1e+", .unexpectedEnd, 3),
        Case("[truth]", .unexpectedByte, 1, "/0"), Case("[nul]", .unexpectedByte, 1, "/0"),
        Case("True", .unexpectedByte, 0), Case("NaN", .unexpectedByte, 0), Case("Infinity", .unexpectedByte, 0),
        Case("-Infinity", .invalidNumber, 1), Case("+1", .unexpectedByte, 0), Case(".5", .unexpectedByte, 0),
        Case("'a'", .unexpectedByte, 0), Case("// c\n1", .unexpectedByte, 0), Case("/* c */1", .unexpectedByte, 0),
        Case("[,1]", .unexpectedByte, 1, "/0"), Case("[1,,2]", .unexpectedByte, 3, "/1"), Case("]", .unexpectedByte, 0),
        Case(#"{"a":}"#, .unexpectedByte, 5, "/a"), Case("\u{A0}1", .unexpectedByte, 0),
        Case("\u{C}1", .unexpectedByte, 0),
        Case("\0", .unexpectedByte, 0), Case("{a:1}", .keyExpected, 1), Case("{1:1}", .keyExpected, 1),
        Case("{,}", .keyExpected, 1), Case(#"{"a":1,,"b":2}"#, .keyExpected, 7), Case("{]", .keyExpected, 1),
        Case(#"{"a" 1}"#, .colonExpected, 5, "/a"), Case(#"{"a"}"#, .colonExpected, 4, "/a"),
        Case(#"{"a",1}"#, .colonExpected, 4, "/a"), Case(#"{"x":1,"a"=1}"#, .colonExpected, 10, "/a"),
        Case("[1 2]", .commaOrEndExpected, 3), Case("[1}", .commaOrEndExpected, 2),
        Case("[1:2]", .commaOrEndExpected, 2),
        Case(#"{"a":1]"#, .commaOrEndExpected, 6), Case(#"{"a":1"b":2}"#, .commaOrEndExpected, 6),
        Case("[1true]", .commaOrEndExpected, 2), Case("[0x1]", .commaOrEndExpected, 2),
        Case("[1_0]", .commaOrEndExpected, 2),
        Case("[1,]", .trailingComma, 2), Case("[[1,2 , ]]", .trailingComma, 6, "/0"),
        Case(#"{"a":1,}"#, .trailingComma, 6),
        Case("{} {}", .trailingBytes, 3), Case("1 2", .trailingBytes, 2), Case("[]]", .trailingBytes, 2),
        Case("{}\0", .trailingBytes, 2), Case("1,", .trailingBytes, 1), Case("nulll", .trailingBytes, 4),
        Case(#"{"a":1,"a":1}"#, .duplicateKey, 7), Case(#"[{"a":1,"\u0061":1}]"#, .duplicateKey, 8, "/0"),
        Case(#"{"":1,"":1}"#, .duplicateKey, 6), Case(#"{"x":{"é":1,"\u00E9":1}}"#, .duplicateKey, 13, "/x"),
        Case(#"{"😀":1,"\ud83d\ude00":1}"#, .duplicateKey, 10),
        Case(#"{"a/b":[{"k":1,"k":2}]}"#, .duplicateKey, 15, "/a~1b/0"),
        Case(#"["\ud800"]"#, .loneSurrogate, 2, "/0"), Case(#""\udc00""#, .loneSurrogate, 1),
        Case(#""\ud800\ud800""#, .loneSurrogate, 1), Case(#""\ud800x""#, .loneSurrogate, 1),
        Case(#""\ud800\n""#, .loneSurrogate, 1), Case(#""\ud800\u0041""#, .loneSurrogate, 1),
        Case(#""\udc00\ud800""#, .loneSurrogate, 1), Case(#"{"\uDBFF":1}"#, .loneSurrogate, 2),
        Case("\"a\nb\"", .controlCharacter, 2), Case("[\"\t\"]", .controlCharacter, 2, "/0"),
        Case("\"\0\"", .controlCharacter, 1),
        Case("{\"\u{1F}\":1}", .controlCharacter, 2), Case(#""\x41""#, .invalidEscape, 1),
        Case(#""\'""#, .invalidEscape, 1),
        Case(#""\u12G4""#, .invalidEscape, 1), Case(#""\U0041""#, .invalidEscape, 1),
        Case(#""\ud800\uZZZZ""#, .invalidEscape, 7),
        Case("01", .leadingZero, 0), Case("[-01]", .leadingZero, 1, "/0"), Case("00", .leadingZero, 0),
        Case("00.5", .leadingZero, 0), Case("[-]", .invalidNumber, 2, "/0"), Case("[1.]", .invalidNumber, 3, "/0"),
        Case("[1.e5]", .invalidNumber, 3, "/0"), Case("[1e]", .invalidNumber, 3, "/0"),
        Case("[1e+]", .invalidNumber, 4, "/0"),
        Case("-.5", .invalidNumber, 1), Case("--1", .invalidNumber, 1), Case("1e999", .numberNotFinite, 0),
        Case(#"{"t":[-1E+400]}"#, .numberNotFinite, 6, "/t/0"), Case("1.8e308", .numberNotFinite, 0),
        Case("0.000001e315", .numberNotFinite, 0), Case("1e99999999999999999999", .numberNotFinite, 0),
    ]

    @Test("says what is wrong and where", arguments: cases)
    func saysWhere(_ example: Case) throws {
        let error = try #require(throws: JSONError.self) { try JSONDocument(parsing: Array(example.text.utf8)) }
        #expect(error.problem == example.problem)
        #expect(error.offset == example.offset)
        #expect(error.pointer == example.pointer)
        // Line and column by another route: the scalars of the text before the offset.
        let before = String(decoding: example.text.utf8.prefix(example.offset), as: UTF8.self).unicodeScalars
        #expect(error.line == before.count { $0 == "\n" } + 1)
        #expect(error.column == before.reversed().prefix { $0 != "\n" }.count + 1)
    }

    @Test("names every problem in some case above or below")
    func namesEveryProblem() {
        let elsewhere: Set<JSONError.Problem> = [.invalidUTF8, .tooDeep, .tooLong, .tooManyValues]
        #expect(Set(Self.cases.map(\.problem)).union(elsewhere) == Set(JSONError.Problem.allCases))
    }

    @Test("counts columns in scalars and lines by line feeds")
    func countsLines() {
        let text = Array("{\r\n \"é😀\": 1,\n\t\"é😀\" : 2}".utf8)
        #expect(throws: JSONError(problem: .duplicateKey, offset: 18, line: 3, column: 2, pointer: "", key: "é😀")) {
            try JSONDocument(parsing: text)
        }
    }

    @Test("writes messages that say key, place and pointer")
    func writesMessages() throws {
        let text = "{\"messages\":\n[\n  {\"role\":1, \"role\":2}]}"
        let error = try #require(throws: JSONError.self) { try JSONDocument(parsing: Array(text.utf8)) }
        #expect(error.message == "Duplicate key \"role\" at line 3, column 14 (/messages/0).")
    }

    @Test("shortens long names in pointer and key, between scalars")
    func shortensNames() throws {
        let name = String(repeating: "é", count: 40)
        let short = String(repeating: "é", count: 32) + "…"
        let text = "{\"x\(name)\":{\"\(name)\":1,\"\(name)\":2}}"
        let error = try #require(throws: JSONError.self) { try JSONDocument(parsing: Array(text.utf8)) }
        #expect(error.key == short)
        #expect(error.pointer == "/x" + short.dropLast(2) + "…")
    }

    @Test("refuses every text that stops early", arguments: 0..<20)
    func refusesPrefixes(seed: Int) throws {
        var documents = Documents(seed: UInt64(seed))
        let text = Array(documents.spelling(of: .array([documents.object(), documents.object()])).utf8)
        for end in 0..<text.count {
            #expect(throws: JSONError.self) { try JSONDocument(parsing: Array(text[..<end])) }
        }
        _ = try JSONDocument(parsing: text)
    }

    @Test("allows 64 open containers and refuses the 65th", arguments: ["[", #"{"a":"#, #"[{"a":"#])
    func limitsDepth(_ opening: String) throws {
        func text(_ depth: Int) -> [UInt8] {
            var openings = ""
            var closings = ""
            while closings.utf8.count < depth {
                openings += opening
                closings += opening == "[" ? "]" : opening.hasPrefix("{") ? "}" : "}]"
            }
            return Array((openings + "1" + closings).utf8)
        }
        _ = try JSONDocument(parsing: text(64))
        let error = try #require(throws: JSONError.self) { try JSONDocument(parsing: text(65)) }
        #expect(error.problem == .tooDeep)
        #expect(error.pointer.utf8.count { $0 == 0x2F } == 64)
    }

    @Test("keeps its own stack flat however deep the text and high the limit")
    func staysFlat() throws {
        let deep = [UInt8](repeating: 0x5B, count: 1_000_000)
        #expect(throws: JSONError.self) { try JSONDocument(parsing: deep) }
        let depth = 1024
        let text = [UInt8](repeating: 0x5B, count: depth) + [UInt8](repeating: 0x5D, count: depth)
        let document = try JSONDocument(parsing: text, limits: JSONLimits(depthMax: depth))
        #expect(document.serialised() == String(decoding: text, as: UTF8.self))
    }

    @Test("counts values and keys against their limit", arguments: [1, 2, 3, 15, 16, 17, 40, 100])
    func limitsValues(count: Int) throws {
        let text = Array(("[" + Array(repeating: "1", count: count).joined(separator: ",") + "]").utf8)
        let document = try JSONDocument(parsing: text, limits: JSONLimits(nodesMax: count + 1))
        #expect(document.nodeCount == count + 1)
        let offset = count * 2 - 1
        #expect(
            throws: JSONError(
                problem: .tooManyValues, offset: offset, line: 1, column: offset + 1, pointer: "/\(count - 1)")
        ) {
            try JSONDocument(parsing: text, limits: JSONLimits(nodesMax: count))
        }
    }
}
