import Filtering
import JSON
import NIOCore
import Testing

@testable import Gateway

@Suite("Numbers that are spelled in pieces of an answer")
struct HostileSpellingTests {
    private static let groups: [String] = {
        let digits = Array(Bench.visa)
        return stride(from: 0, to: 16, by: 4).map { String(digits[$0..<$0 + 4]) }
    }()

    private func verdict(_ json: String, _ kind: ProtocolPlaces.Kind) throws -> (verdict: Verdict, left: String) {
        let bench = try Bench()
        let document = try JSONDocument(parsing: Array(json.utf8))
        let passage = Passage(of: document, as: kind)
        let screening = bench.screener.screen(passage, side: .completion, policy: bench.policy)
        var edits = JSONEdits()
        var output: [UInt8] = []
        if screening.verdict == .redact { #expect(passage.redact(bench.screener.redactions, into: &edits)) }
        document.serialise(into: &output, edits: edits)
        return (screening.verdict, String(decoding: output, as: UTF8.self))
    }

    // MARK: - Lists

    private static let inputs: [(ProtocolPlaces.Kind, String)] = [
        (Dialect.messages.traits.answerPlaces, #"{"content":[{"type":"tool_use","input":INPUT}]}"#),
        (
            Dialect.messages.traits.requestPlaces,
            #"{"messages":[{"content":[{"type":"text","text":"a"},{"type":"tool_use","input":INPUT}]}]}"#
        ),
        (Messages.eventPlaces, #"{"content_block":{"type":"tool_use","input":INPUT}}"#),
        (Messages.eventPlaces, #"{"message":{"content":[{"type":"tool_use","input":INPUT}]}}"#),
    ]

    @Test("are found in the lists that a tool is given", arguments: inputs.indices)
    func joinsLists(_ place: Int) throws {
        let (kind, json) = Self.inputs[place]
        let numbers = Self.groups.joined(separator: ",")
        let strings = Self.groups.map { "\"\($0)\"" }.joined(separator: ",")
        let singles = Bench.visa.map(String.init).joined(separator: ",")
        for list in [numbers, strings, singles, #""My card is 4", "\#(Bench.visa.dropFirst())""#] {
            for input in [#"{"card":[\#(list)]}"#, #"{"a":[1,{"b":[[\#(list)]]}]}"#] {
                let (verdict, left) = try verdict(json.replacing("INPUT", with: input), kind)
                #expect(verdict == .redact, "\(input)")
                #expect(left.filter(\.isNumber).count < 8, "\(left)")
            }
        }
    }

    @Test(
        "are not found where numbers stand side by side that are nobody's",
        arguments: [
            "[4111,1111,1111]", "[411,1111,1111,1111]", "[41,11,11,11,11,11,11,11]", "[4111.5,1111,1111,1111]",
            #"["4111",null,"1111","1111","1111"]"#, "[]", "[[4111,1111],[1111,1111]]",
        ])
    func leavesNumbersAlone(_ list: String) throws {
        for (kind, json) in Self.inputs {
            let json = json.replacing("INPUT", with: #"{"box":\#(list)}"#)
            let (verdict, left) = try verdict(json, kind)
            #expect(verdict == .allow && left == json)
        }
    }

    // MARK: - Alternatives

    private static func entry(_ token: String, _ others: [String]) -> String {
        let others = others.map { #"{"token":"\#($0)","logprob":-1,"bytes":null}"# }.joined(separator: ",")
        return #"{"token":"\#(token)","logprob":-1,"bytes":null,"top_logprobs":[\#(others)]}"#
    }

    /// Alternatives that spell a card's number at a rank, cut in every way that tokens are.
    private static let cuts = [1, 2, 3, 4, 5, 7]

    private func pieces(_ size: Int) -> [String] {
        let digits = Array(Bench.visa)
        return stride(from: 0, to: 16, by: size).map { String(digits[$0..<min(16, $0 + size)]) }
    }

    private func spelled(_ json: String, rank: Int) -> String {
        guard let document = try? JSONDocument(parsing: Array(json.utf8)), let choice = document.firstChoice,
            let node = document.member("logprobs", of: choice),
            let entries = document.member("content", of: node)
        else { return "" }
        return document.elements(of: entries).map { entry in
            guard let others = document.member("top_logprobs", of: entry) else { return "" }
            return Array(document.elements(of: others)).dropFirst(rank).first.flatMap {
                document.text(["token"], of: $0)
            } ?? ""
        }.joined()
    }

    @Test("are not spelled by the alternatives of an answer's tokens", arguments: cuts, 0...2)
    func cutsAlternatives(_ size: Int, _ rank: Int) throws {
        let others = [String](repeating: "b", count: rank)
        let pieces = pieces(size)
        let entries = pieces.map { Self.entry("a", others + [$0]) }.joined(separator: ",")
        let said = String(repeating: "a", count: pieces.count)
        let json = #"{"choices":[{"index":0,"message":{"content":"\#(said)"},"logprobs":{"content":[\#(entries)]}}]}"#
        let document = try JSONDocument(parsing: Array(json.utf8))
        #expect(spelled(json, rank: rank) == Bench.visa)
        var edits = JSONEdits()
        Dialect.chatCompletions.answer(document).dropSpellings(isRedacted: false, besides: &edits)
        var output: [UInt8] = []
        document.serialise(into: &output, edits: edits)
        let left = String(decoding: output, as: UTF8.self)
        #expect(spelled(left, rank: rank).count < Passage.digitsMin)
        #expect(left.components("\"token\":\"a\"") == pieces.count)
    }

    @Test("are not spelled by the alternatives of a stream's tokens", arguments: cuts, 0...2)
    func cutsStreamedAlternatives(_ size: Int, _ rank: Int) throws {
        let bench = try Bench()
        let others = [String](repeating: "b", count: rank)
        for name in ["content", "reasoning"] {
            var stream = bench.stream()
            let input = pieces(size).map { piece in
                chunk(
                    #"{"\#(name)":"a"}"#, extra: #","logprobs":{"content":[\#(Self.entry("a", others + [piece]))]}"#)
            }
            let events = try bench.relay(input.joined() + chunk("{}", finish: "stop"), &stream)
            let left = events.map { spelled($0.serialised, rank: rank) }.joined()
            #expect(left.count < Passage.digitsMin, "\(name): \(left)")
            #expect(events.serialised.components("\"token\":\"a\"") == input.count)
        }
    }

    @Test("are not spelled by the alternatives of the older completions", arguments: cuts, [true, false])
    func cutsOlderAlternatives(_ size: Int, isStream: Bool) throws {
        let bench = try Bench()
        func choice(_ pieces: [String]) -> String {
            let others = pieces.map { #"{"\#($0)":-1}"# }.joined(separator: ",")
            let tokens = pieces.map { _ in #""a""# }.joined(separator: ",")
            return #"{"choices":[{"index":0,"text":"\#(String(repeating: "a", count: pieces.count))","logprobs":"#
                + #"{"tokens":[\#(tokens)],"top_logprobs":[\#(others)]}}]}"#
        }
        var left = ""
        if isStream {
            var stream = bench.stream(dialect: .completions)
            let input = pieces(size).map { "data: \(choice([$0]))\n\n" }.joined()
            left = try bench.relay(input, &stream).serialised
        } else {
            let document = try JSONDocument(parsing: Array(choice(pieces(size)).utf8))
            var edits = JSONEdits()
            Dialect.completions.answer(document).dropSpellings(isRedacted: false, besides: &edits)
            var output: [UInt8] = []
            document.serialise(into: &output, edits: edits)
            left = String(decoding: output, as: UTF8.self)
        }
        #expect(left.contains("tokens"))
        #expect(left.components("-1") < pieces(size).count)
    }

    @Test("are not spelled by the alternatives of a streamed response's pieces")
    func cutsTypedAlternatives() throws {
        let document = try JSONDocument(parsing: Array(#"{"delta":"a","logprobs":[\#(Self.entry("a", ["4"]))]}"#.utf8))
        let (delta, entries) = (
            try #require(document.member("delta", of: document.root)),
            try #require(document.member("logprobs", of: document.root))
        )
        let spelling = LogProbability(document: document)
        func left(isPiece: Bool) -> String {
            String(decoding: spelling.json(of: entries, spelling: delta, isPiece: isPiece) ?? [], as: UTF8.self)
        }
        #expect(!left(isPiece: true).contains(#""4""#) && left(isPiece: true).contains(#""top_logprobs":[]"#))
        #expect(left(isPiece: false).contains(#""4""#))
    }

    @Test("leave alternatives alone that are short, parted by words, or were said")
    func keepsAlternatives() throws {
        let cases: [[(String, [String])]] = [
            [("12", ["12", "13"]), (",", [",", "."]), ("34", ["34", "35"]), (",", [",", " and"])],
            (0..<20).map { ("\($0 % 10)", ["\($0 % 10)", "x"]) },
            [("2024", ["2024", "2023"]), ("-11", ["-11", "-12"])],
        ]
        for tokens in cases {
            let tokens = (0..<3).flatMap { _ in tokens }
            let entries = tokens.map { Self.entry($0.0, $0.1) }.joined(separator: ",")
            let said = tokens.map(\.0).joined()
            let isLong = tokens.count == 6
            let json =
                #"{"choices":[{"index":0,"message":{"content":"\#(said)"},"logprobs":{"content":[\#(entries)]}}]}"#
            let document = try JSONDocument(parsing: Array(json.utf8))
            var edits = JSONEdits()
            Dialect.chatCompletions.answer(document).dropSpellings(isRedacted: false, besides: &edits)
            var output: [UInt8] = []
            document.serialise(into: &output, edits: edits)
            #expect((String(decoding: output, as: UTF8.self) == json) != isLong)
        }
    }

    // MARK: - Escapes

    private static let hidden = Bench.visa.unicodeScalars.map { #"\u00"# + String($0.value, radix: 16) }.joined()

    private static func json(_ text: String) -> String { String(decoding: JSONWriter.json(text), as: UTF8.self) }

    @Test("are found behind escapes in what a custom tool is told, piece by piece")
    func unescapesCustomInput() throws {
        let bench = try Bench()
        let text = #"{"card":"\#(Self.hidden)"}"#
        for split in [0, 3, 20, 33, 60] {
            let halves = [text.prefix(split), text.dropFirst(split)].map(String.init)
            var stream = bench.stream()
            let events = try bench.relay(
                halves.map { chunk(#"{"custom":{"input":\#(Self.json($0))}}"#) }.joined()
                    + chunk("{}", finish: "stop"), &stream)
            #expect(events.said(at: ["delta", "custom", "input"]) == #"{"card":"[redacted:pii.card]"}"#)
            var typed = TypedStream(ResponseEvents(bench.terms(.responses)), bench.terms(.responses))
            var output: [UInt8] = []
            for half in halves {
                let event = #"{"type":"response.custom_tool_call_input.delta","delta":\#(Self.json(half))}"#
                try typed.feed(.init(string: "data: \(event)\n\n"), to: &output)
            }
            try typed.feed(
                .init(
                    string: #"data: {"type":"response.completed","response":{"output":[]}}"# + "\n\n"), to: &output)
            let left = String(decoding: output, as: UTF8.self)
            #expect(left.contains("[redacted:pii.card]") && !left.contains("u0030"), "\(left)")
        }
    }

    @Test("are found behind escapes in the fields of forms", arguments: ["chunking_strategy", "prompt", "own"])
    func unescapesFields(_ field: String) throws {
        let json = #"{"model":"m","\#(field)":\#(Self.json(#"{"card":"\#(Self.hidden)"}"#))}"#
        let (verdict, left) = try verdict(json, Dialect.transcriptions.traits.requestPlaces)
        #expect(verdict == .redact && left.contains("[redacted:pii.card]") && !left.contains("u0030"))
        let harmless = #"{"model":"m","\#(field)":\#(Self.json(#"{"a":"n\u00e4h"}"#))}"#
        let (other, unchanged) = try self.verdict(harmless, Dialect.transcriptions.traits.requestPlaces)
        #expect(other == .allow && unchanged == harmless)
    }
}

extension Bench {
    /// A number without noughts at the beginning of a group, so that each group can be a JSON number.
    static let visa = "4" + String(repeating: "1", count: 15)
}

extension String {
    /// How often another string stands in this one.
    fileprivate func components(_ other: String) -> Int {
        split(separator: other, omittingEmptySubsequences: false).count - 1
    }
}
