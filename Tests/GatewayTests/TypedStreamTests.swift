import Filtering
import JSON
import NIOCore
import Testing

@testable import Gateway

/// A dialect's streams, written from a text in pieces.
enum TypedScript: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case responses
    case messages
    case transcriptions

    var testDescription: String { rawValue }
    var dialect: Dialect { Dialect(rawValue: rawValue) ?? .responses }

    /// Everything that a well-behaved server sends.
    func events(_ pieces: [String]) -> [String] {
        let text = pieces.joined()
        switch self {
        case .responses:
            let part = #"{"type":"output_text","text":"\#(text)","annotations":[],"logprobs":[]}"#
            let item = #"{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[\#(part)]}"#
            let at = #""item_id":"msg_1","output_index":0,"content_index":0"#
            let usage = #"{"input_tokens":3,"output_tokens":4,"total_tokens":7}"#
            var bodies = [
                #""type":"response.created","response":{"id":"resp_1","object":"response","created_at":1,"model":"big"}"#,
                #""type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message","content":[]}"#,
                #""type":"response.content_part.added",\#(at),"part":{"type":"output_text","text":""}"#,
            ]
            bodies += pieces.map { #""type":"response.output_text.delta",\#(at),"delta":"\#($0)","logprobs":[]"# }
            bodies += [
                #""type":"response.output_text.done",\#(at),"text":"\#(text)","logprobs":[]"#,
                #""type":"response.content_part.done",\#(at),"part":\#(part)"#,
                #""type":"response.output_item.done","output_index":0,"item":\#(item)"#,
                #""type":"response.completed","response":{"id":"resp_1","model":"big","output":[\#(item)],"usage":\#(usage)}"#,
            ]
            return bodies.enumerated().map { #"{\#($1),"sequence_number":\#($0)}"# }
        case .messages:
            let start = #"{"id":"msg_1","type":"message","role":"assistant","model":"big","content":[],"#
            var bodies = [
                #"{"type":"message_start","message":\#(start)"usage":{"input_tokens":3,"output_tokens":1}}}"#,
                #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                #"{"type":"ping"}"#,
            ]
            bodies += pieces.map {
                #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\#($0)"}}"#
            }
            return bodies + [
                #"{"type":"content_block_stop","index":0}"#,
                #"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}"#,
                #"{"type":"message_stop"}"#,
            ]
        case .transcriptions:
            return pieces.map { #"{"type":"transcript.text.delta","delta":"\#($0)","logprobs":[]}"# } + [
                #"{"type":"transcript.text.done","text":"\#(text)","usage":{"input_tokens":3,"output_tokens":4}}"#
            ]
        }
    }
}

/// One stream from its first event to its end.
struct TypedRun {
    private(set) var events: [JSONDocument] = []
    private(set) var names: [String] = []
    private(set) var stream: any AnswerStream
    private let bench: Bench

    init(_ dialect: Dialect, observesOnly: Bool = false, modelName: String? = nil) throws {
        bench = try Bench()
        stream = dialect.stream(bench.terms(dialect, observesOnly: observesOnly, modelName: modelName))
    }

    mutating func feed(_ events: [String]) throws {
        for event in events where stream.status == .open {
            var output: [UInt8] = []
            try stream.feed(ByteBuffer(string: "event: x\ndata: \(event)\n\n"), to: &output)
            try note(output)
        }
    }

    mutating func end() throws {
        var output: [UInt8] = []
        try stream.checkEnd()
        stream.writeEnd(Ending.Tokens(input: 3, output: 2, areEstimated: true), to: &output)
        try note(output)
    }

    private mutating func note(_ output: [UInt8]) throws {
        for event in String(decoding: output, as: UTF8.self).split(separator: "\n\n") {
            let lines = event.split(separator: "\n")
            try #require(lines.count == 2 && lines[0].hasPrefix("event: ") && lines[1].hasPrefix("data: "))
            names.append(String(lines[0].dropFirst(7)))
            events.append(try JSONDocument(parsing: Array(lines[1].dropFirst(6).utf8)))
        }
    }

    func strings(_ name: StaticString, of document: JSONDocument, below node: JSONNode) -> [String] {
        document.member(name, of: node).flatMap(document.string).map { [$0] } ?? []
    }

    /// The text as a client puts it together from the pieces.
    var said: String {
        events.flatMap { event in
            let delta = event.member("delta", of: event.root)
            return delta.map { event.string($0).map { [$0] } ?? strings("text", of: event, below: $0) } ?? []
        }.joined()
    }

    /// Every longer string of every event.
    var all: String { events.map { String(decoding: $0.bytes, as: UTF8.self) }.joined(separator: "\n") }
}

@Suite("Streams whose events tell their type")
struct TypedStreamTests {
    /// Every way to cut a text into at most four pieces would be thousands; these are drawn.
    static func cuts(_ text: String, seed: UInt64) -> [String] {
        var state = seed &* 6_364_136_223_846_793_005 &+ 1
        var pieces: [String] = []
        var rest = Substring(text)
        while !rest.isEmpty {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let count = Int(state >> 59) + 1
            pieces.append(String(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }

    @Test("leave as they came when nothing is found", arguments: TypedScript.allCases)
    func unchanged(_ script: TypedScript) throws {
        let events = script.events(["The quiet ", "river", " goes by."])
        var run = try TypedRun(script.dialect)
        try run.feed(events)
        try run.end()
        #expect(run.all == events.joined(separator: "\n"))
        let types = try events.map { try JSONDocument(parsing: Array($0.utf8)) }.compactMap { event in
            event.member("type", of: event.root).flatMap(event.string)
        }
        #expect(run.names == types)
        #expect(run.stream.verdict == .allow && run.stream.findings.isEmpty && !run.stream.isBlocked)
        #expect(run.stream.usage?.input == 3 && run.stream.usage?.output == 4)
    }

    @Test("redact a number however it is cut, and wherever it is said again", arguments: TypedScript.allCases)
    func redacts(_ script: TypedScript) throws {
        let text = "Pay with \(Bench.card) today, or 4111 1"
        for seed in 0..<40 as Range<UInt64> {
            var run = try TypedRun(script.dialect)
            try run.feed(script.events(Self.cuts(text, seed: seed)))
            try run.end()
            #expect(!run.all.contains(Bench.card), "seed \(seed)")
            #expect(run.said.hasPrefix("Pay with [") && run.said.hasSuffix("today, or 4111 1"), "\(run.said)")
            #expect(run.stream.verdict == .redact)
            #expect(run.stream.findings.map(\.rule) == ["test/card"], "counted once")
            guard script == .responses else { continue }
            let numbers = run.events.compactMap { event in
                event.member("sequence_number", of: event.root).flatMap(event.int)
            }
            #expect(numbers == Array(0..<run.events.count))
            let done = run.all.split(separator: "\n").last { $0.contains("response.completed") }
            #expect(done?.contains(run.said) == true)
        }
    }

    @Test("end in the dialect's own way when a filter blocks them", arguments: TypedScript.allCases)
    func blocks(_ script: TypedScript) throws {
        var run = try TypedRun(script.dialect)
        try run.feed(script.events(["First words. ", "-----BEGIN PRI", "VATE KEY-----", " more"]))
        try run.end()
        #expect(run.stream.isBlocked && run.stream.verdict == .block)
        #expect(!run.all.contains("BEGIN") && !run.all.contains("more"))
        #expect(run.said.hasPrefix("First words."))
        switch script {
        case .responses:
            #expect(run.names.last == "response.incomplete")
            #expect(run.all.contains(#""incomplete_details":{"reason":"content_filter"}"#))
            #expect(run.all.contains(#""text":"\#(run.said)""#))
        case .messages:
            #expect(run.names.suffix(3) == ["content_block_stop", "message_delta", "message_stop"])
            #expect(run.all.contains(#""stop_reason":"refusal""#) && run.all.contains(#""output_tokens":2"#))
        case .transcriptions: #expect(run.names.last == "error")
        }
    }

    @Test("pass unchanged while Steward only observes", arguments: TypedScript.allCases)
    func observes(_ script: TypedScript) throws {
        let events = script.events(["Pay with \(Bench.card.prefix(6))", "\(Bench.card.dropFirst(6)) ", Bench.key])
        var run = try TypedRun(script.dialect, observesOnly: true)
        try run.feed(events)
        try run.end()
        #expect(run.said == "Pay with \(Bench.card) \(Bench.key)")
        #expect(run.stream.verdict == .block)
    }

    @Test("that a server breaks off or garbles are refused", arguments: TypedScript.allCases)
    func refuses(_ script: TypedScript) throws {
        let events = script.events(["one", "two"])
        for count in 0..<events.count {
            var run = try TypedRun(script.dialect)
            try run.feed(Array(events.prefix(count)))
            #expect(throws: UpstreamFailure.closedEarly) { try run.end() }
        }
        let garbled = [
            "", "{", "[]", "{}", #"{"type":1}"#, #"{"type":"a b"}"#, #"{"type":"error","error":{"message":"x"}}"#,
            #"{"type":"x","type":"y"}"#,
        ]
        for event in garbled {
            var run = try TypedRun(script.dialect)
            #expect(throws: UpstreamFailure.self, "\(event)") { try run.feed([event]) }
        }
    }

    @Test("say the caller's name of the model", arguments: [TypedScript.responses, .messages])
    func renames(_ script: TypedScript) throws {
        var run = try TypedRun(script.dialect, modelName: "small")
        try run.feed(script.events(["x"]))
        #expect(!run.all.contains(#""model":"big""#) && run.all.contains(#""model":"small""#))
    }

    static let hidingPlaces = [
        (Dialect.responses, #"{"type":"response.note","note":"CARD"}"#),
        (.responses, #"{"type":"response.output_text.delta","output_index":0,"CARD":1,"delta":"x"}"#),
        (.responses, #"{"type":"response.output_text.delta","output_index":0,"item_id":"CARD","delta":"x"}"#),
        (.responses, #"{"type":"response.output_text.delta","output_index":0,"obfuscation":"CARD","delta":"x"}"#),
        (.responses, #"{"type":"response.output_text.annotation.added","annotation":{"title":"CARD"}}"#),
        (.responses, #"{"type":"response.output_item.added","output_index":0,"item":{"type":"x","name":"CARD"}}"#),
        (.responses, #"{"type":"response.created","response":{"id":"CARD","metadata":{"a":"CARD"}}}"#),
        (.responses, #"{"type":"response.content_part.added","part":{"type":"output_text","text":"CARD "}}"#),
        (.responses, #"{"type":"response.output_text.delta","delta":"x","logprobs":[{"token":"CARD","logprob":-1}]}"#),
        (.responses, #"{"type":"response.output_text.done","text":"x","logprobs":[{"token":"CARD","logprob":-1}]}"#),
        (.messages, #"{"type":"message_start","message":{"id":"CARD","content":[{"type":"text","text":"CARD"}]}}"#),
        (.messages, #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"CARD "}}"#),
        (.messages, #"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","name":"CARD"}}"#),
        (
            .messages,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"CARD."}}"#
        ),
        (
            .messages,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"cited_text":"CARD"}}}"#
        ),
        (.messages, #"{"type":"content_block_delta","index":0,"delta":{"type":"new_delta","news":"CARD"}}"#),
        (.messages, #"{"type":"ping","note":"CARD"}"#),
        (.messages, #"{"type":"message_delta","delta":{"stop_sequence":"CARD"},"usage":{}}"#),
        (.transcriptions, #"{"type":"transcript.text.segment","text":"CARD","start":1,"end":2}"#),
        (.transcriptions, #"{"type":"transcript.text.delta","delta":"x","logprobs":[{"token":"CARD","logprob":-1}]}"#),
    ]

    @Test("let no number leave beside their texts", arguments: hidingPlaces)
    func hides(_ dialect: Dialect, _ event: String) throws {
        var run = try TypedRun(dialect)
        try? run.feed([event.replacing("CARD", with: Bench.card)])
        #expect(!run.all.contains(Bench.card))
    }

    @Test("join what begins with a part to what follows")
    func joinsBeginnings() throws {
        let (first, second) = (Bench.card.prefix(7), Bench.card.dropFirst(7))
        var message = try TypedRun(.messages)
        try message.feed([
            #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"\#(first)"}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\#(second) ok"}}"#,
            #"{"type":"content_block_stop","index":0}"#,
        ])
        #expect(!message.all.contains(first) && !message.all.contains(second) && message.said.hasSuffix(" ok"))
        var response = try TypedRun(.responses)
        try response.feed([
            #"{"type":"response.content_part.added","part":{"type":"output_text","text":"\#(first)"}}"#,
            #"{"type":"response.output_text.delta","delta":"\#(second) ok"}"#,
            #"{"type":"response.output_text.done","text":"\#(Bench.card) ok"}"#,
        ])
        #expect(!response.all.contains(first) && !response.all.contains(second) && response.said.hasSuffix(" ok"))
    }

    @Test("are refused when a text goes on behind its end")
    func refusesMore() throws {
        var run = try TypedRun(.messages)
        let delta = #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}"#
        try run.feed([delta, #"{"type":"content_block_stop","index":0}"#])
        #expect(throws: UpstreamFailure.malformed("text after its end")) { try run.feed([delta]) }
    }

    @Test("find a number in arguments that are written with escapes")
    func unescapes() throws {
        let escaped = Bench.card.utf8.map { "\\\\u00\(String($0, radix: 16))" }
        var run = try TypedRun(.messages)
        try run.feed(
            escaped.map {
                #"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\#($0)"}}"#
            } + [#"{"type":"content_block_stop","index":1}"#])
        #expect(run.stream.verdict == .redact)
    }

    @Test("keep log-probabilities that spell what leaves")
    func keepsLogProbabilities() throws {
        let entry = #"{"token":"river","logprob":-0.25}"#
        let event = #"{"type":"response.output_text.delta","delta":"river","logprobs":[\#(entry)]}"#
        var run = try TypedRun(.responses)
        try run.feed([event])
        #expect(run.all.contains(entry))
    }
}
