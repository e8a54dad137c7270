internal import JSON

/// Anthropic's `/v1/messages`, and `/v1/messages/count_tokens`, which takes the same request.
enum Messages {
    static let traits = DialectTraits(
        path: "/v1/messages", api: .anthropic, operationName: "chat", recordDialect: .anthropicMessages,
        namesEvents: true,
        outputCapMember: "max_tokens", requestPlaces: requestPlaces, answerPlaces: answerPlaces)

    static let countTraits = DialectTraits(
        path: "/v1/messages/count_tokens", api: .anthropic, operationName: "count_tokens",
        recordDialect: .anthropicTokenCounts, requestPlaces: requestPlaces, answerPlaces: answerPlaces)

    static func facts(_ reader: FieldReader, _ settings: DialectSettings) throws(PathExit) -> RequestFacts {
        var facts = try countFacts(reader, settings)
        facts.isStream = try reader.bool("stream") ?? false
        facts.asksForUsage = true
        facts.choices = 1
        facts.outputTokensMax = try reader.int("max_tokens", in: 1...Int(Int32.max))
        facts.outputCapName = "max_tokens"
        return facts
    }

    static func countFacts(_ reader: FieldReader, _ settings: DialectSettings) throws(PathExit) -> RequestFacts {
        var facts = RequestFacts(model: try reader.requireModel())
        facts.choices = 0
        let document = reader.document
        try reader.forEachMessage(max: settings.messagesMax) { message, index in
            guard let content = document.member("content", of: message) else { return }
            BlockReader(document: document).read(content, at: "messages[\(index)].content", into: &facts)
        }
        if let system = reader.member("system") {
            BlockReader(document: document).read(system, at: "system", into: &facts)
        }
        try checkEndUser(reader)
        readTools(reader, into: &facts)
        reader.readTemplates(into: &facts)
        return facts
    }

    /// The caller's own end user must be told by a string, whether or not anything is counted by it.
    private static func checkEndUser(_ reader: FieldReader) throws(PathExit) {
        let document = reader.document
        guard let metadata = reader.member("metadata") else { return }
        guard document.kind(metadata) == .object else {
            throw .refused(.invalid("metadata", "`metadata` must be an object."))
        }
        guard let user = document.member("user_id", of: metadata), !document.isNull(user),
            document.kind(user) != .string
        else { return }
        throw .refused(.invalid("metadata.user_id", "`metadata.user_id` must be a string."))
    }

    /// Tools that the server itself runs bring text before the model that no filter has seen.
    private static func readTools(_ reader: FieldReader, into facts: inout RequestFacts) {
        let document = reader.document
        for name in ["mcp_servers", "container"] as [StaticString] where reader.member(name) != nil {
            facts.unscreenable.append((.hostedTools, "\(name)"))
        }
        guard let tools = reader.member("tools") else { return }
        for (index, tool) in document.elements(of: tools).enumerated() {
            guard let type = document.member("type", of: tool), !document.isNull(type) else { continue }
            let isCallers = document.withUTF8(of: type) { text in
                callersTools.contains { text.starts(with: $0) }
            }
            if !isCallers { facts.unscreenable.append((.hostedTools, "tools[\(index)]")) }
        }
    }

    /// What types of tools begin with that the caller runs; a date follows.
    private static let callersTools = ["custom", "bash_", "text_editor_", "computer_", "memory_"].map { Array($0.utf8) }
}

/// Notes what of the blocks of a message is no text.
private struct BlockReader {
    let document: JSONDocument

    /// - Parameter content: a string, or an array of blocks; a server may take a block alone for that.
    func read(_ content: JSONNode, at place: @autoclosure () -> String, into facts: inout RequestFacts) {
        if document.kind(content) == .object { return readBlock(content, at: place(), into: &facts) }
        for (index, block) in document.elements(of: content).enumerated() {
            readBlock(block, at: "\(place())[\(index)]", into: &facts)
        }
    }

    private static let texts: [StaticString] = [
        "type", "text", "thinking", "signature", "id", "name", "input", "tool_use_id", "is_error", "cache_control",
        "citations", "title", "context", "caller",
    ]

    private func readBlock(
        _ block: JSONNode, at place: @autoclosure () -> String, into facts: inout RequestFacts
    ) {
        guard document.kind(block) == .object else {
            if document.kind(block) != .string { facts.unscreenable.append((.files, place())) }
            return
        }
        func isA(_ type: StaticString) -> Bool {
            document.member("type", of: block).map { document.utf8Equals($0, type) } ?? false
        }
        let (isSearchResult, isHiddenThought) = (isA("search_result"), isA("redacted_thinking"))
        document.forEachMember(of: block) { key, value in
            if document.isNull(value) || Self.texts.contains(where: { document.utf8Equals(key, $0) }) { return }
            // What a model thought and its provider encrypted, given back so that it can go on.
            if isHiddenThought, document.utf8Equals(key, "data"), document.kind(value) == .string,
                ProtocolWord.isOfBase64(value, in: document)
            {
                return
            }
            if document.utf8Equals(key, "content") {
                read(value, at: "\(place()).content", into: &facts)
            } else if document.utf8Equals(key, "source") {
                // Of a search result it is an address, as text.
                if !isSearchResult { readSource(value, of: block, at: "\(place()).source", into: &facts) }
            } else {
                facts.unscreenable.append((.files, place()))
            }
        }
    }

