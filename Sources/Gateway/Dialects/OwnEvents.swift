internal import JSON

/// Writes the events that a gateway adds to a stream, in the shape of those that the upstream sends.
struct OwnEvents {
    let dialect: Dialect
    /// In place of the upstream's, where that differs from the caller's.
    let modelName: [UInt8]?
    /// The members that every event begins with; `nil` until one has come.
    private var envelope: [UInt8]?

    init(dialect: Dialect, modelName: [UInt8]?) {
        self.dialect = dialect
        self.modelName = modelName
    }

    /// Takes over what events begin with from the first that came.
    ///
    /// - Parameter isClean: whether all of its text may leave; otherwise only words of the protocol are taken over.
    mutating func learn(from document: JSONDocument, isClean: Bool) {
        guard envelope == nil else { return }
        var writer = JSONWriter()
        writer.beginObject()
        for name in ["id", "object", "created", "model"] as [StaticString] {
            guard let key = document.memberKey(name, of: document.root),
                let node = document.member(name, of: document.root)
            else { continue }
            if let modelName, document.utf8Equals(key, "model") {
                writer.key(name)
                writer.raw(modelName)
            } else if isClean || ProtocolWord.isHarmless(node, in: document) {
                writer.key(name)
                writer.value(node, of: document)
            }
        }
        writer.endObject()
        envelope = Array(writer.bytes.dropFirst().dropLast())
    }

    /// Writes an event of one choice, to which `body` adds what it says.
    func writeChoice(
        _ index: Int, finishReason: String? = nil, to output: inout [UInt8], _ body: (inout JSONWriter) -> Void
    ) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("index" as StaticString)
        writer.int(index)
        body(&writer)
        writer.key("finish_reason" as StaticString)
        if let finishReason { writer.string(finishReason) } else { writer.null() }
        writer.endObject()
        output.append(contentsOf: "data: {".utf8)
        if let envelope, !envelope.isEmpty {
            output.append(contentsOf: envelope)
            output.append(0x2C)
        }
        output.append(contentsOf: #""choices":["#.utf8)
        output.append(contentsOf: writer.bytes)
        output.append(contentsOf: "]}\n\n".utf8)
    }

    /// Writes the event by which a filter ends a choice.
    func writeBlocked(_ index: Int, to output: inout [UInt8]) {
        writeChoice(index, finishReason: "content_filter", to: &output) { writeNothing(into: &$0) }
    }

    /// A choice that says nothing, in place of one that was ended.
    func silentChoice(_ index: Int) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("index" as StaticString)
            writer.int(index)
            writeNothing(into: &writer)
            writer.key("finish_reason" as StaticString)
            writer.null()
        }
        return writer.bytes
    }

    private func writeNothing(into writer: inout JSONWriter) {
        switch dialect {
        case .chatCompletions:
            writer.key("delta" as StaticString)
            writer.object { _ in }
        default:
            writer.key("text" as StaticString)
            writer.string("")
        }
    }

    /// Writes the event of usage.
    func writeUsage(_ tokens: Ending.Tokens, to output: inout [UInt8]) {
        guard let envelope else { return }
        var writer = JSONWriter()
        writer.usage(input: tokens.input, output: tokens.output)
        output.append(contentsOf: "data: {".utf8)
        if !envelope.isEmpty {
            output.append(contentsOf: envelope)
            output.append(0x2C)
        }
        output.append(contentsOf: #""choices":[],"usage":"#.utf8)
        output.append(contentsOf: writer.bytes)
        output.append(contentsOf: "}\n\n".utf8)
    }

    static let end = Array("data: [DONE]\n\n".utf8)
}
