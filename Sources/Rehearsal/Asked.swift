/// What a request for an answer asks, read from its JSON body.
struct Asked: Sendable {
    enum ToolChoice: Sendable, Hashable { case none, auto, required, named(String) }
    enum Format: Sendable, Hashable { case text, object, schema(Value) }

    struct Tool: Sendable, Hashable {
        var name: String
        var parameters: Value
    }

    var endpoint: Endpoint
    /// The model's name as asked for, options included.
    var model: String
    var behaviour: Behaviour
    /// Every text of the prompt; for completions and embeddings one an answer.
    var prompts: [String]
    /// The last user message, for echoing.
    var lastUserText = ""
    var images = 0
    var promptTokens: Int
    var seed: Int?
    /// Of all prompts and the request's own seed; every choice begins with it.
    private(set) var promptSeed = Seed()
    var isStreamed = false
    var includesUsage = false
    var n = 1
    var tokensMax: Int?
    var stop: [String] = []
    var tools: [Tool] = []
    var toolChoice = ToolChoice.auto
    var format = Format.text
    /// How many alternatives a token's log probability comes with; nil if none are wanted.
    var logprobs: Int?
    /// Completions: the prompt comes back before the answer.
    var echoes = false
    var dimensions = 256
    var isBase64 = false
    /// Responses: the request, parts of which the answer repeats.
    var request: Value = .null
    var audio = Audio()
    /// Images: as addresses rather than Base64.
    var wantsAddresses = false

    init(_ endpoint: Endpoint, _ body: Value, header: String?, _ configuration: RehearsalConfiguration)
        throws(Complaint)
    {
        guard body.members != nil else { throw Complaint(400, "The body must be a JSON object.") }
        guard let model = body["model"]?.text, !model.isEmpty else {
            throw Complaint(400, "Name a model, like rehearsal.", param: "model")
        }
        self.endpoint = endpoint
        self.model = model
        behaviour = try Self.behaviour(model, header: header, configuration)
        prompts = []
        promptTokens = 0
        isStreamed = body["stream"]?.flag ?? false
        switch endpoint {
        case .chat: try readChat(body)
        case .completions: try readCompletions(body)
        case .embeddings: try readEmbeddings(body)
        case .responses: try readResponses(body)
        case .messages, .countTokens: try readMessages(body)
        case .transcriptions: try readTranscription(body)
        case .images: try readImages(body)
        }
        promptSeed = prompts.reduce(Seed()) { $0.adding($1) }.adding(seed ?? 0)
    }

    private static func behaviour(_ model: String, header: String?, _ configuration: RehearsalConfiguration)
        throws(Complaint) -> Behaviour
    {
        let parts = model.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let named = Behaviour.named(parts[0], over: configuration.behaviour)
        guard var behaviour = named ?? (configuration.acceptsAnyModel ? configuration.behaviour : nil) else {
            throw Complaint(
                404, "There is no model \(model). Use one of: \(Behaviour.names.joined(separator: ", ")).",
                param: "model", code: "model_not_found")
        }
        do throws(BehaviourError) {
            if parts.count > 1 { try behaviour.apply(options: parts[1]) }
            if let header { try behaviour.apply(options: header) }
        } catch {
            throw Complaint(
                400, "The rehearsal option \(error.option) can't be read. \(error.advice)", param: "model",
                code: "unknown_option")
        }
        return behaviour
    }

    static func number(_ body: Value, _ name: String, _ range: ClosedRange<Int>) throws(Complaint) -> Int? {
        guard let value = body[name]?.unlessNull else { return nil }
        guard let number = value.integer, range.contains(number) else {
            throw Complaint(
                400, "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound).", param: name)
        }
        return number
    }

    /// What chat and completions have in common.
    private mutating func readSampling(_ body: Value) throws(Complaint) {
        includesUsage = body["stream_options"]?["include_usage"]?.flag ?? false
        seed = body["seed"]?.integer
        n = try Self.number(body, "n", 1...128) ?? 1
        let olderName = try Self.number(body, "max_tokens", 0...100_000_000)
        tokensMax = try Self.number(body, "max_completion_tokens", 0...100_000_000) ?? olderName
        stop = body["stop"]?.text.map { [$0] } ?? body["stop"]?.elements?.compactMap(\.text) ?? []
    }

    private mutating func readChat(_ body: Value) throws(Complaint) {
        try readSampling(body)
        guard let messages = body["messages"]?.elements, !messages.isEmpty else {
            throw Complaint(400, "messages must be an array with at least one message.", param: "messages")
        }
        for (index, message) in messages.enumerated() {
            guard let role = message["role"]?.text else {
                throw Complaint(400, "A message needs a role.", param: "messages[\(index)].role")
            }
            readTurn(role, message["content"])
        }
        tools = try Self.tools(body)
        toolChoice = try Self.toolChoice(body["tool_choice"], tools)
        format = try Self.format(body["response_format"])
        if body["logprobs"]?.flag == true {
            logprobs = try Self.number(body, "top_logprobs", 0...20) ?? 0
        }
    }

