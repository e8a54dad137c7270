internal import NIOHTTP1

/// What can be asked for, by its path, and in what its dialect differs from the others.
enum Endpoint: String, Sendable, CaseIterable {
    case chat = "/v1/chat/completions"
    case completions = "/v1/completions"
    case embeddings = "/v1/embeddings"
    case responses = "/v1/responses"
    case messages = "/v1/messages"
    case countTokens = "/v1/messages/count_tokens"
    case transcriptions = "/v1/audio/transcriptions"
    case images = "/v1/images/generations"

    /// The endpoint of a request; nil if there is none at its path.
    init?(_ request: HTTPRequestHead) {
        guard request.method == .POST else { return nil }
        self.init(rawValue: String(request.uri.prefix { $0 != "?" }))
    }

    /// Whether errors and headers are Anthropic's; all others are OpenAI's.
    var isAnthropic: Bool { self == .messages || self == .countTokens }

    /// Whether an event has an `event:` line, which repeats its `type`.
    var namesEvents: Bool { self == .responses || self == .messages }

    /// Whether events carry a `sequence_number`.
    var numbersEvents: Bool { self == .responses }

    /// Whether `[DONE]` ends a stream.
    var endsWithDone: Bool { self == .chat || self == .completions }

    /// Whether a stream's last events repeat its whole text.
    var repeatsText: Bool { self == .responses || self == .transcriptions }

    /// Whether an answer has a place for reasoning.
    var hasReasoning: Bool { self != .transcriptions && self != .images }
}
