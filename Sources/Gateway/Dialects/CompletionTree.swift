internal import JSON

/// Where answers of OpenAI's dialects keep what the gateway reads and writes.
struct CompletionTree {
    let dialect: Dialect
    let document: JSONDocument

    /// What any request may have by way of choices, whatever it asked for.
    static let choicesMax = 128

    /// Tokens as the upstream counted them. Nonsense is read as nothing, so that it can't be charged.
    var usage: Usage? {
        guard let usage = document.member("usage", of: document.root), document.kind(usage) == .object else {
            return nil
        }
        func count(_ name: StaticString) -> Int? {
            document.member(name, of: usage).flatMap(document.int).flatMap {
                (0...Int(Int32.max)).contains($0) ? $0 : nil
            }
        }
        guard let input = count("prompt_tokens") else { return nil }
        return Usage(input: input, output: count("completion_tokens") ?? 0)
    }

    /// The array of choices; an answer without one is no completion.
    var choices: JSONNode? {
        document.member("choices", of: document.root).flatMap { document.kind($0) == .array ? $0 : nil }
    }

    /// Refuses what is no whole answer in the dialect. A server may say 200 and then that it failed.
    func check(choicesExpected: Int) throws(UpstreamFailure) {
        guard document.kind(document.root) == .object else { throw .malformed("an answer that is no object") }
        if let error = document.member("error", of: document.root), !document.isNull(error) {
            throw .malformed("an error with status 200")
        }
        guard dialect != .embeddings else { return }
        guard let choices else { throw .malformed("an answer without choices") }
        guard document.count(of: choices) <= max(choicesExpected, Self.choicesMax) else {
            throw .malformed("more choices than anybody asked for")
        }
        for choice in document.elements(of: choices) where document.kind(choice) != .object {
            throw .malformed("a choice that is no object")
        }
    }

    /// Takes the log-probabilities out of every answer of which something was redacted: they spell the text again.
    func dropLogProbabilities(besides edits: inout JSONEdits) {
        guard let choices else { return }
        for choice in document.elements(of: choices) where document.member("logprobs", of: choice) != nil {
            edits.setMember("logprobs", raw: Array("null".utf8), of: choice)
        }
    }

    // MARK: - In place of a blocked answer

    /// The answer with nothing said in it, each choice ended by the content filter; `nil` in a dialect whose answers have
    /// no way to say so.
    ///
    /// It is written anew, so that nothing is in it that the upstream said but short numbers and words of the protocol.
    ///
    /// - Parameter mayLeave: judges one of those words.
    func withheld(model: String, mayLeave: (JSONNode) -> Bool) -> [UInt8]? {
        guard dialect != .embeddings else { return nil }
        var writer = JSONWriter()
        writer.object { writer in
            for name in ["id", "object", "created"] as [StaticString] {
                guard let node = document.member(name, of: document.root), ProtocolWord.isHarmless(node, in: document),
                    mayLeave(node)
                else { continue }
                writer.key(name)
                writer.value(node, of: document)
            }
            writer.key("model" as StaticString)
            writer.string(model)
            writer.key("choices" as StaticString)
            writer.array { writer in
                guard let choices else { return }
                for (position, choice) in document.elements(of: choices).enumerated() {
                    let index = document.member("index", of: choice).flatMap(document.int) ?? position
                    writeWithheld((0...Int(Int32.max)).contains(index) ? index : position, into: &writer)
                }
            }
            if let usage, let input = usage.input {
                writer.key("usage" as StaticString)
                writer.usage(input: input, output: usage.output ?? 0)
            }
        }
        return writer.bytes
    }

    private func writeWithheld(_ index: Int, into writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("index" as StaticString)
            writer.int(index)
            switch dialect {
            case .chatCompletions:
                writer.key("message" as StaticString)
                // Client libraries take null too, but programs often don't.
                writer.raw(#"{"role":"assistant","content":"","refusal":null}"# as StaticString)
            default:
                writer.key("text" as StaticString)
                writer.string("")
            }
            writer.key("logprobs" as StaticString)
            writer.null()
            writer.key("finish_reason" as StaticString)
            writer.string("content_filter")
        }
    }
}

extension JSONWriter {
    /// Tokens as OpenAI's dialects tell them.
    mutating func usage(input: Int, output: Int) {
        object { writer in
            writer.key("prompt_tokens" as StaticString)
            writer.int(input)
            writer.key("completion_tokens" as StaticString)
            writer.int(output)
            writer.key("total_tokens" as StaticString)
            writer.int(input + output)
        }
    }
}
