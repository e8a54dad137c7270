internal import JSON

/// OpenAI's `/v1/chat/completions`.
enum ChatCompletions {
    static func facts(_ reader: FieldReader, _ settings: DialectSettings) throws(PathExit) -> RequestFacts {
        var facts = RequestFacts(model: try reader.requireModel())
        try reader.readStream(into: &facts)
        facts.choices = try reader.int("n", in: 1...settings.choicesMax) ?? 1
        try reader.checkEndUser()
        // The larger is reserved, whichever the server heeds.
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
                readPart(document, node, message: index, part: part, into: &facts)
            }
        }
    }

    /// Notes what of a content part is no text. What is text in a part of a type that nobody knows is screened all the
    /// same.
    ///
    /// A server may go by the type or by the members, whatever the type says. So text is only what has nothing but the
    /// members of text.
    private static func readPart(
        _ document: JSONDocument, _ part: JSONNode, message: Int, part index: Int, into facts: inout RequestFacts
    ) {
        func note(_ what: Unscreenable) {
            facts.unscreenable.append((what, "messages[\(message)].content[\(index)]"))
        }
        guard document.kind(part) == .object else {
            if document.kind(part) != .string { note(.files) }
            return
        }
        document.forEachMember(of: part) { key, value in
            // Null means that the member is missing.
            if document.isNull(value) || textMembers.contains(where: { document.utf8Equals(key, $0) }) { return }
            if document.utf8Equals(key, "type") {
                if !knownParts.contains(where: { document.utf8Equals(value, $0) }) { note(.files) }
            } else if document.utf8Equals(key, "image_url") {
                let url = document.member("url", of: value) ?? value
                note(document.withUTF8(of: url) { $0.starts(with: "data:".utf8) } ? .images : .remoteImages)
            } else if document.utf8Equals(key, "input_audio") || document.utf8Equals(key, "audio_url") {
                note(.audio)
            } else {
                note(.files)
            }
        }
    }

    private static let textMembers: [StaticString] = ["text", "refusal", "cache_control"]
    private static let knownParts: [StaticString] = [
        "text", "refusal", "image_url", "input_audio", "audio_url", "file",
    ]
}
