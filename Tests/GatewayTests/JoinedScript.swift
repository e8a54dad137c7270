import Filtering
import JSON
import NIOCore
import Testing

@testable import Gateway

/// A stream that tells one text in several places, as a server may send it.
struct JoinedScript: Sendable, CustomTestStringConvertible {
    let name: String
    let dialect: Dialect
    let events: @Sendable ([String]) -> [String]

    var testDescription: String { "\(dialect.rawValue): \(name)" }

    /// Whether something else comes between the pieces, or each is told in one event only.
    var hasOthers: Bool { name.contains("between") || name == "segments" }

    static let all = messages + responses + transcripts
}

// MARK: - Messages

extension JoinedScript {
    private static let messageStart = #"{"type":"message_start","message":{"id":"m","content":[CONTENT],"usage":{}}}"#
    private static let messageEnd = [
        #"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}"#,
        #"{"type":"message_stop"}"#,
    ]

    /// A block that begins with some of its text, and is told the rest of it.
    private static func block(
        _ index: Int, _ type: String, begin: String = "", _ deltas: [String]
    ) -> [String] {
        let delta = type == "tool_use" ? "input_json_delta" : "\(type)_delta"
        let member = type == "tool_use" ? "partial_json" : type
        let begin =
            type == "tool_use" ? #""id":"t","name":"find","input":{}"# : #""\#(type)":"\#(begin)""#
        return [#"{"type":"content_block_start","index":\#(index),"content_block":{"type":"\#(type)",\#(begin)}}"#]
            + deltas.map {
                #"{"type":"content_block_delta","index":\#(index),"delta":{"type":"\#(delta)","\#(member)":"\#($0)"}}"#
            } + [#"{"type":"content_block_stop","index":\#(index)}"#]
    }

    private static func message(_ name: String, _ blocks: @escaping @Sendable ([String]) -> [[String]]) -> JoinedScript
    {
        JoinedScript(name: name, dialect: .messages) { pieces in
            [messageStart.replacing("CONTENT", with: "")] + blocks(pieces).flatMap(\.self) + messageEnd
        }
    }

    static let messages = [
        message("blocks") { $0.enumerated().map { block($0, "text", [$1]) } },
        message("blocks that begin with text") { $0.enumerated().map { block($0, "text", begin: $1, []) } },
        message("a beginning and its deltas") { [block(0, "text", begin: $0[0], Array($0.dropFirst()))] },
        message("blocks with a tool's between") { pieces in
            pieces.enumerated().flatMap { index, piece in
                [block(2 * index, "text", [piece]), block(2 * index + 1, "tool_use", ["{\\\"a\\\":", "1}"])]
            }
        },
        message("thoughts") { $0.enumerated().map { block($0, "thinking", [$1]) } },
        message("thoughts between words") { pieces in
            pieces.enumerated().flatMap { index, piece in
                [block(2 * index, "thinking", ["Hm."]), block(2 * index + 1, "text", [piece])]
            }
        },
        JoinedScript(name: "the message and its deltas", dialect: .messages) { pieces in
            [messageStart.replacing("CONTENT", with: #"{"type":"text","text":"\#(pieces[0])"}"#)]
                + block(0, "text", Array(pieces.dropFirst())).dropFirst() + messageEnd
        },
    ]
}

// MARK: - Responses

extension JoinedScript {
    /// An item: the type of its parts, and what they say.
    private typealias Item = (type: String, parts: [String])

    private static func part(_ type: String, _ text: String) -> String {
        #"{"type":"\#(type)","\#(type == "refusal" ? "refusal" : "text")":"\#(text)"}"#
    }

    private static func item(_ item: Item, _ outer: Int, isDone: Bool) -> String {
        let parts = isDone ? item.parts.map { part(item.type, $0) }.joined(separator: ",") : ""
        switch item.type {
        case "call":
            return #"{"id":"i\#(outer)","type":"function_call","name":"find","arguments":"\#(isDone ? "{}" : "")"}"#
        case "summary_text": return #"{"id":"i\#(outer)","type":"reasoning","summary":[\#(parts)]}"#
        case "reasoning_text": return #"{"id":"i\#(outer)","type":"reasoning","content":[\#(parts)],"summary":[]}"#
        default: return #"{"id":"i\#(outer)","type":"message","role":"assistant","content":[\#(parts)]}"#
        }
    }

    /// Everything that a well-behaved server sends.
    private static func events(_ items: [Item]) -> [String] {
        var bodies = [#""type":"response.created","response":{"id":"r","output":[]}"#]
        for (outer, item) in items.enumerated() {
            let isSummary = item.type == "summary_text"
            let kind = isSummary ? "reasoning_summary_text" : item.type
            let part = isSummary ? "reasoning_summary_part" : "content_part"
            let index = isSummary ? "summary_index" : "content_index"
            let member = item.type == "refusal" ? "refusal" : "text"
            func body(_ type: String, _ inner: Int, _ rest: String) -> String {
                #""type":"response.\#(type)","item_id":"i\#(outer)","output_index":\#(outer),"\#(index)":\#(inner),\#(rest)"#
            }
            let at = #""output_index":\#(outer)"#
            bodies.append(
                #""type":"response.output_item.added",\#(at),"item":\#(Self.item(item, outer, isDone: false))"#)
            if item.type == "call" {
                bodies.append(body("function_call_arguments.delta", 0, #""delta":"{}""#))
                bodies.append(body("function_call_arguments.done", 0, #""arguments":"{}""#))
            }
            for (inner, text) in item.parts.enumerated() where item.type != "call" {
                bodies.append(body("\(part).added", inner, #""part":\#(Self.part(item.type, ""))"#))
                bodies.append(body("\(kind).delta", inner, #""delta":"\#(text)""#))
                bodies.append(body("\(kind).done", inner, #""\#(member)":"\#(text)""#))
                bodies.append(body("\(part).done", inner, #""part":\#(Self.part(item.type, text))"#))
            }
            bodies.append(#""type":"response.output_item.done",\#(at),"item":\#(Self.item(item, outer, isDone: true))"#)
        }
        let output = items.enumerated().map { item($1, $0, isDone: true) }.joined(separator: ",")
        return numbered(bodies + [#""type":"response.completed","response":{"id":"r","output":[\#(output)]}"#])
    }

    private static func numbered(_ bodies: [String]) -> [String] {
        bodies.enumerated().map { #"{\#($1),"sequence_number":\#($0)}"# }
    }

    private static func response(_ name: String, _ items: @escaping @Sendable ([String]) -> [Item]) -> JoinedScript {
        JoinedScript(name: name, dialect: .responses) { events(items($0)) }
    }

    /// What is said before any delta, and goes on in deltas.
    private static func beginning(_ name: String, _ begin: String) -> JoinedScript {
        JoinedScript(name: name, dialect: .responses) { pieces in
            let part = part("output_text", pieces[0])
            return numbered(
                [begin.replacing("ITEM", with: #"{"type":"message","content":[PART]}"#).replacing("PART", with: part)]
                    + pieces.dropFirst().map {
                        #""type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"\#($0)""#
                    } + [#""type":"response.completed","response":{"output":[]}"#])
        }
    }

    static let responses =
        ["output_text", "refusal", "reasoning_text", "summary_text"].flatMap { type in
            [
                response("\(type) of one item") { [(type, $0)] },
                response("\(type) of several items") { $0.map { (type, [$0]) } },
                response("\(type) of items with a call between") { $0.flatMap { [(type, [$0]), ("call", [])] } },
            ]
        } + [
            response("thoughts between words") { $0.flatMap { [("summary_text", ["Hm."]), ("output_text", [$0])] } },
            beginning("the response and its deltas", #""type":"response.created","response":{"output":[ITEM]}"#),
            beginning("an item and its deltas", #""type":"response.output_item.added","output_index":0,"item":ITEM"#),
            beginning("a part and its deltas", #""type":"response.content_part.added","output_index":0,"part":PART"#),
            JoinedScript(name: "items that are told once", dialect: .responses) { pieces in
                let items = pieces.enumerated().map { item(("output_text", [$1]), $0, isDone: true) }
                return numbered(
                    items.enumerated().map {
                        #""type":"response.output_item.done","output_index":\#($0),"item":\#($1)"#
                    }
                        + [#""type":"response.completed","response":{"output":[]}"#])
            },
            JoinedScript(name: "a response that is told once", dialect: .responses) { pieces in
                let items = pieces.enumerated().map { item(("output_text", [$1]), $0, isDone: true) }
                return numbered(
                    [#""type":"response.completed","response":{"output":[\#(items.joined(separator: ","))]}"#])
            },
            JoinedScript(name: "ends that say what no delta said", dialect: .responses) { pieces in
                events(pieces.map { ("output_text", [$0]) }).map { event in
                    event.contains(".delta\"") ? event.replacing(/"delta":"[^"]*"/, with: #""delta":"Fine.""#) : event
                }
            },
        ]
}

// MARK: - Transcripts

extension JoinedScript {
    private static let transcriptEnd = [
        #"{"type":"transcript.text.done","text":"","usage":{"input_tokens":3,"output_tokens":4}}"#
    ]

    static let transcripts = [
        JoinedScript(name: "deltas", dialect: .transcriptions) { pieces in
            pieces.map { #"{"type":"transcript.text.delta","delta":"\#($0)"}"# } + transcriptEnd
        },
        JoinedScript(name: "segments", dialect: .transcriptions) { pieces in
            pieces.enumerated().map {
                #"{"type":"transcript.text.segment","id":"s\#($0)","start":1,"end":2,"speaker":"A","text":"\#($1)"}"#
            } + transcriptEnd
        },
        JoinedScript(name: "segments between deltas", dialect: .transcriptions) { pieces in
            pieces.enumerated().flatMap {
                [
                    #"{"type":"transcript.text.delta","delta":"Hm. "}"#,
                    #"{"type":"transcript.text.segment","id":"s\#($0)","start":1,"end":2,"text":"\#($1)"}"#,
                ]
            } + transcriptEnd
        },
    ]
}

// MARK: - What readers read

/// The texts that readers lay together from a stream, by what is said and how often it was told before.
struct Readings {
    private(set) var texts: [String: [String: String]] = [:]

    init(_ run: TypedRun, _ dialect: Dialect) {
        for event in run.events {
            switch dialect {
            case .messages: readMessage(event)
            case .responses: readResponse(event)
            default: readTranscript(event)
            }
        }
    }

    /// Each laid end to end, in the order of its places.
    var joined: [String: String] {
        texts.mapValues { places in places.sorted { $0.key < $1.key }.map(\.value).joined() }
    }

    private mutating func add(_ kind: String, _ text: String?, at outer: Int = 0, _ inner: Int = 0) {
        guard let text else { return }
        func padded(_ number: Int) -> String {
            String(repeating: "0", count: 4 - String(number).count) + String(number)
        }
        texts[kind, default: [:]]["\(padded(outer)) \(padded(inner))", default: ""] += text
    }

    private mutating func readMessage(_ event: JSONDocument) {
        let root = event.root
        let outer = event.member("index", of: root).flatMap(event.int) ?? 0
        for name in ["text", "thinking"] {
            for place in ["content_block", "delta"] {
                let text = event.member(place, of: root).flatMap { event.member(name, of: $0) }.flatMap(event.string)
                add(name, text, at: outer)
            }
            guard let message = event.member("message", of: root), let content = event.member("content", of: message)
            else { continue }
            for (index, block) in event.elements(of: content).enumerated() {
                add(name, event.member(name, of: block).flatMap(event.string), at: index)
            }
        }
    }

    private mutating func readResponse(_ event: JSONDocument) {
        let root = event.root
        let type = event.member("type", of: root).flatMap(event.string) ?? ""
        let outer = event.member("output_index", of: root).flatMap(event.int) ?? 0
        let inner =
            ["content_index", "summary_index"].compactMap { event.member($0, of: root).flatMap(event.int) }.first ?? 0
        func isEnd(_ name: String) -> String { type.hasSuffix(".done") || name == "response" ? name : "pieces" }
        if type.hasSuffix(".delta") {
            let kind = type.replacing("response.", with: "").replacing("reasoning_summary_text", with: "summary_text")
            add("\(kind.dropLast(6)) pieces", event.member("delta", of: root).flatMap(event.string), at: outer, inner)
        }
        if let part = event.member("part", of: root) { read(part, isEnd("part"), outer, inner, event) }
        if let item = event.member("item", of: root) { readItem(item, isEnd("item"), outer, event) }
        if let response = event.member("response", of: root), let output = event.member("output", of: response) {
            for (outer, item) in event.elements(of: output).enumerated() {
                readItem(item, type == "response.completed" ? "response" : "pieces", outer, event)
            }
        }
        for name in ["text", "refusal"] where type.hasSuffix("\(name).done") {
            let kind = type.replacing("response.", with: "").replacing("reasoning_summary_text", with: "summary_text")
            add("\(kind.dropLast(5)) text", event.member(name, of: root).flatMap(event.string), at: outer, inner)
        }
    }

    private mutating func readItem(_ item: JSONNode, _ telling: String, _ outer: Int, _ event: JSONDocument) {
        for name in ["content", "summary"] {
            guard let parts = event.member(name, of: item) else { continue }
            for (inner, part) in event.elements(of: parts).enumerated() { read(part, telling, outer, inner, event) }
        }
    }

    private mutating func read(_ part: JSONNode, _ telling: String, _ outer: Int, _ inner: Int, _ event: JSONDocument) {
        let type = event.member("type", of: part).flatMap(event.string) ?? ""
        let text = event.member("text", of: part) ?? event.member("refusal", of: part)
        add("\(type) \(telling)", text.flatMap(event.string), at: outer, inner)
    }

    private mutating func readTranscript(_ event: JSONDocument) {
        let type = event.member("type", of: event.root).flatMap(event.string) ?? ""
        let text = event.member("text", of: event.root) ?? event.member("delta", of: event.root)
        add(type, text.flatMap(event.string))
    }
}
