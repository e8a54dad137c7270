internal import JSON

/// OpenAI's `/v1/responses`.
///
/// A server that keeps responses could be told, by the id of one, to put text before the model that no filter sees now.
/// So that is refused, and servers are told to keep nothing, unless the model's policy admits `stored_text`.
enum Responses {
    static let traits = DialectTraits(
        path: "/v1/responses", operationName: "chat", recordDialect: .openAIResponses, namesEvents: true,
        outputCapMember: "max_output_tokens", requestPlaces: requestPlaces, answerPlaces: answerPlaces)

    static func facts(_ reader: FieldReader, _ settings: DialectSettings) throws(PathExit) -> RequestFacts {
        var facts = RequestFacts(model: try reader.requireModel())
        facts.isStream = try reader.bool("stream") ?? false
        facts.asksForUsage = true
        try reader.checkEndUser()
        facts.outputTokensMax = try reader.int("max_output_tokens", in: 1...Int(Int32.max))
        facts.outputCapName = "max_output_tokens"
        _ = try reader.string("instructions")
        try readStored(reader, into: &facts)
        try readInput(reader, settings, into: &facts)
        readTools(reader, into: &facts)
        reader.readTemplates(into: &facts)
        return facts
    }

    private static func readStored(_ reader: FieldReader, into facts: inout RequestFacts) throws(PathExit) {
        for name in ["previous_response_id", "conversation", "prompt"] as [StaticString]
        where reader.member(name) != nil {
            facts.unscreenable.append((.storedText, "\(name)"))
        }
        let stores = try reader.bool("store")
        if stores == true { facts.unscreenable.append((.storedText, "store")) }
        if try reader.bool("background") == true { facts.unscreenable.append((.storedText, "background")) }
        // A server that is not told keeps what it answers.
        facts.mustNotBeStored = stores == nil
    }

    private static func readInput(
        _ reader: FieldReader, _ settings: DialectSettings, into facts: inout RequestFacts
    ) throws(PathExit) {
        let document = reader.document
        guard let input = reader.member("input") else {
            throw .refused(.invalid("input", "`input` is missing. Send a string or an array of items."))
        }
        if document.kind(input) == .string { return }
        guard document.kind(input) == .array else {
            throw .refused(.invalid("input", "`input` must be a string or an array of items."))
        }
        let count = document.count(of: input)
        guard count > 0, count <= settings.messagesMax else {
            throw .refused(
                .invalid("input", "`input` must hold 1 to \(settings.messagesMax) items; it holds \(count)."))
        }
        for (index, item) in document.elements(of: input).enumerated() {
            guard document.kind(item) == .object else {
                throw .refused(.invalid("input[\(index)]", "`input[\(index)]` must be an object."))
            }
            try readItem(document, item, at: "input[\(index)]", into: &facts)
        }
    }

    private static func readItem(
        _ document: JSONDocument, _ item: JSONNode, at place: String, into facts: inout RequestFacts
    ) throws(PathExit) {
        let type = document.member("type", of: item).flatMap { document.isNull($0) ? nil : $0 }
        guard type.map({ document.kind($0) == .string }) ?? true else {
            throw .refused(.invalid("\(place).type", "`\(place).type` must be a string."))
        }
        let isMessage = type.map { document.utf8Equals($0, "message") } ?? true
        if isMessage {
            guard let role = document.member("role", of: item), document.kind(role) == .string else {
                throw .refused(.invalid("\(place).role", "`\(place).role` must be a string."))
            }
        }
        if let type, document.utf8Equals(type, "item_reference") { facts.unscreenable.append((.storedText, place)) }
        for name in ["content", "output"] as [StaticString] {
            guard let parts = document.member(name, of: item) else { continue }
            switch document.kind(parts) {
            case .array:
                for (index, node) in document.elements(of: parts).enumerated() {
                    try part.read(document, node, at: "\(place).\(name)[\(index)]", into: &facts)
                }
            case .object: try part.read(document, parts, at: "\(place).\(name)", into: &facts)
            default: continue
            }
        }
        // What a hosted tool drew.
        if document.member("result", of: item) != nil { facts.unscreenable.append((.images, "\(place).result")) }
    }

    private static let part = ContentPart(
        types: [
            "input_text", "output_text", "text", "summary_text", "reasoning_text", "refusal", "input_image",
            "input_audio",
            "input_file", "computer_screenshot",
        ], texts: ["text", "refusal", "annotations", "logprobs", "detail"])

    /// Tools that the server itself runs bring text before the model that no filter has seen.
    private static func readTools(_ reader: FieldReader, into facts: inout RequestFacts) {
        guard let tools = reader.member("tools") else { return }
        let document = reader.document
        for (index, tool) in document.elements(of: tools).enumerated() {
            guard let type = document.member("type", of: tool),
                !callersTools.contains(where: { document.utf8Equals(type, $0) })
            else { continue }
            facts.unscreenable.append((.hostedTools, "tools[\(index)]"))
        }
    }

    /// Tools that the caller runs.
    private static let callersTools: [StaticString] = ["function", "custom", "local_shell", "apply_patch"]
}

// MARK: - Where text stands

extension Responses {
    typealias Places = ProtocolPlaces.Places

