internal import JSON

/// OpenAI's `/v1/chat/completions`.
enum ChatCompletions {
    static let traits = DialectTraits(
        path: "/v1/chat/completions", operationName: "chat", recordDialect: .openAIChat, outputCapMember: "max_tokens")

    static func facts(_ reader: FieldReader, _ settings: DialectSettings) throws(PathExit) -> RequestFacts {
        var facts = RequestFacts(model: try reader.requireModel())
        try reader.readStream(into: &facts)
        facts.choices = try reader.int("n", in: 1...settings.choicesMax) ?? 1
        try reader.checkEndUser()
        // The larger is reserved, whichever the server heeds.
        for name in outputCaps {
            if let cap = try reader.int(name, in: 1...Int(Int32.max)) {
                facts.outputTokensMax = max(cap, facts.outputTokensMax ?? 0)
                facts.outputCapName = name
            }
        }
        try readMessages(reader, settings, into: &facts)
        reader.readTemplates(into: &facts)
        return facts
    }

    private static let outputCaps: [StaticString] = ["max_tokens", "max_completion_tokens"]

    private static func readMessages(
        _ reader: FieldReader, _ settings: DialectSettings, into facts: inout RequestFacts
    ) throws(PathExit) {
        let document = reader.document
        try reader.forEachMessage(max: settings.messagesMax) { (message, index) throws(PathExit) in
            guard let content = document.member("content", of: message) else { return }
            for (position, node) in document.elements(of: content).enumerated() {
                try part.read(document, node, at: "messages[\(index)].content[\(position)]", into: &facts)
            }
        }
    }

    private static let part = ContentPart(
        types: ["text", "refusal", "image_url", "input_audio", "audio_url", "file"],
        texts: ["text", "refusal", "cache_control"])
}
