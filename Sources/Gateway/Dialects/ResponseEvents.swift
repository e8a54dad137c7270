internal import JSON

/// The events of a streamed response.
///
/// `….delta` says a piece of a text, `….done` all of it again; so do the ends of the part, of the item and of the response.
/// Every event has a number, and the gateway counts anew, because it leaves some out and adds some.
struct ResponseEvents: TypedEvents {
    static var places: ProtocolPlaces.Kind { Responses.eventPlaces }

    private let modelName: String?
    private(set) var usage: Usage?
    private var envelope: ResponseEnvelope?
    private var isNumbered = false
    private var number = 0
    /// Of the items that texts stand in, for events of our own.
    private var itemIDs: [Int: [UInt8]] = [:]
    /// Texts of later items leave without their item's id where the gateway says the rest of them.
    private static let itemsMax = 1_024
    /// What has left of the answer's own words.
    private var sent: [UInt8] = []

    init(_ terms: StreamTerms) {
        modelName = terms.modelName
    }

    private static let lasts: Set<String> = ["response.completed", "response.incomplete", "response.cancelled"]
    private static let words = "response.output_text"

    mutating func read(_ type: String, _ document: JSONDocument) throws(UpstreamFailure) -> TypedEvent {
        let root = document.root
        if type == "error" || type == "response.failed" { throw .malformed("an error in the stream") }
        var event = TypedEvent()
        if Self.lasts.contains(type) {
            event.ended = .all
            event.isLast = true
            if let response = document.member("response", of: root),
                let node = document.member("usage", of: response)
            {
                usage = ResponseTree.usage(document)(node)
            }
            return event
        }
        let outer = try index("output_index", document)
        if type.hasSuffix(".delta"), let delta = document.member("delta", of: root), document.kind(delta) == .string {
            let text = TextID(kind: String(type.dropLast(6)), outer: outer, inner: try inner(document))
            event.pieces = [(delta, text)]
            event.isPiece = true
        } else if type == "response.output_item.done" {
            event.ended = .outer(outer)
        } else if type.hasSuffix(".done") {
            event.ended = .text(try text(of: type, document, outer))
        } else if type.hasSuffix(".added") {
            event.pieces = try beginning(type, document, outer)
        }
        return event
    }

    /// The text that a `….done` is about.
    private func text(of type: String, _ document: JSONDocument, _ outer: Int) throws(UpstreamFailure) -> TextID {
        var kind = String(type.dropLast(5))
        if let part = document.member("part", of: document.root) { kind = Self.kind(of: part, document) }
        return TextID(kind: kind, outer: outer, inner: try inner(document))
    }

    /// The texts of a part are told by its type.
    private static func kind(of part: JSONNode, _ document: JSONDocument) -> String {
        let type = document.member("type", of: part).flatMap(document.string) ?? ""
        return type == "summary_text" ? "response.reasoning_summary_text" : "response.\(type)"
    }

    /// What an event that begins a part or an item says of its text already.
    private func beginning(
        _ type: String, _ document: JSONDocument, _ outer: Int
    ) throws(UpstreamFailure) -> [(JSONNode, TextID)] {
        func string(_ name: StaticString, of node: JSONNode) -> JSONNode? {
            document.member(name, of: node).flatMap { document.kind($0) == .string ? $0 : nil }
        }
        if let part = document.member("part", of: document.root) {
            let text = TextID(kind: Self.kind(of: part, document), outer: outer, inner: try inner(document))
            return ["text", "refusal"].compactMap { name in string(name, of: part).map { ($0, text) } }
        }
        guard let item = document.member("item", of: document.root) else { return [] }
        let beginnings: [(StaticString, String)] = [
            ("arguments", "response.function_call_arguments"), ("input", "response.custom_tool_call_input"),
        ]
        return beginnings.compactMap { name, kind in
            string(name, of: item).map { ($0, TextID(kind: kind, outer: outer)) }
        }
    }

    private func inner(_ document: JSONDocument) throws(UpstreamFailure) -> Int {
        let content = try index("content_index", document)
        return try content + index("summary_index", document)
    }

    private func index(_ name: StaticString, _ document: JSONDocument) throws(UpstreamFailure) -> Int {
        guard let node = document.member(name, of: document.root), !document.isNull(node) else { return 0 }
        guard let index = StreamChoice.index(node, of: document) else { throw .malformed("an index out of bounds") }
        return index
    }