    /// Of a part of an item.
    private static let partPlaces: Places = [
        (.text, ["text", "refusal", "annotations", "logprobs", "file", "input_audio"]),
        (.identifier, ["type", "detail", "input_audio/format"]),
        (.data, ["image_url", "file_data", "input_audio/data"]),
        (.spelled, ["logprobs/**"]),
    ]

    /// Of an item of the input or of the output.
    private static let itemPlaces: Places =
        [
            (.text, ["content", "output", "summary", "summary/*/text", "name", "queries", "action"]),
            (.arguments, ["arguments", "input"]),
            (.identifier, ["type", "role", "status", "call_id", "summary/*/type", "phase"]),
            (.answerID, ["id"]),
            (.data, ["encrypted_content", "result", "output/image_url"]),
        ] + under("content/*", partPlaces) + under("output/*", partPlaces)

    private static let settingPlaces: Places = [
        (
            .text,
            [
                "instructions", "tools", "tools/*/name", "tools/*/description", "tools/*/parameters", "metadata",
                "text",
                "text/format", "text/format/name", "text/format/schema", "reasoning", "include", "user",
                "tool_choice/name",
                "safety_identifier", "prompt_cache_key", "store", "stream", "parallel_tool_calls", "background",
            ]
        ),
        (
            .number,
            ["max_output_tokens", "max_tool_calls", "temperature", "top_p", "top_logprobs", "presence_penalty"]
                + ["frequency_penalty"]
        ),
        (
            .identifier,
            [
                "model", "tools/*/type", "tool_choice", "tool_choice/type", "text/format/type", "text/verbosity",
                "reasoning/effort", "reasoning/summary", "include/*", "service_tier", "truncation",
                "previous_response_id", "prompt_cache_retention",
            ]
        ),
    ]

    static let requestPlaces = ProtocolPlaces.Kind(
        settingPlaces + [(.text, ["input"])] + under("input/*", itemPlaces),
        joined: [["input", nil, "content"], ["input", nil, "output"], ["input", nil, "summary"]],
        typed: typed(["input", nil]),
        // Of calls, whatever was called, and of searches.
        brought: [
            BroughtText(path: ["input", nil, "output"]), BroughtText(path: ["input", nil, "outputs"]),
            BroughtText(path: ["input", nil, "results"]),
        ])

    private static func typed(_ items: [StaticString?]) -> [ProtocolPlaces.TypedData] {
        [
            .init(
                objects: items, member: "encrypted_content",
                types: ["reasoning", "compaction", "compaction_summary", "context_compaction"]),
            .init(objects: items, member: "result", types: ["image_generation_call"]),
            .init(objects: items + ["output"], member: "image_url", types: ["computer_screenshot"]),
        ] + typedParts(items + ["content", nil]) + typedParts(items + ["output", nil])
    }

    private static func typedParts(_ parts: [StaticString?]) -> [ProtocolPlaces.TypedData] {
        [
            .init(objects: parts, member: "image_url", types: ["input_image", "computer_screenshot"]),
            .init(objects: parts, member: "file_data", types: ["input_file"]),
        ]
    }

    private static let answer: Places =
        settingPlaces + under("output/*", itemPlaces) + [
            (.text, ["output", "usage", "incomplete_details", "error"]),
            (.identifier, ["object", "status", "incomplete_details/reason"]),
            (.answerID, ["id"]),
            (.number, ["created_at", "completed_at"]),
            (.quantity, ["usage/*", "usage/*/*"]),
        ]

    /// Of an answer, by the events that say it.
    static let joined = [
        JoinedText(
            kind: "response.output_text", path: ["output", nil, "content", nil], member: "text", type: "output_text"),
        JoinedText(
            kind: "response.refusal", path: ["output", nil, "content", nil], member: "refusal", type: "refusal"),
        JoinedText(
            kind: "response.reasoning_text", path: ["output", nil, "content", nil], member: "text",
            type: "reasoning_text"),
        JoinedText(
            kind: "response.reasoning_summary_text", path: ["output", nil, "summary", nil], member: "text",
            type: "summary_text"),
    ]

    static let answerPlaces = ProtocolPlaces.Kind(
        answer, joined: [["output", nil, "content"]], texts: joined, typed: typed(["output", nil]), isAnswer: true)

    static let eventPlaces = ProtocolPlaces.Kind(
        under("response", answer) + under("item", itemPlaces) + under("part", partPlaces) + [
            (.text, ["response", "item", "part", "delta", "text", "refusal", "logprobs", "annotation", "name"]),
            (.arguments, ["arguments", "input"]),
            (.identifier, ["type", "status"]),
            (.word, ["item_id", "obfuscation"]),
            (.number, ["sequence_number", "output_index", "content_index", "summary_index", "annotation_index"]),
            (.spelled, ["logprobs/**"]),
        ], joined: [["response", "output", nil, "content"], ["item", "content"]],
        texts: joined.map { $0.under("response") },
        typed: typed(["response", "output", nil]) + typed(["item"]) + typedParts(["part"]), isAnswer: true)

    /// The same places, below another.
    static func under(_ prefix: String, _ places: Places) -> Places {
        places.map { ($0.place, $0.patterns.map { "\(prefix)/\($0)" }) }
    }
}
