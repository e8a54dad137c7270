internal import JSON

/// The events of a streamed message.
///
/// A block begins, is said in pieces, and stops; no event says a text again. What a message begins with already, pieces
/// go on with.
struct MessageEvents: TypedEvents {
    static var places: ProtocolPlaces.Kind { Messages.eventPlaces }
    static var joined: [JoinedText] { Messages.joined }

    private let modelName: String?
    private var counted = Usage()
    private var hasStarted = false
    /// Blocks that have begun to leave and were not stopped.
    private var open: [Int] = []
    /// What has left of what tools are given, by block; and how much of it the upstream has said of those that go on.
    private var inputs: [Int: [UInt8]] = [:]
    private var inputBytes: [Int: Int] = [:]
    private let inputBytesMax: Int

    init(_ terms: StreamTerms) {
        modelName = terms.modelName
        inputBytesMax = terms.eventBytesMax
    }

    var usage: Usage? { counted.input == nil ? nil : counted }

    mutating func read(_ type: String, _ document: JSONDocument) throws(UpstreamFailure) -> TypedEvent {
        let root = document.root
        var event = TypedEvent()
        switch type {
        case "error": throw .malformed("an error in the stream")
        case "message_start":
            guard let message = document.member("message", of: root) else { return event }
            count(in: message, of: document)
            for text in Messages.joined {
                text.forEachPiece(below: message, of: document) { node, place in
                    event.pieces.append(
                        .init(node: node, text: TextID(kind: text.kind, outer: place.outer), way: .begins))
                }
            }
        case "content_block_start":
            guard let block = document.member("content_block", of: root) else { return event }
            let outer = try index(document)
            (event.begun, event.outer) = ([], outer)
            for text in Messages.joined {
                guard let node = text.piece(of: block, in: document) else { continue }
                event.begun?.append(text.kind)
                event.pieces.append(.init(node: node, text: TextID(kind: text.kind, outer: outer), way: .begins))
            }
        case "content_block_delta":
            let outer = try index(document)
            event.outer = outer
            guard let delta = document.member("delta", of: root) else { return event }
            for (kind, member) in Self.pieces {
                guard let node = document.member(member, of: delta), document.kind(node) == .string else { continue }
                let text = TextID(kind: kind, outer: outer)
                event.pieces.append(.init(node: node, text: text))
                if isJSON(text) { try count(input: document.utf8CountMax(of: node), at: outer) }
            }
            event.isPiece = event.pieces.count == 1
        case "content_block_stop":
            let outer = try index(document)
            (event.ended, event.outer) = (.outer(outer), outer)
        case "message_delta":
            event.ended = .all
            count(in: root, of: document)
        case "message_stop":
            event.ended = .all
            event.isLast = true
        default: return event
        }
        return event
    }

    /// Types of deltas, and the members of their texts. A text is told by its member, whatever the type says.
    private static let pieces: [(kind: String, member: StaticString)] = [
        ("text_delta", "text"), ("input_json_delta", "partial_json"), ("thinking_delta", "thinking"),
    ]

    /// Takes over what the upstream counted; its output counts from the beginning each time.
    private mutating func count(in node: JSONNode, of document: JSONDocument) {
        guard let node = document.member("usage", of: node) else { return }
        if let usage = MessageTree.usage(document)(node) {
            counted.input = max(counted.input ?? 0, usage.input ?? 0)
            counted.cachedInput = max(counted.cachedInput, usage.cachedInput)
            counted.cacheWrites = max(counted.cacheWrites, usage.cacheWrites)
        }
        if let output = document.tokenCount("output_tokens", of: node) { counted.output = output }
    }

    private mutating func count(input bytes: Int, at outer: Int) throws(UpstreamFailure) {
        inputBytes[outer, default: 0] += bytes
        guard inputBytes.values.reduce(0, +) <= inputBytesMax else { throw .malformed("too much that a tool is given") }
    }

    private func index(_ document: JSONDocument) throws(UpstreamFailure) -> Int {
        guard let node = document.member("index", of: document.root),
            let index = StreamChoice.index(node, of: document)
        else { throw .malformed("an index out of bounds") }
        return index
    }

    func isJSON(_ text: TextID) -> Bool { text.kind == "input_json_delta" }

    // MARK: - What leaves

    mutating func note(_ left: [UInt8], of text: TextID) {
        if isJSON(text) { inputs[text.outer, default: []] += left }
    }

    mutating func takeInputs(endedBy ended: TypedEvent.Ended) -> [[UInt8]] {
        let blocks = inputBytes.keys.filter { ended.contains(TextID(kind: "input_json_delta", outer: $0)) }.sorted()
        return blocks.compactMap { block in
            inputBytes[block] = nil
            return inputs.removeValue(forKey: block)
        }
    }

    mutating func prepare(_ type: String, _ document: JSONDocument, isRedacted: Bool, edits: inout JSONEdits) {
        let root = document.root
        switch type {
        case "message_start":
            hasStarted = true
            if let modelName, let message = document.member("message", of: root) {
                edits.setMember("model", raw: JSONWriter.json(modelName), of: message)
            }
        case "content_block_start":
            let index = document.member("index", of: root).flatMap(document.int)
            // A server may begin the same one again and again.
            if let index, !open.contains(index) { open.append(index) }
        case "content_block_stop":
            if let index = document.member("index", of: root).flatMap(document.int) { open.removeAll { $0 == index } }
        default: return
        }
    }

    mutating func writePiece(_ rest: [UInt8], of text: TextID, to output: inout [UInt8]) {
        output.appendEvent("content_block_delta") { writer in
            writer.key("index" as StaticString)
            writer.int(text.outer)
            writer.key("delta" as StaticString)
            writer.object { writer in
                writer.key("type" as StaticString)
                writer.string(text.kind)
                for (kind, member) in Self.pieces where kind == text.kind {
                    writer.key(member)
                    writer.string(utf8: rest)
                }
            }
        }
    }

    mutating func forgetLeft() { (hasStarted, open) = (false, []) }

    mutating func writeBlocked(_ tokens: Ending.Tokens, to output: inout [UInt8]) {
        if !hasStarted { writeStart(tokens, to: &output) }
        for index in open {
            output.appendEvent("content_block_stop") { writer in
                writer.key("index" as StaticString)
                writer.int(index)
            }
        }
        output.appendEvent("message_delta") { writer in
            writer.key("delta" as StaticString)
            writer.raw(#"{"stop_reason":"refusal","stop_sequence":null}"# as StaticString)
            writer.key("usage" as StaticString)
            writer.object { writer in
                writer.key("output_tokens" as StaticString)
                writer.int(tokens.output)
            }
        }
        output.appendEvent("message_stop") { _ in }
    }

    /// Client libraries take nothing before it.
    private func writeStart(_ tokens: Ending.Tokens, to output: inout [UInt8]) {
        output.appendEvent("message_start") { writer in
            writer.key("message" as StaticString)
            writer.object { writer in
                writer.raw(#""id":"msg_withheld","type":"message","role":"assistant","content":[]"# as StaticString)
                writer.key("model" as StaticString)
                writer.string(modelName ?? "")
                writer.raw(#""stop_reason":null,"stop_sequence":null"# as StaticString)
                writer.key("usage" as StaticString)
                writer.messageUsage(Usage(input: tokens.input, output: 0))
            }
        }
    }
}
