import Filtering
import JSON
import Testing

@testable import Gateway

/// What a model gives a tool, in streams whose events put it together in unusual ways.
@Suite("What a tool is given by a stream")
struct ToolInputStreamTests {
    // MARK: - Responses

    private static func added(_ item: String) -> String {
        #"{"type":"response.output_item.added","output_index":0,"item":{"id":"i",\#(item)}}"#
    }

    private static func delta(_ kind: String, _ piece: String, beside more: String = "") -> String {
        #"{"type":"response.\#(kind).delta","output_index":0,"item_id":"i",\#(more)"delta":"\#(piece)"}"#
    }

    private static let first = String(Bench.card.prefix(8))
    private static let second = String(Bench.card.dropFirst(8))
    private static let end = #"{"type":"response.completed","response":{"id":"r","output":[]}}"#

    /// Catches pieces of one input that are judged as texts of their own, which clients put together.
    @Test(
        "is one text, whatever its events say besides",
        arguments: [
            [
                added(#""type":"function_call","arguments":"""#),
                delta("function_call_arguments", first, beside: #""content_index":0,"#),
                delta("function_call_arguments", second, beside: #""content_index":1,"#),
            ],
            [
                added(#""type":"function_call","arguments":"\#(first)""#),
                delta("function_call_arguments", second, beside: #""content_index":3,"#),
            ],
            [
                added(#""type":"mcp_call","name":"m","arguments":"\#(first)""#),
                delta("mcp_call_arguments", second),
            ],
            [
                added(#""type":"mcp_call","name":"m","arguments":"""#), delta("function_call_arguments", first),
                delta("mcp_call_arguments", second),
            ],
            [
                added(#""type":"custom_tool_call","input":"\#(first)""#),
                delta("custom_tool_call_input", second, beside: #""content_index":1,"#),
            ],
            [
                added(#""type":"code_interpreter_call","code":"\#(first)""#),
                delta("code_interpreter_call_code", second),
            ],
        ])
    func isOneText(_ events: [String]) throws {
        var run = try TypedRun(.responses)
        try run.feed(events + [Self.end])
        try run.end()
        #expect(run.stream.verdict == .redact)
        let left = run.events.flatMap(Self.strings)
        #expect(!left.contains { $0.contains(Self.first) || $0.contains(Self.second) }, "\(left)")
        #expect(left.contains { $0.contains("[redacted:") }, "\(left)")
    }

    /// Catches held arguments that leave as those of another kind of call.
    @Test("leaves by the name that its events have", arguments: ["function_call", "mcp_call"])
    func keepsItsName(_ type: String) throws {
        let kind = type == "mcp_call" ? "mcp_call_arguments" : "function_call_arguments"
        var run = try TypedRun(.responses)
        try run.feed([Self.added(#""type":"\#(type)","arguments":"""#), Self.delta(kind, Self.first), Self.end])
        try run.end()
        #expect(run.names.filter { $0.hasSuffix(".delta") } == ["response.\(kind).delta"])
        #expect(run.said == Self.first)
    }

    @Test("is judged over the parts of an item that is told as a whole, whatever their type", arguments: ["text", "x"])
    func joinsUnknownParts(_ type: String) throws {
        let parts = [Self.first, Self.second].map { #"{"type":"\#(type)","text":"\#($0)"}"# }
        var run = try TypedRun(.responses)
        try run.feed([
            #"{"type":"response.output_item.done","output_index":0,"item":{"id":"i","type":"message","content":[\#(parts.joined(separator: ","))]}}"#,
            Self.end,
        ])
        try run.end()
        #expect(run.stream.verdict == .redact)
        #expect(!run.events.flatMap(Self.strings).contains { $0.contains(Self.first) || $0.contains(Self.second) })
    }

    private static func strings(of event: JSONDocument) -> [String] { event.nodes.compactMap(event.string) }

    // MARK: - Messages

    private static func messages(_ input: String) -> [String] {
        let pieces = input.map { JSONWriter.json(String($0)) }
        return [
            #"{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}"#,
            #"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"pay","input":{}}}"#,
        ]
            + pieces.map {
                #"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":\#(String(decoding: $0, as: UTF8.self))}}"#
            } + [
                #"{"type":"content_block_stop","index":0}"#,
                #"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":4}}"#,
                #"{"type":"message_stop"}"#,
            ]
    }

    private static let digits = Bench.card.map { #""\#($0)""# }.joined(separator: ",")
    private static let groups = stride(from: 0, to: 16, by: 4).map { #""\#(Bench.card.dropFirst($0).prefix(4))""# }

    /// Catches input of which a whole answer takes something out, and a stream lets a tool have it.
    @Test(
        "ends the stream where only the tree shows what it must not have",
        arguments: [#"{"a":[\#(digits)]}"#, #"{"a":[\#(groups.joined(separator: ","))]}"#])
    func endsTheStream(_ input: String) throws {
        var run = try TypedRun(.messages)
        try run.feed(Self.messages(input))
        try run.end()
        #expect(run.stream.isBlocked && run.stream.verdict == .block)
        #expect(run.stream.findings.allSatisfy { $0.verdict == .block })
        #expect(run.names.suffix(3) == ["content_block_stop", "message_delta", "message_stop"])
        #expect(run.events.flatMap(Self.strings).contains("refusal"))

        var observed = try TypedRun(.messages, observesOnly: true)
        try observed.feed(Self.messages(input))
        try observed.end()
        #expect(!observed.stream.isBlocked && observed.stream.verdict == .redact)
        #expect(observed.names.last == "message_stop")
    }

    @Test(
        "goes on where it was redacted, or is harmless, or no tree",
        arguments: [
            (#"{"a":"\#(Bench.card)"}"#, Verdict.redact), (#"{"a":["12","34"],"b":{}}"#, .allow), ("{", .allow),
            ("", .allow), (#"{"a":\#(Bench.card)}"#, .redact),
        ])
    func goesOn(_ input: String, _ verdict: Verdict) throws {
        var run = try TypedRun(.messages)
        try run.feed(Self.messages(input))
        try run.end()
        #expect(!run.stream.isBlocked && run.stream.verdict == verdict)
        #expect(run.events.flatMap(Self.strings).contains("tool_use"))
        #expect(run.names.last == "message_stop")
    }

    /// Catches a tree that only our own parser does not see.
    @Test(
        "is a malformed answer where readers may take it for different trees",
        arguments: [
            #"{"a":1,"a":2,"x":[\#(digits)]}"#, #"{"x":[\#(digits)],"b":"\ud800"}"#, #"{"x":[\#(digits)],"n":1e999}"#,
            #"{"x":[\#(digits)],"n":NaN}"#, #"{"x":[\#(digits)],"n":-Infinity}"#, "{]", #"{"a" "b"}"#,
            String(repeating: "[", count: 65) + digits + String(repeating: "]", count: 65),
        ])
    func isAmbiguous(_ input: String) throws {
        for observesOnly in [false, true] {
            var run = try TypedRun(.messages, observesOnly: observesOnly)
            let failure = #expect(throws: UpstreamFailure.self) { try run.feed(Self.messages(input)) }
            guard case .malformed = failure else {
                Issue.record("\(String(describing: failure))")
                return
            }
        }
    }

    /// Catches a list that is read though its end never came.
    @Test(
        "is judged where it breaks off", arguments: ["", "]", #"],"b":"#, #"],"b":"yes"#, #"],"b":"\u00"#, #"],"b"#])
    func breaksOff(_ end: String) throws {
        var run = try TypedRun(.messages)
        try run.feed(Self.messages(#"{"a":[\#(Self.digits)"# + end))
        try run.end()
        #expect(run.stream.isBlocked)

        var harmless = try TypedRun(.messages)
        try harmless.feed(Self.messages(#"{"a":["1","2""# + end))
        try harmless.end()
        #expect(!harmless.stream.isBlocked && harmless.stream.verdict == .allow)
    }

    @Test("is judged alike where nothing is enforced, also what is held to its end")
    func observes() throws {
        let input = #"{"a":[\#(Self.digits)],"b":"-----BEGIN"#
        var run = try TypedRun(.messages, observesOnly: true)
        try run.feed(Self.messages(input))
        try run.end()
        #expect(run.stream.verdict == .redact && !run.stream.isBlocked)
    }

    @Test("is bounded, over all open blocks")
    func isBounded() throws {
        func delta(_ index: Int, _ count: Int) -> String {
            let piece = String(repeating: "a", count: count)
            return
                #"{"type":"content_block_delta","index":\#(index),"delta":{"type":"input_json_delta","partial_json":"\#(piece)"}}"#
        }
        var run = try TypedRun(.messages)
        try run.feed(Array(Self.messages("").prefix(2)) + [delta(0, 50_000), delta(1, 49_000)])
        #expect(throws: UpstreamFailure.malformed("too much that a tool is given")) { try run.feed([delta(0, 2_000)]) }
    }
}
