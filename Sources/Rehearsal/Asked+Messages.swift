/// Requests of Anthropic's Messages, and of counting their tokens.
extension Asked {
    mutating func readMessages(_ body: Value) throws(Complaint) {
        if let system = body["system"]?.unlessNull {
            try Self.checkContent(system, "system")
            readTurn("system", system)
        }
        guard let messages = body["messages"]?.elements, !messages.isEmpty else {
            throw Complaint(400, "messages: At least one message is required.")
        }
        for (index, message) in messages.enumerated() {
            guard let role = message["role"]?.text, ["user", "assistant"].contains(role) else {
                throw Complaint(400, "messages.\(index).role: Must be user or assistant.")
            }
            try Self.checkContent(message["content"], "messages.\(index).content")
            readTurn(role, message["content"])
        }
        tools = try Self.messageTools(body)
        toolChoice = try Self.messageToolChoice(body["tool_choice"], tools)
        for tool in tools { promptTokens += WordPieces.count(tool.name) + tool.parameters.encoded.count / 4 }
        if endpoint == .messages {
            guard let limit = try Self.number(body, "max_tokens", 1...100_000_000) else {
                throw Complaint(400, "max_tokens: Field required.")
            }
            tokensMax = limit
            stop = try Self.stopSequences(body["stop_sequences"]?.unlessNull)
        }
        try readThinking(body["thinking"]?.unlessNull)
    }

    /// A text, or blocks that each have what their type needs.
    private static func checkContent(_ content: Value?, _ place: String) throws(Complaint) {
        if content?.text != nil { return }
        guard let blocks = content?.elements else {
            throw Complaint(400, "\(place): Must be a text or an array of blocks.")
        }
        for (index, block) in blocks.enumerated() {
            guard let type = block["type"]?.text else {
                throw Complaint(400, "\(place).\(index).type: Field required.")
            }
            guard let needed = membersNeeded[type] else {
                throw Complaint(400, "\(place).\(index): There are no blocks of type \(type).")
            }
            for name in needed where block[name]?.unlessNull == nil {
                throw Complaint(400, "\(place).\(index).\(type).\(name): Field required.")
            }
        }
    }

    private static let membersNeeded = [
        "text": ["text"], "image": ["source"], "document": ["source"], "search_result": ["content"],
        "tool_use": ["id", "name", "input"], "tool_result": ["tool_use_id"], "thinking": ["thinking", "signature"],
        "redacted_thinking": ["data"],
    ]

    /// The tools that have a schema; the server's own are taken and never called.
    private static func messageTools(_ body: Value) throws(Complaint) -> [Tool] {
        var tools: [Tool] = []
        for (index, tool) in (body["tools"]?.elements ?? []).enumerated() {
            if let type = tool["type"]?.text, type != "custom" { continue }
            guard let name = tool["name"]?.text else { throw Complaint(400, "tools.\(index).name: Field required.") }
            guard let schema = tool["input_schema"], schema["type"] == "object" else {
                throw Complaint(400, "tools.\(index).input_schema: A schema of type object is required.")
            }
            tools.append(Tool(name: name, parameters: schema))
        }
        return tools
    }

    private static func messageToolChoice(_ choice: Value?, _ tools: [Tool]) throws(Complaint) -> ToolChoice {
        guard let choice = choice?.unlessNull else { return .auto }
        switch choice["type"]?.text {
        case "auto": return .auto
        case "none": return .none
        case "any" where !tools.isEmpty: return .required
        case "tool":
            guard let name = choice["name"]?.text, tools.contains(where: { $0.name == name }) else {
                throw Complaint(400, "tool_choice.name: Must be an offered tool.")
            }
            return .named(name)
        default: throw Complaint(400, "tool_choice.type: Must be auto, none, or with tools any or tool.")
        }
    }

    private static func stopSequences(_ value: Value?) throws(Complaint) -> [String] {
        guard let value else { return [] }
        let texts = value.elements?.compactMap(\.text)
        guard let texts, texts.count == value.elements?.count else {
            throw Complaint(400, "stop_sequences: Must be an array of texts.")
        }
        return texts
    }

    private mutating func readThinking(_ thinking: Value?) throws(Complaint) {
        guard let thinking else { return }
        switch thinking["type"]?.text {
        case "disabled": return
        case "adaptive": break
        case "enabled":
            let budget = thinking["budget_tokens"]?.integer ?? 0
            guard budget >= 1_024, budget < tokensMax ?? .max else {
                throw Complaint(400, "thinking.budget_tokens: Must be at least 1024 and less than max_tokens.")
            }
        default: throw Complaint(400, "thinking.type: Must be enabled, adaptive or disabled.")
        }
        if behaviour.reasoning == 0 { behaviour.reasoning = Self.reasoningTokens }
    }
}
