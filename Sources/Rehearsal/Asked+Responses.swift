/// Requests of OpenAI's Responses.
extension Asked {
    mutating func readResponses(_ body: Value) throws(Complaint) {
        request = body
        for name in ["previous_response_id", "conversation"] where body[name]?.unlessNull != nil {
            throw Complaint(
                400, "The rehearsal model keeps no responses: send all items as input.", param: name,
                code: "previous_response_not_found")
        }
        if body["background"]?.flag == true {
            throw Complaint(400, "The rehearsal model doesn't answer in the background.", param: "background")
        }
        tokensMax = try Self.number(body, "max_output_tokens", 1...100_000_000)
        if let instructions = body["instructions"]?.unlessNull {
            guard let text = instructions.text else {
                throw Complaint(400, "instructions must be a text.", param: "instructions")
            }
            readTurn("system", .string(text))
        }
        try readInput(body["input"])
        tools = try Self.responseTools(body)
        toolChoice = try Self.toolChoice(body["tool_choice"], tools)
        format = try Self.format(body["text"]?["format"]?.unlessNull, param: "text.format")
        if body["include"]?.elements?.contains("message.output_text.logprobs") == true {
            logprobs = try Self.number(body, "top_logprobs", 0...20) ?? 0
        }
        // A summary is what makes reasoning show.
        if body["reasoning"]?["summary"]?.unlessNull != nil, behaviour.reasoning == 0 {
            behaviour.reasoning = Self.reasoningTokens
        }
    }

    /// Tokens of reasoning where a request asks for it and no option says how many.
    static let reasoningTokens = 24

    private mutating func readInput(_ input: Value?) throws(Complaint) {
        if let text = input?.text { return readTurn("user", .string(text)) }
        guard let items = input?.elements, !items.isEmpty else {
            throw Complaint(400, "input must be a text or an array with at least one item.", param: "input")
        }
        for (index, item) in items.enumerated() {
            try readItem(item, "input[\(index)]")
        }
    }

    private mutating func readItem(_ item: Value, _ place: String) throws(Complaint) {
        let type = item["type"]?.text ?? (item["role"] == nil ? nil : "message")
        switch type {
        case "message":
            guard let role = item["role"]?.text, ["user", "assistant", "system", "developer"].contains(role) else {
                throw Complaint(
                    400, "A message's role is user, assistant, system or developer.", param: place + ".role")
            }
            guard let content = item["content"], content.text != nil || content.elements != nil else {
                throw Complaint(
                    400, "A message's content is a text or an array of parts.", param: place + ".content")
            }
            readTurn(role, content)
        case "function_call":
            for name in ["call_id", "name", "arguments"] where item[name]?.text == nil {
                throw Complaint(400, "A function_call needs \(name).", param: "\(place).\(name)")
            }
            readTurn("assistant", .string(String(decoding: item.encoded, as: UTF8.self)))
        case "function_call_output":
            guard item["call_id"]?.text != nil else {
                throw Complaint(400, "A function_call_output needs a call_id.", param: place + ".call_id")
            }
            guard let output = item["output"], output.text != nil || output.elements != nil else {
                throw Complaint(400, "An output is a text or an array of parts.", param: place + ".output")
            }
            readTurn("tool", output)
        case .some(let other): readTurn(other, .string(String(decoding: item.encoded, as: UTF8.self)))
        case nil: throw Complaint(400, "An item needs a type.", param: place + ".type")
        }
    }

    /// The functions among the tools; others are taken and never called.
    private static func responseTools(_ body: Value) throws(Complaint) -> [Tool] {
        var tools: [Tool] = []
        for (index, tool) in (body["tools"]?.elements ?? []).enumerated() {
            guard let type = tool["type"]?.text else {
                throw Complaint(400, "A tool needs a type.", param: "tools[\(index)].type")
            }
            guard type == "function" else { continue }
            guard let name = tool["name"]?.text else {
                throw Complaint(400, "A function needs a name.", param: "tools[\(index)].name")
            }
            tools.append(Tool(name: name, parameters: tool["parameters"]?.unlessNull ?? [:]))
        }
        return tools
    }
}
