internal import JSON

/// The events of a streamed response.
///
/// `….delta` says a piece of a text, `….done` all of it again; so do the ends of the part, of the item and of the response.
/// Pieces go on with what the response, the item or the part began with.
/// Every event has a number, and the gateway counts anew, because it leaves some out and adds some.
struct ResponseEvents: TypedEvents {
    static var places: ProtocolPlaces.Kind { Responses.eventPlaces }
    static var joined: [JoinedText] { Responses.joined }

    private let modelName: String?
    private(set) var usage: Usage?
    private var envelope: ResponseEnvelope?
    private var isNumbered = false
    private var number = 0
    /// Whether any event has left.
    private var hasStarted = false
    /// Of the items that texts stand in, for events of our own.
    private var itemIDs: [Int: [UInt8]] = [:]
    /// What events call the arguments of an item's call, where that is not a function's.
    private var argumentKinds: [Int: String] = [:]
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
        if let response = document.member("response", of: root), let output = document.member("output", of: response) {
            for (outer, item) in document.elements(of: output).enumerated() {
                event.pieces += beginnings(of: item, document, outer)
            }
        }
        let outer = try index("output_index", document)
        event.outer = outer
        if type.hasSuffix(".delta"), let delta = document.member("delta", of: root), document.kind(delta) == .string {
            let kind = inputKind(String(type.dropLast(6)), outer)
            let text = TextID(kind: kind, outer: outer, inner: try inner(of: kind, document))
            event.pieces = [.init(node: delta, text: text)]
            event.isPiece = true
        } else if type.hasSuffix(".done") {
            try readDone(type, document, outer, into: &event)
        } else if type.hasSuffix(".added") {
            if let part = document.member("part", of: root) {
                event.begun = [Self.kind(of: part, document)]
                event.pieces += try texts(of: part, document, outer).map { .init(node: $0, text: $1, way: .begins) }
            }
            if let item = document.member("item", of: root) {
                let type = document.member("type", of: item)
                let known = Self.items.first { item in type.map { document.utf8Equals($0, item.type) } ?? false }
                event.begun = known?.kinds ?? []
                if type.map({ document.utf8Equals($0, "mcp_call") }) ?? false {
                    _ = inputKind("response.mcp_call_arguments", outer)
                }
                event.pieces += beginnings(of: item, document, outer)
            }
        }
        return event
    }

    /// What is said in the parts of items, which begin with events of their own.
    private static let items: [(type: StaticString, kinds: [String])] = [
        ("message", ["response.output_text", "response.refusal"]),
        ("reasoning", ["response.reasoning_text", "response.reasoning_summary_text"]),
    ]

    /// Reads what ends a text, and says all of it again.
    private func readDone(
        _ type: String, _ document: JSONDocument, _ outer: Int, into event: inout TypedEvent
    ) throws(UpstreamFailure) {
        let root = document.root
        var said: [(node: JSONNode, text: TextID)] = []
        var telling = TextID.Telling.text
        if type == "response.output_item.done" {
            event.ended = .outer(outer)
            telling = .item
            if let item = document.member("item", of: root) { said = Self.texts(of: item, document, outer) }
        } else if let part = document.member("part", of: root) {
            telling = .part
            let kind = Self.kind(of: part, document)
            event.ended = .text(TextID(kind: kind, outer: outer, inner: try inner(of: kind, document)))
            said = try texts(of: part, document, outer)
        } else {
            let kind = Self.isArguments(type.dropLast(5)) ? Self.arguments : String(type.dropLast(5))
            let text = TextID(kind: kind, outer: outer, inner: try inner(of: kind, document))
            event.ended = .text(text)
            if let joined = Responses.joined.first(where: { $0.kind == kind }),
                let node = document.member(joined.member, of: root), document.kind(node) == .string
            {
                said = [(node, text)]
            }
        }
        // What no other text goes on with is judged with the event.
        for (node, text) in said where Responses.joined.contains(where: { $0.kind == text.kind }) {
            var text = text
            text.telling = telling
            event.pieces.append(.init(node: node, text: text, way: .isWhole))
        }
    }

    /// The texts of a part are told by its type.
    private static func kind(of part: JSONNode, _ document: JSONDocument) -> String {
        let type = document.member("type", of: part).flatMap(document.string) ?? ""
        return type == "summary_text" ? "response.reasoning_summary_text" : "response.\(type)"
    }

    /// The texts of the part that an event is about.
    private func texts(
        of part: JSONNode, _ document: JSONDocument, _ outer: Int
    ) throws(UpstreamFailure) -> [(node: JSONNode, text: TextID)] {
        let kind = Self.kind(of: part, document)
        let text = TextID(kind: kind, outer: outer, inner: try inner(of: kind, document))
        if let joined = Responses.joined.first(where: { $0.kind == kind }) {
            return joined.piece(of: part, in: document).map { [($0, text)] } ?? []
        }
        guard let node = document.member("text", of: part), document.kind(node) == .string else { return [] }
        return [(node, text)]
    }

    /// The texts of an item's parts.
    private static func texts(
        of item: JSONNode, _ document: JSONDocument, _ outer: Int
    ) -> [(node: JSONNode, text: TextID)] {
        var texts: [(node: JSONNode, text: TextID)] = []
        for joined in Responses.joined {
            joined.below(2).forEachPiece(below: item, of: document) { node, place in
                // Of the array of parts, the only one on the way.
                texts.append((node, TextID(kind: joined.kind, outer: outer, inner: place.outer)))
            }
        }
        return texts
    }

    /// What an item says already where it begins.
    private func beginnings(of item: JSONNode, _ document: JSONDocument, _ outer: Int) -> [TypedEvent.Piece] {
        var texts = Self.texts(of: item, document, outer)
        for (name, kind) in Self.inputs {
            guard let node = document.member(name, of: item), document.kind(node) == .string else { continue }
            texts.append((node, TextID(kind: kind, outer: outer)))
        }
        return texts.map { .init(node: $0, text: $1, way: .begins) }
    }

    /// What tools are given.
    private static let inputs: [(member: StaticString, kind: String)] = [
        ("arguments", Self.arguments), ("input", "response.custom_tool_call_input"),
        ("code", "response.code_interpreter_call_code"),
    ]

    /// Arguments of all kinds of calls are one kind of text, so that none goes on unseen as another's.
    private static let arguments = "response.function_call_arguments"

    private static func isArguments(_ kind: some StringProtocol) -> Bool { kind.hasSuffix("_arguments") }

    /// The kind of a text; what arguments were called is kept for events of our own.
    private mutating func inputKind(_ kind: String, _ outer: Int) -> String {
        guard Self.isArguments(kind) else { return kind }
        if kind != Self.arguments, argumentKinds.count < Self.itemsMax || argumentKinds[outer] != nil {
            argumentKinds[outer] = kind
        }
        return Self.arguments
    }

    /// What a tool is given is no part of an item, whatever an index says.
    private static func isInput(_ kind: String) -> Bool { inputs.contains { $0.kind == kind } }

    private func inner(of kind: String, _ document: JSONDocument) throws(UpstreamFailure) -> Int {
        if Self.isInput(kind) { return 0 }
        return try index(Self.isSummary(kind) ? "summary_index" : "content_index", document)
    }

    private static func isSummary(_ kind: String) -> Bool { kind.contains("summary") }

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
        hasStarted = true
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
        if text.kind == Self.words, text.telling == .pieces, sent.count < Self.sentBytesMax { sent += left }
    }

    /// A longer answer is not said again in full where a filter ends it.
    private static let sentBytesMax = 1 << 20

    mutating func writePiece(_ rest: [UInt8], of text: TextID, to output: inout [UInt8]) {
        let number = isNumbered ? nextNumber() : nil
        let itemID = itemIDs[text.outer]
        let kind = text.kind == Self.arguments ? argumentKinds[text.outer] ?? text.kind : text.kind
        output.appendEvent(kind + ".delta") { writer in
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
            if !Self.isInput(text.kind) {
                let inner: StaticString = Self.isSummary(text.kind) ? "summary_index" : "content_index"
                writer.key(inner)
                writer.int(text.inner)
            }
            writer.key("delta" as StaticString)
            writer.string(utf8: rest)
            if text.kind == Self.words {
                writer.key("logprobs" as StaticString)
                writer.array { _ in }
            }
        }
    }

    mutating func forgetLeft() { (hasStarted, number, sent) = (false, 0, []) }

    mutating func writeBlocked(_ tokens: Ending.Tokens, to output: inout [UInt8]) {
        // Client libraries take nothing before it, and want numbers.
        if !hasStarted {
            isNumbered = true
            writeOwn("response.created", usage: nil, to: &output)
        }
        writeOwn("response.incomplete", usage: Usage(input: tokens.input, output: tokens.output), to: &output)
    }

    /// - Parameter usage: `nil` where the response has but begun.
    private mutating func writeOwn(_ type: String, usage: Usage?, to output: inout [UInt8]) {
        let number = isNumbered ? nextNumber() : nil
        let (envelope, sent) = (envelope ?? ResponseEnvelope(), sent)
        output.appendEvent(type) { writer in
            if let number {
                writer.key("sequence_number" as StaticString)
                writer.int(number)
            }
            writer.key("response" as StaticString)
            envelope.writeWithheld(into: &writer, text: sent, usage: usage, hasEnded: usage != nil)
        }
    }
}