    /// What an image or a document is made of.
    private func readSource(_ source: JSONNode, of block: JSONNode, at place: String, into facts: inout RequestFacts) {
        func isOne(_ name: StaticString, of node: JSONNode, _ value: StaticString) -> Bool {
            document.member(name, of: node).map { document.utf8Equals($0, value) } ?? false
        }
        let isImage = isOne("type", of: block, "image")
        guard document.kind(source) == .object else { return facts.unscreenable.append((.files, place)) }
        if isOne("type", of: source, "text"), !isImage { return }
        if isOne("type", of: source, "content"), let content = document.member("content", of: source) {
            return read(content, at: "\(place).content", into: &facts)
        }
        if isImage, isOne("type", of: source, "url") { return facts.unscreenable.append((.remoteImages, place)) }
        facts.unscreenable.append((isImage && isOne("type", of: source, "base64") ? .images : .files, place))
        if isOne("type", of: source, "base64"), let data = document.member("data", of: source),
            document.kind(data) == .string, ProtocolWord.isData(data, in: document)
        {
            facts.data.insert(data)
        }
    }
}

// MARK: - Where text stands

extension Messages {
    private static let blockPlaces: Responses.Places = [
        (.text, ["text", "thinking", "name", "input", "content", "source", "title", "context", "citations"]),
        (.text, ["is_error", "cache_control", "content/*/text", "source/data"]),
        (
            .identifier,
            ["type", "tool_use_id", "cache_control/type", "cache_control/ttl", "source/type", "source/media_type"]
                + ["content/*/type"]
        ),
        (.answerID, ["id"]),
        (.data, ["signature", "data"]),
    ]

    static let requestPlaces = ProtocolPlaces.Kind(
        [
            (
                .text,
                [
                    "messages", "messages/*/content", "system", "system/*/text", "system/*/cache_control", "tools",
                    "tools/*/name", "tools/*/description", "tools/*/input_schema", "tools/*/cache_control",
                    "stop_sequences",
                    "metadata", "metadata/user_id", "stream", "thinking", "tool_choice", "tool_choice/name",
                    "tool_choice/disable_parallel_tool_use", "output_config",
                ]
            ),
            (.number, ["max_tokens", "temperature", "top_p", "top_k", "thinking/budget_tokens"]),
            (
                .identifier,
                [
                    "model", "messages/*/role", "system/*/type", "system/*/cache_control/type", "tools/*/type",
                    "tools/*/cache_control/type", "tool_choice/type", "thinking/type", "service_tier",
                    "output_config/effort",
                ]
            ),
        ] + Responses.under("messages/*/content/*", blockPlaces)
            // A tool's result holds blocks too.
            + Responses.under("messages/*/content/*/content/*", blockPlaces),
        joined: [
            ["messages", nil, "content"], ["system"],
            // Of a tool's result, or of what was found; of a document; of a document in a result.
            ["messages", nil, "content", nil, "content"], ["messages", nil, "content", nil, "source", "content"],
            ["messages", nil, "content", nil, "content", nil, "content"],
            ["messages", nil, "content", nil, "content", nil, "source", "content"],
        ],
        typed: typed(["messages", nil, "content", nil]) + typed(["messages", nil, "content", nil, "content", nil]),
        inputs: [["messages", nil, "content", nil, "input"]],
        brought: [
            BroughtText(
                path: ["messages", nil, "content", nil], member: "type", words: ["document", "search_result"],
                endings: ["tool_result"])
        ])

    private static func typed(_ blocks: [StaticString?]) -> [ProtocolPlaces.TypedData] {
        [
            .init(objects: blocks, member: "signature", types: ["thinking"]),
            .init(objects: blocks, member: "data", types: ["redacted_thinking"]),
        ]
    }

    private static let answer: Responses.Places =
        [
            (.text, ["content", "stop_sequence", "usage", "container", "context_management"]),
            (.identifier, ["type", "role", "model", "stop_reason", "usage/service_tier"]),
            (.answerID, ["id"]),
            (.quantity, ["usage/*", "usage/*/*", "input_tokens"]),
        ] + Responses.under("content/*", blockPlaces)

    /// Of an answer, by the types of the deltas that say it. A text is told by its member, whatever the type says.
    static let joined = [
        JoinedText(kind: "text_delta", path: ["content", nil], member: "text"),
        JoinedText(kind: "thinking_delta", path: ["content", nil], member: "thinking"),
    ]

    static let answerPlaces = ProtocolPlaces.Kind(
        answer, texts: joined, typed: typed(["content", nil]), inputs: [["content", nil, "input"]],
        isAnswer: true)

    static let eventPlaces = ProtocolPlaces.Kind(
        Responses.under("message", answer) + Responses.under("content_block", blockPlaces) + [
            (.text, ["message", "content_block", "delta", "delta/text", "delta/thinking", "delta/stop_sequence"]),
            (.text, ["delta/citation", "usage", "delta/container"]),
            (.arguments, ["delta/partial_json"]),
            (.identifier, ["type", "delta/type", "delta/stop_reason"]),
            (.data, ["delta/signature"]),
            (.number, ["index"]),
            (.quantity, ["usage/*", "usage/*/*"]),
        ],
        typed: typed(["message", "content", nil]) + typed(["content_block"]) + [
            .init(objects: ["delta"], member: "signature", types: ["signature_delta"])
        ], inputs: [["content_block", "input"], ["message", "content", nil, "input"]], isAnswer: true)
}
