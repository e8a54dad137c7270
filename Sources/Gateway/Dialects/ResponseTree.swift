internal import JSON

/// An answer of OpenAI's responses.
struct ResponseTree: AnswerTree {
    let document: JSONDocument

    var usage: Usage? { document.member("usage", of: document.root).flatMap(Self.usage(document)) }

    /// Tokens of a response, as they stand in its `usage`.
    static func usage(_ document: JSONDocument) -> (JSONNode) -> Usage? {
        { node in
            document.tokenCount("input_tokens", of: node).map {
                Usage(
                    input: $0, output: document.tokenCount("output_tokens", of: node),
                    cachedInput: document.cachedTokens("input_tokens_details", of: node))
            }
        }
    }

    func check(choicesExpected: Int) throws(UpstreamFailure) {
        try document.checkAnswer()
        guard let output = document.member("output", of: document.root), document.kind(output) == .array else {
            throw .malformed("an answer without output")
        }
        for item in document.elements(of: output) where document.kind(item) != .object {
            throw .malformed("an item that is no object")
        }
    }

    func dropSpellings(isRedacted: Bool, besides edits: inout JSONEdits) {
        guard let output = document.member("output", of: document.root) else { return }
        for item in document.elements(of: output) {
            Self.dropSpellings(of: item, in: document, isRedacted: isRedacted, besides: &edits)
        }
    }

    /// Takes log-probabilities out of an item's parts, unless they spell what leaves.
    static func dropSpellings(
        of item: JSONNode, in document: JSONDocument, isRedacted: Bool, besides edits: inout JSONEdits
    ) {
        guard let content = document.member("content", of: item) else { return }
        for part in document.elements(of: content) {
            dropSpellings(beside: part, in: document, isRedacted: isRedacted, besides: &edits)
        }
    }

    /// The same for one part, or an event that says its text.
    static func dropSpellings(
        beside part: JSONNode, text: StaticString = "text", in document: JSONDocument, isPiece: Bool = false,
        isRedacted: Bool, besides edits: inout JSONEdits
    ) {
        guard let node = document.member("logprobs", of: part), !document.isNull(node) else { return }
        let entries =
            isRedacted
            ? nil
            : document.member(text, of: part).flatMap { text in
                LogProbability(document: document).json(of: node, spelling: text, isPiece: isPiece)
            }
        edits.replace(node, withRaw: entries ?? Array("[]".utf8))
    }

    func withheld(model: String, mayLeave: (JSONNode) -> Bool) -> [UInt8]? {
        var envelope = ResponseEnvelope()
        envelope.learn(from: document.root, of: document) { ProtocolWord.isHarmless($0, in: document) && mayLeave($0) }
        envelope.model = Array(model.utf8)
        var writer = JSONWriter()
        envelope.writeWithheld(into: &writer, text: [], usage: usage)
        return writer.bytes
    }
}

/// What a response says of itself before it says anything, for one that is written anew.
struct ResponseEnvelope {
    private var id: [UInt8]?
    private var createdAt: [UInt8]?
    /// As text.
    var model: [UInt8]?

    mutating func learn(from response: JSONNode, of document: JSONDocument, where mayLeave: (JSONNode) -> Bool) {
        func json(_ name: StaticString) -> [UInt8]? {
            guard let node = document.member(name, of: response), mayLeave(node) else { return nil }
            return JSONWriter.json(node, of: document)
        }
        id = json("id")
        createdAt = json("created_at")
    }

    /// Writes the response as one that the content filter ended.
    ///
    /// - Parameters:
    ///   - text: what of its message has left already.
    ///   - hasEnded: whether it is that, or a response that has but begun.
    func writeWithheld(into writer: inout JSONWriter, text: [UInt8], usage: Usage?, hasEnded: Bool = true) {
        writer.object { writer in
            writer.key("id" as StaticString)
            writer.raw(id ?? Array(#""resp_withheld""#.utf8))
            writer.key("object" as StaticString)
            writer.string("response")
            writer.key("created_at" as StaticString)
            writer.raw(createdAt ?? Array("0".utf8))
            writer.key("status" as StaticString)
            writer.string(hasEnded ? "incomplete" : "in_progress")
            writer.key("error" as StaticString)
            writer.null()
            writer.key("incomplete_details" as StaticString)
            if hasEnded { writer.raw(#"{"reason":"content_filter"}"# as StaticString) } else { writer.null() }
            writer.key("model" as StaticString)
            writer.string(utf8: model ?? [])
            writer.key("output" as StaticString)
            writer.array { writer in
                if !text.isEmpty { writeMessage(text, into: &writer) }
            }
            // Client libraries want these of every response.
            writer.key("parallel_tool_calls" as StaticString)
            writer.bool(true)
            writer.key("tool_choice" as StaticString)
            writer.string("auto")
            writer.key("tools" as StaticString)
            writer.array { _ in }
            guard let usage, let input = usage.input else { return }
            writer.key("usage" as StaticString)
            writer.responseUsage(input: input, output: usage.output ?? 0)
        }
    }

    private func writeMessage(_ text: [UInt8], into writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("id" as StaticString)
            writer.string("msg_withheld")
            writer.key("type" as StaticString)
            writer.string("message")
            writer.key("status" as StaticString)
            writer.string("incomplete")
            writer.key("role" as StaticString)
            writer.string("assistant")
            writer.key("content" as StaticString)
            writer.array { writer in
                writer.object { writer in
                    writer.key("type" as StaticString)
                    writer.string("output_text")
                    writer.key("text" as StaticString)
                    writer.string(utf8: text)
                    writer.key("annotations" as StaticString)
                    writer.array { _ in }
                }
            }
        }
    }
}

extension JSONWriter {
    /// Tokens as OpenAI's responses tell them.
    mutating func responseUsage(input: Int, output: Int) {
        object { writer in
            writer.key("input_tokens" as StaticString)
            writer.int(input)
            writer.key("input_tokens_details" as StaticString)
            writer.raw(#"{"cached_tokens":0}"# as StaticString)
            writer.key("output_tokens" as StaticString)
            writer.int(output)
            writer.key("output_tokens_details" as StaticString)
            writer.raw(#"{"reasoning_tokens":0}"# as StaticString)
            writer.key("total_tokens" as StaticString)
            writer.int(input + output)
        }
    }
}
