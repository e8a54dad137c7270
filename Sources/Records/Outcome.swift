/// How an exchange ended, as the record says it. A closed set; raw values are stored and never change.
package enum Outcome: UInt8, Sendable, Hashable, CaseIterable {
    /// The client got the upstream's answer, perhaps with redactions (the completion verdict says so).
    case answered = 1
    /// Steward said no before a filter did: a malformed request, an unknown key, a guideline, a limit; or the model
    /// server said that the request is wrong.
    case refused = 2
    /// A filter stopped the prompt or the completion.
    case blocked = 3
    /// The upstream gave no usable answer.
    case upstreamFailed = 4
    /// The client left before the end.
    case clientLeft = 5
    /// Steward stopped, or its disk refused the settlement; charged in full.
    case interrupted = 6
    /// A fault of Steward's own.
    case internalError = 7

    /// The word for it in records, tables and APIs.
    package var name: String {
        switch self {
        case .answered: "answered"
        case .refused: "refused"
        case .blocked: "blocked"
        case .upstreamFailed: "upstream_failed"
        case .clientLeft: "client_left"
        case .interrupted: "interrupted"
        case .internalError: "internal_error"
        }
    }

    package init?(name: String) {
        guard let outcome = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = outcome
    }
}

/// What the caller spoke. Raw values are stored and never change.
package enum RecordDialect: UInt8, Sendable, Hashable, CaseIterable {
    case unknown = 0
    case openAIChat = 1
    case openAICompletions = 2
    case openAIEmbeddings = 3
    case openAIModerations = 4
    case openAIResponses = 5
    case anthropicMessages = 6
    case openAIModels = 7
    case openAIImages = 8
    case openAITranscriptions = 9
    case anthropicTokenCounts = 10

    /// The word for it in records, tables and APIs.
    package var name: String {
        switch self {
        case .unknown: "unknown"
        case .openAIChat: "openai_chat"
        case .openAICompletions: "openai_completions"
        case .openAIEmbeddings: "openai_embeddings"
        case .openAIModerations: "openai_moderations"
        case .openAIResponses: "openai_responses"
        case .anthropicMessages: "anthropic_messages"
        case .openAIModels: "openai_models"
        case .openAIImages: "openai_images"
        case .openAITranscriptions: "openai_transcriptions"
        case .anthropicTokenCounts: "anthropic_token_counts"
        }
    }
}
