internal import JSON

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
        "prompt_token_ids", "input_ids", "tools", "functions", "instructions", "max_output_tokens", "store",
        "background",
        "previous_response_id", "conversation", "system", "mcp_servers", "container", "response_format",
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

    /// The caller's own end user, under either name, must be told by a string.
    func checkEndUser() throws(PathExit) {
        for name in Self.endUserMembers {
            guard let node = member(name), document.kind(node) != .string else { continue }
            throw .refused(.invalid("\(name)", "`\(name)` must be a string."))
        }
    }

    private static let endUserMembers: [StaticString] = ["safety_identifier", "user"]

    /// Calls `body` with every message of a conversation and its number, having seen that each is one.
    func forEachMessage(
        max: Int, _ body: (_ message: JSONNode, _ index: Int) throws(PathExit) -> Void
    ) throws(PathExit) {
        guard let messages = member("messages"), document.kind(messages) == .array else {
            throw .refused(.invalid("messages", "`messages` must be an array of messages."))
        }
        let count = document.count(of: messages)
        guard count > 0, count <= max else {
            throw .refused(.invalid("messages", "`messages` must hold 1 to \(max) messages; it holds \(count)."))
        }
        for (index, message) in document.elements(of: messages).enumerated() {
            guard document.kind(message) == .object else { throw Self.mustBe("an object", "", of: index) }
            guard let role = document.member("role", of: message), document.kind(role) == .string else {
                throw Self.mustBe("a string", ".role", of: index)
            }
            // A server could take an object for the one part of the content, which nobody looked at as one.
            guard document.member("content", of: message).map(isTextOrParts) ?? true else {
                throw Self.mustBe("a string or an array", ".content", of: index)
            }
            try body(message, index)
        }
    }

    private static func mustBe(_ what: String, _ member: String, of message: Int) -> PathExit {
        let place = "messages[\(message)]\(member)"
        return .refused(.invalid(place, "`\(place)` must be \(what)."))
    }

    private func isTextOrParts(_ content: JSONNode) -> Bool {
        switch document.kind(content) {
        case .string, .array, .null: true
        default: false
        }
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

    /// How many texts an array holds; an array of numbers is one text, spelled in tokens, which no text filter can read.
    func countTexts(
        _ name: StaticString, _ array: JSONNode, max: Int, into facts: inout RequestFacts
    ) throws(PathExit) -> Int {
        let all = document.count(of: array)
        let strings = document.elements(of: array).count { document.kind($0) == .string }
        let isOneOfTokens = isTokens(array)
        let others = document.elements(of: array).lazy.filter { document.kind($0) != .string }
        guard isOneOfTokens || others.allSatisfy(isTokens) else {
            throw .refused(
                .invalid("\(name)", "`\(name)` must hold strings, or token numbers: one list for each text."))
        }
        let count = isOneOfTokens ? 1 : all
        guard count > 0, count <= max else {
            throw .refused(.invalid("\(name)", "`\(name)` must hold 1 to \(max) texts; it holds \(count)."))
        }
        if strings < all { facts.unscreenable.append((.tokens, "\(name)")) }
        return count
    }

    /// Whether it is a text spelled in token numbers.
    private func isTokens(_ node: JSONNode) -> Bool {
        document.kind(node) == .array && document.count(of: node) > 0
            && document.elements(of: node).allSatisfy { document.int($0).map((0...Int(UInt32.max)).contains) ?? false }
    }
}
