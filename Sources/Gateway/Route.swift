internal import Records

/// Where a request wants to go.
enum Route: Sendable, Equatable {
    /// To a model, through the whole path.
    case forward(Dialect)
    // Answered by Steward itself.
    case moderations
    case models
    case model(String)

    /// - Parameter path: of the request target, without the query.
    init(path: String) throws(PathExit) {
        switch path {
        case "/v1/chat/completions": self = .forward(.chatCompletions)
        case "/v1/completions": self = .forward(.completions)
        case "/v1/embeddings": self = .forward(.embeddings)
        case "/v1/responses": self = .forward(.responses)
        case "/v1/messages": self = .forward(.messages)
        case "/v1/messages/count_tokens": self = .forward(.tokenCounts)
        case "/v1/images/generations": self = .forward(.images)
        case "/v1/audio/transcriptions": self = .forward(.transcriptions)
        case "/v1/moderations": self = .moderations
        case "/v1/models": self = .models
        default:
            guard path.utf8.starts(with: "/v1/models/".utf8) else { throw .refused(Refusal(.unknownRoute)) }
            self = .model(Self.unescaped(path.dropFirst("/v1/models/".count)))
        }
    }

    /// Resolves escapes such as the `%2F` that client libraries write for a slash; what is no escape stays as it is.
    ///
    /// Source: RFC 3986, section 2.1.
    private static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2).compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
            if byte == 0x25, digits.count == 2 {
                bytes.append(UInt8(digits[0] * 16 + digits[1]))
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func require(_ method: RequestHead.Method) throws(PathExit) {
        let (taken, name): (RequestHead.Method, StaticString) =
            switch self {
            case .forward, .moderations: (.post, "POST")
            case .models, .model: (.get, "GET")
            }
        guard method == taken else { throw .refused(Refusal(.methodNotAllowed(allowed: name))) }
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
