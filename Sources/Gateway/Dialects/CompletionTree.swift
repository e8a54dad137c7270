internal import JSON

/// An answer of OpenAI's chat completions and completions.
struct CompletionTree: AnswerTree {
    let dialect: Dialect
    let document: JSONDocument

    var usage: Usage? { document.completionUsage }

    /// The array of choices; an answer without one is no completion.
    var choices: JSONNode? {
        document.member("choices", of: document.root).flatMap { document.kind($0) == .array ? $0 : nil }
    }

    func check(choicesExpected: Int) throws(UpstreamFailure) {
        try document.checkAnswer()
        guard let choices else { throw .malformed("an answer without choices") }
        guard document.count(of: choices) <= choicesExpected else {
            throw .malformed("more choices than were asked for")
        }
        for choice in document.elements(of: choices) {
            guard document.kind(choice) == .object else { throw .malformed("a choice that is no object") }
            guard let index = document.member("index", of: choice), !document.isNull(index) else { continue }
            guard document.int(index).map({ (0..<choicesExpected).contains($0) }) ?? false else {
                throw .malformed("a choice that was not asked for")
            }
        }
    }

    func dropSpellings(isRedacted: Bool, besides edits: inout JSONEdits) {
        if isRedacted { dropLogProbabilities(besides: &edits) } else { dropStrangeLogProbabilities(besides: &edits) }
    }

    /// Takes the log-probabilities out of every choice: they spell the text again.
    private func dropLogProbabilities(besides edits: inout JSONEdits) {
        guard let choices else { return }
        for choice in document.elements(of: choices) where document.member("logprobs", of: choice) != nil {
            edits.setMember("logprobs", raw: Array("null".utf8), of: choice)
        }
    }

    // MARK: - In place of a blocked answer

    func withheld(model: String, mayLeave: (JSONNode) -> Bool) -> [UInt8]? {
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

extension JSONDocument {
    /// Tokens as OpenAI's older dialects tell them.
    var completionUsage: Usage? {
        guard let usage = member("usage", of: root), let input = tokenCount("prompt_tokens", of: usage) else {
            return nil
        }
        return Usage(
            input: input, output: tokenCount("completion_tokens", of: usage),
            cachedInput: cachedTokens("prompt_tokens_details", of: usage))
    }

    /// Prompt tokens that came from a cache, as OpenAI's dialects tell them below `details`.
    func cachedTokens(_ details: StaticString, of usage: JSONNode) -> Int {
        guard let details = member(details, of: usage), kind(details) == .object else { return 0 }
        return tokenCount("cached_tokens", of: details) ?? 0
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
