internal import JSON

/// An answer of Anthropic's messages.
struct MessageTree: AnswerTree {
    let document: JSONDocument

    var usage: Usage? { document.member("usage", of: document.root).flatMap(Self.usage(document)) }

    /// Tokens of a message, as they stand in its `usage`. Those that were cached are told apart from the others.
    static func usage(_ document: JSONDocument) -> (JSONNode) -> Usage? {
        { node in
            guard let input = document.tokenCount("input_tokens", of: node) else { return nil }
            let cached = document.tokenCount("cache_read_input_tokens", of: node) ?? 0
            let written = document.tokenCount("cache_creation_input_tokens", of: node) ?? 0
            return Usage(
                input: input + cached + written, output: document.tokenCount("output_tokens", of: node),
                cachedInput: cached, cacheWrites: written)
        }
    }

    func check(choicesExpected: Int) throws(UpstreamFailure) {
        try document.checkAnswer()
        guard let content = document.member("content", of: document.root), document.kind(content) == .array else {
            throw .malformed("an answer without content")
        }
        for block in document.elements(of: content) where document.kind(block) != .object {
            throw .malformed("a block that is no object")
        }
    }

    func withheld(model: String, mayLeave: (JSONNode) -> Bool) -> [UInt8]? {
        var writer = JSONWriter()
        writer.object { writer in
            if let id = document.member("id", of: document.root), ProtocolWord.isHarmless(id, in: document),
                mayLeave(id)
            {
                writer.key("id" as StaticString)
                writer.value(id, of: document)
            }
            writer.raw(#""type":"message","role":"assistant""# as StaticString)
            writer.key("model" as StaticString)
            writer.string(model)
            writer.raw(#""content":[],"stop_reason":"refusal","stop_sequence":null"# as StaticString)
            writer.key("usage" as StaticString)
            writer.messageUsage(usage)
        }
        return writer.bytes
    }
}

/// How many tokens a request would have.
struct TokenCountTree: AnswerTree {
    let document: JSONDocument

    /// No model has worked.
    var usage: Usage? { Usage(input: 0, output: 0) }

    func check(choicesExpected: Int) throws(UpstreamFailure) {
        try document.checkAnswer()
        guard document.tokenCount("input_tokens", of: document.root) != nil else {
            throw .malformed("an answer without a count")
        }
    }
}

extension JSONWriter {
    /// Tokens as Anthropic's messages tell them.
    mutating func messageUsage(_ usage: Usage?) {
        object { writer in
            writer.key("input_tokens" as StaticString)
            writer.int(usage?.input ?? 0)
            writer.key("output_tokens" as StaticString)
            writer.int(usage?.output ?? 0)
        }
    }
}
