internal import Records

/// Where a request wants to go.
enum Route: Sendable, Equatable {
    /// To a model, through the whole path.
    case forward(Dialect)
    // Answered by Steward itself.
    case moderations
    case models
    case model(String)

    init(_ head: RequestHead) throws(PathExit) {
        let (route, method) = try Self.find(head.path)
        guard head.method == method else {
            throw .refused(Refusal(.methodNotAllowed(allowed: method == .post ? "POST" : "GET")))
        }
        self = route
    }

    private static func find(_ path: String) throws(PathExit) -> (Route, RequestHead.Method) {
        switch path {
        case "/v1/chat/completions": return (.forward(.chatCompletions), .post)
        case "/v1/completions": return (.forward(.completions), .post)
        case "/v1/embeddings": return (.forward(.embeddings), .post)
        case "/v1/responses": return (.forward(.responses), .post)
        case "/v1/messages": return (.forward(.messages), .post)
        case "/v1/messages/count_tokens": return (.forward(.tokenCounts), .post)
        case "/v1/images/generations": return (.forward(.images), .post)
        case "/v1/audio/transcriptions": return (.forward(.transcriptions), .post)
        case "/v1/moderations": return (.moderations, .post)
        case "/v1/models": return (.models, .get)
        default:
            if path.utf8.starts(with: "/v1/models/".utf8) {
                return (.model(String(path.dropFirst("/v1/models/".count))), .get)
            }
            throw .refused(Refusal(.unknownRoute))
        }
    }

    var recordDialect: RecordDialect {
        switch self {
        case .forward(let dialect): dialect.traits.recordDialect
        case .moderations: .openAIModerations
        case .models, .model: .openAIModels
        }
    }

    /// In whose words it is answered. Both APIs list models at the same address; Anthropic's clients say their version.
    func api(_ head: RequestHead) -> API {
        switch self {
        case .forward(let dialect): dialect.traits.api
        case .moderations: .openAI
        case .models, .model: head.fields.first("anthropic-version") == nil ? .openAI : .anthropic
        }
    }
}