    func isJSON(_ text: TextID) -> Bool {
        text.kind.hasSuffix("arguments") || text.kind == "response.custom_tool_call_input"
    }

    // MARK: - What leaves

    mutating func learn(_ type: String, from document: JSONDocument) {
        let root = document.root
        if envelope == nil, let response = document.member("response", of: root) {
            var envelope = ResponseEnvelope()
            envelope.learn(from: response, of: document) { ProtocolWord.isHarmless($0, in: document) }
            let model = document.member("model", of: response).flatMap(document.string) ?? ""
            envelope.model = Array((modelName ?? model).utf8)
            self.envelope = envelope
        }
        guard type == "response.output_item.added", let item = document.member("item", of: root),
            let id = document.member("id", of: item), ProtocolWord.isHarmless(id, in: document),
            let outer = document.member("output_index", of: root).flatMap(document.int),
            itemIDs.count < Self.itemsMax || itemIDs[outer] != nil
        else { return }
        itemIDs[outer] = JSONWriter.json(id, of: document)
    }

    mutating func prepare(_ type: String, _ document: JSONDocument, isRedacted: Bool, edits: inout JSONEdits) {
        let root = document.root
        if document.member("sequence_number", of: root) != nil {
            isNumbered = true
            var digits: [UInt8] = []
            digits.appendDecimal(nextNumber())
            edits.setMember("sequence_number", raw: digits, of: root)
        }
        let response = document.member("response", of: root)
        if let modelName, let response, document.member("model", of: response) != nil {
            edits.setMember("model", raw: JSONWriter.json(modelName), of: response)
        }
        let isPiece = type.hasSuffix(".delta")
        ResponseTree.dropSpellings(
            beside: root, text: isPiece ? "delta" : "text", in: document, isPiece: isPiece, isRedacted: isRedacted,
            besides: &edits)
        if let part = document.member("part", of: root) {
            ResponseTree.dropSpellings(beside: part, in: document, isRedacted: isRedacted, besides: &edits)
        }
        if let item = document.member("item", of: root) {
            ResponseTree.dropSpellings(of: item, in: document, isRedacted: isRedacted, besides: &edits)
        }
        guard let response, let output = document.member("output", of: response) else { return }
        for item in document.elements(of: output) {
            ResponseTree.dropSpellings(of: item, in: document, isRedacted: isRedacted, besides: &edits)
        }
    }

    private mutating func nextNumber() -> Int {
        defer { number += 1 }
        return number
    }

    mutating func note(_ left: [UInt8], of text: TextID) {
        if text.kind == Self.words, sent.count < Self.sentBytesMax { sent += left }
    }

    /// A longer answer is not said again in full where a filter ends it.
    private static let sentBytesMax = 1 << 20

    mutating func writePiece(_ rest: [UInt8], of text: TextID, to output: inout [UInt8]) {
        let number = isNumbered ? nextNumber() : nil
        let itemID = itemIDs[text.outer]
        output.appendEvent(text.kind + ".delta") { writer in
            if let number {
                writer.key("sequence_number" as StaticString)
                writer.int(number)
            }
            if let itemID {
                writer.key("item_id" as StaticString)
                writer.raw(itemID)
            }
            writer.key("output_index" as StaticString)
            writer.int(text.outer)
            let inner: StaticString = text.kind.contains("summary") ? "summary_index" : "content_index"
            writer.key(inner)
            writer.int(text.inner)
            writer.key("delta" as StaticString)
            writer.string(utf8: rest)
            if text.kind == Self.words {
                writer.key("logprobs" as StaticString)
                writer.array { _ in }
            }
        }
    }

    mutating func writeBlocked(_ tokens: Ending.Tokens, to output: inout [UInt8]) {
        let number = isNumbered ? nextNumber() : nil
        let (envelope, sent) = (envelope ?? ResponseEnvelope(), sent)
        output.appendEvent("response.incomplete") { writer in
            if let number {
                writer.key("sequence_number" as StaticString)
                writer.int(number)
            }
            writer.key("response" as StaticString)
            envelope.writeWithheld(
                into: &writer, text: sent, usage: Usage(input: tokens.input, output: tokens.output))
        }
    }
}