    mutating func readTurn(_ role: String, _ content: Value?) {
        let text = text(of: content)
        prompts.append(role + ": " + text)
        promptTokens += WordPieces.count(text) + 4
        if role == "user" { lastUserText = text }
    }

    /// The text of a message's content, a string or parts; counts image parts. Recursion is bounded by the parser's depth.
    private mutating func text(of content: Value?) -> String {
        if let text = content?.text { return text }
        var texts: [String] = []
        for part in content?.elements ?? [] {
            switch part["type"]?.text {
            case "image_url", "input_image", "image":
                images += 1
                promptTokens += 85
            case "tool_use", "document", "input_file", "file":
                texts.append(String(decoding: part.encoded, as: UTF8.self))
            case "tool_result": texts.append(text(of: part["content"]))
            case "thinking": texts.append(part["thinking"]?.text ?? "")
            default: if let text = part["text"]?.text { texts.append(text) }
            }
        }
        return texts.joined(separator: "\n")
    }

    private static func tools(_ body: Value) throws(Complaint) -> [Tool] {
        var tools: [Tool] = []
        for (index, tool) in (body["tools"]?.elements ?? []).enumerated() {
            guard let name = tool["function"]?["name"]?.text ?? tool["custom"]?["name"]?.text else {
                throw Complaint(400, "A tool needs a function with a name.", param: "tools[\(index)]")
            }
            tools.append(Tool(name: name, parameters: tool["function"]?["parameters"] ?? [:]))
        }
        return tools
    }

    static func toolChoice(_ value: Value?, _ tools: [Tool]) throws(Complaint) -> ToolChoice {
        switch value?.text {
        case "none": return .none
        case "required": return tools.isEmpty ? .none : .required
        case "auto": return .auto
        default: break
        }
        guard let value = value?.unlessNull else { return .auto }
        guard let name = (value["function"] ?? value)["name"]?.text, tools.contains(where: { $0.name == name }) else {
            throw Complaint(
                400, "tool_choice must be none, auto, required or an offered function.", param: "tool_choice")
        }
        return .named(name)
    }

    static func format(_ value: Value?, param: String = "response_format") throws(Complaint) -> Format {
        switch value?["type"]?.text {
        case "json_object": return .object
        case "json_schema":
            // Responses have no object around it.
            let isNested = param == "response_format"
            guard let schema = (isNested ? value?["json_schema"] : value)?["schema"] else {
                let place = param + (isNested ? ".json_schema" : "") + ".schema"
                throw Complaint(400, "json_schema needs a schema.", param: place)
            }
            return .schema(schema)
        case "text", nil: return .text
        default: throw Complaint(400, "Unknown response format.", param: param + ".type")
        }
    }

    private mutating func readCompletions(_ body: Value) throws(Complaint) {
        try readSampling(body)
        try readInputs(body["prompt"], named: "prompt")
        lastUserText = prompts.last ?? ""
        echoes = body["echo"]?.flag ?? false
        logprobs = try Self.number(body, "logprobs", 0...20)
        if tokensMax == nil { tokensMax = behaviour.tokens == nil && behaviour.fault != .huge ? 16 : nil }
    }

    private mutating func readEmbeddings(_ body: Value) throws(Complaint) {
        try readInputs(body["input"], named: "input")
        dimensions = try Self.number(body, "dimensions", 1...8_192) ?? dimensions
        switch body["encoding_format"]?.text {
        case "base64": isBase64 = true
        case "float", nil: break
        default: throw Complaint(400, "encoding_format must be float or base64.", param: "encoding_format")
        }
    }

    /// A text, texts, tokens or arrays of tokens.
    private mutating func readInputs(_ value: Value?, named name: String) throws(Complaint) {
        if let text = value?.text {
            prompts = [text]
            promptTokens = WordPieces.count(text)
            return
        }
        guard let elements = value?.elements, !elements.isEmpty else {
            throw Complaint(400, "\(name) must be a text or an array of texts or tokens.", param: name)
        }
        if elements.allSatisfy({ $0.integer != nil }) {
            prompts = [Self.text(ofTokens: elements)]
            promptTokens = elements.count
            return
        }
        for (index, element) in elements.enumerated() {
            if let text = element.text {
                prompts.append(text)
                promptTokens += WordPieces.count(text)
            } else if let tokens = element.elements, tokens.allSatisfy({ $0.integer != nil }) {
                prompts.append(Self.text(ofTokens: tokens))
                promptTokens += tokens.count
            } else {
                throw Complaint(400, "This must be a text or an array of tokens.", param: "\(name)[\(index)]")
            }
        }
    }

    private static func text(ofTokens tokens: [Value]) -> String {
        tokens.map { "<\($0.integer ?? 0)>" }.joined(separator: " ")
    }
}
