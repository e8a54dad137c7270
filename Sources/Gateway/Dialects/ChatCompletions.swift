internal import JSON

/// OpenAI's `/v1/chat/completions`.
enum ChatCompletions {
    static func facts(_ reader: inout FieldReader, _ settings: DialectSettings) throws(PathExit) -> RequestFacts {
        var facts = RequestFacts(model: try reader.requireModel())
        try reader.readStream(into: &facts)
        facts.choices = try reader.int("n", in: 1...settings.choicesMax) ?? 1
        facts.endUser = try reader.endUser()
        // The newer name wins where both are given, as it does with OpenAI.
        for name in ["max_tokens", "max_completion_tokens"] as [StaticString] {
            if let cap = try reader.int(name, in: 1...Int(Int32.max)) {
                facts.outputTokensMax = max(cap, facts.outputTokensMax ?? 0)
                facts.outputCapName = name
            }
        }
        try readMessages(reader, settings, into: &facts)
        reader.readTemplates(into: &facts)
        return facts
    }

    private static func readMessages(
        _ reader: FieldReader, _ settings: DialectSettings, into facts: inout RequestFacts
    ) throws(PathExit) {
        let document = reader.document
        guard let messages = reader.member("messages"), document.kind(messages) == .array else {
            throw .refused(.invalid("messages", "`messages` must be an array of messages."))
        }
        let count = document.count(of: messages)
        guard count > 0, count <= settings.messagesMax else {
            throw .refused(
                .invalid("messages", "`messages` must hold 1 to \(settings.messagesMax) messages; it holds \(count)."))
        }
        for (index, message) in document.elements(of: messages).enumerated() {
            guard document.kind(message) == .object else {
                throw .refused(.invalid("messages[\(index)]", "`messages[\(index)]` must be an object."))
            }
            guard let role = document.member("role", of: message), document.kind(role) == .string else {
                throw .refused(.invalid("messages[\(index)].role", "`messages[\(index)].role` must be a string."))
            }
            guard let content = document.member("content", of: message), document.kind(content) == .array else {
                continue
            }
            for (part, node) in document.elements(of: content).enumerated() {
                readPart(document, node, at: "messages[\(index)].content[\(part)]", into: &facts)
            }
        }
    }

    /// Parts that are no text. What is text in a part of a type that nobody knows is screened all the same.
    private static func readPart(
        _ document: JSONDocument, _ part: JSONNode, at place: String, into facts: inout RequestFacts
    ) {
        if let image = document.member("image_url", of: part) {
            let url = document.member("url", of: image) ?? image
            let isInline = document.withUTF8(of: url) { $0.starts(with: "data:".utf8) }
            facts.unscreenable.append((isInline ? .images : .remoteImages, place))
        }
        if document.member("input_audio", of: part) != nil || document.member("audio_url", of: part) != nil {
            facts.unscreenable.append((.audio, place))
        }
        if document.member("file", of: part) != nil || document.member("video_url", of: part) != nil {
            facts.unscreenable.append((.files, place))
        }
        // What else a server may know is told by its type: only these are text for certain.
        guard let type = document.member("type", of: part) else { return }
        let isKnown = Self.knownParts.contains { document.utf8Equals(type, $0) }
        if !isKnown { facts.unscreenable.append((.files, place)) }
    }

    private static let knownParts: [StaticString] = [
        "text", "refusal", "image_url", "input_audio", "audio_url", "file",
    ]
}
