internal import JSON
internal import Records

/// How a caller and a model server speak. Nothing outside this folder knows one of them.
///
/// A dialect says where the model's name, the output cap and the stream flag stand, what of a request can't be
/// screened, what must be added for the upstream, and how usage and the end of an answer are read and written.
package enum Dialect: String, Sendable, Hashable, CaseIterable {
    case chatCompletions = "chat_completions"
    case completions
    case embeddings

    /// Below an upstream's base path.
    var path: StaticString {
        switch self {
        case .chatCompletions: "/v1/chat/completions"
        case .completions: "/v1/completions"
        case .embeddings: "/v1/embeddings"
        }
    }

    /// OpenTelemetry's `gen_ai.operation.name`.
    var operationName: StaticString {
        switch self {
        case .chatCompletions: "chat"
        case .completions: "text_completion"
        case .embeddings: "embeddings"
        }
    }

    /// How records name it.
    var recordDialect: RecordDialect {
        switch self {
        case .chatCompletions: .openAIChat
        case .completions: .openAICompletions
        case .embeddings: .openAIEmbeddings
        }
    }

    /// Reads what the gateway must know, and refuses what no server could make sense of.
    func facts(of document: JSONDocument, settings: DialectSettings) throws(PathExit) -> RequestFacts {
        var reader = FieldReader(document)
        try reader.requireObject()
        switch self {
        case .chatCompletions: return try ChatCompletions.facts(&reader, settings)
        case .completions: return try Completions.facts(&reader, settings)
        case .embeddings: return try Embeddings.facts(&reader, settings)
        }
    }
}

/// Bounds that every dialect keeps.
package struct DialectSettings: Sendable {
    package var messagesMax = 4_096
    package var choicesMax = 128

    package init() {}
}

/// What the gateway must know of a request, whatever its dialect.
struct RequestFacts: Sendable {
    var model: String
    var isStream = false
    /// Whether the caller asked for the usage chunk of a stream.
    var asksForUsage = false
    /// How many answers are generated; tokens are reserved for each.
    var choices = 1
    /// The output cap per answer that the request names.
    var outputTokensMax: Int?
    /// The member that names it, for errors and for setting it.
    var outputCapName: StaticString?
    /// The caller's own end user, as `safety_identifier` or `user`.
    var endUser: String?
    /// What no text filter can read in it, each with its place.
    var unscreenable: [(what: Unscreenable, param: String)] = []
}

/// Reads members of a request and says what is wrong with them in the words of its API.
struct FieldReader {
    let document: JSONDocument
    let root: JSONNode

    init(_ document: JSONDocument) {
        self.document = document
        root = document.root
    }

    func requireObject() throws(PathExit) {
        guard document.kind(root) == .object else {
            throw .refused(.invalid("", "The body must be a JSON object."))
        }
        try document.forEachMember(of: root) { (key, _) throws(PathExit) in
            guard let name = foldedName(key), Self.readNames.contains(name) else { return }
            throw .refused(.invalid(name, "Write `\(name)` in lower case; some servers read it in any case."))
        }
    }

    /// A key in lower case, if it is written otherwise; some servers would take it for the member that is read here.
    private func foldedName(_ key: JSONNode) -> String? {
        guard document.utf8CountMax(of: key) <= 64,
            document.withUTF8(of: key, { $0.contains { $0 >= 0x41 && $0 <= 0x5A } })
        else { return nil }
        return document.string(key)?.lowercased()
    }

    private static let readNames: Set<String> = [
        "model", "messages", "prompt", "input", "stream", "stream_options", "n", "best_of", "max_tokens",
        "max_completion_tokens", "user", "safety_identifier", "chat_template", "chat_template_kwargs", "prompt_embeds",
        "prompt_token_ids", "input_ids", "tools", "functions",
    ]

    /// `nil` where the member is missing or null, which mean the same in these APIs.
    func member(_ name: StaticString) -> JSONNode? {
        document.member(name, of: root).flatMap { document.isNull($0) ? nil : $0 }
    }

    func string(_ name: StaticString) throws(PathExit) -> String? {
        guard let node = member(name) else { return nil }
        guard let text = document.string(node) else {
            throw .refused(.invalid("\(name)", "`\(name)` must be a string."))
        }
        return text
    }

    func requireModel() throws(PathExit) -> String {
        guard let model = try string("model"), !model.isEmpty else {
            throw .refused(.invalid("model", "`model` is missing. Name one; see /v1/models."))
        }
        return model
    }

    func bool(_ name: StaticString) throws(PathExit) -> Bool? {
        guard let node = member(name) else { return nil }
        guard let value = document.bool(node) else {
            throw .refused(.invalid("\(name)", "`\(name)` must be true or false."))
        }
        return value
    }

    func int(_ name: StaticString, in range: ClosedRange<Int>) throws(PathExit) -> Int? {
        guard let node = member(name) else { return nil }
        guard let value = document.int(node), range.contains(value) else {
            throw .refused(
                .invalid(
                    "\(name)",
                    "`\(name)` must be a whole number from \(range.lowerBound) to \(range.upperBound)."))
        }
        return value
    }

    /// The caller's end user, whichever field names it.
    func endUser() throws(PathExit) -> String? {
        if let identifier = try string("safety_identifier") { return identifier }
        return try string("user")
    }

    /// `stream` and `stream_options.include_usage`.
    func readStream(into facts: inout RequestFacts) throws(PathExit) {
        facts.isStream = try bool("stream") ?? false
        guard let options = member("stream_options") else { return }
        guard document.kind(options) == .object else {
            throw .refused(.invalid("stream_options", "`stream_options` must be an object."))
        }
        guard let include = document.member("include_usage", of: options), !document.isNull(include) else { return }
        guard let asks = document.bool(include) else {
            throw .refused(
                .invalid("stream_options.include_usage", "`stream_options.include_usage` must be true or false."))
        }
        facts.asksForUsage = asks
    }

    /// Members that change how a server lays the prompt out, past what was screened.
    func readTemplates(into facts: inout RequestFacts) {
        for name in Self.templateMembers where member(name) != nil {
            facts.unscreenable.append((.chatTemplate, "\(name)"))
        }
        for name in Self.embeddingMembers where member(name) != nil {
            facts.unscreenable.append((.embeddings, "\(name)"))
        }
        for name in Self.tokenMembers where member(name) != nil {
            facts.unscreenable.append((.tokens, "\(name)"))
        }
    }

    private static let templateMembers: [StaticString] = ["chat_template", "chat_template_kwargs"]
    private static let embeddingMembers: [StaticString] = ["prompt_embeds", "prompt_embeddings", "input_embeds"]
    private static let tokenMembers: [StaticString] = ["prompt_token_ids", "input_ids"]

    /// Whether an array holds anything but strings: token numbers, which no text filter can read.
    func holdsTokens(_ node: JSONNode) -> Bool {
        guard document.kind(node) == .array else { return false }
        for element in document.elements(of: node) where document.kind(element) != .string { return true }
        return false
    }
}
