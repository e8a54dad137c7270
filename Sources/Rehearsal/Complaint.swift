/// An answer that is an error, in its dialect's shape unless the request rehearses another's.
struct Complaint: Error, Hashable {
    var status: Int
    var message: String
    var type: String
    var param: String?
    var code: String?

    init(_ status: Int, _ message: String, param: String? = nil, code: String? = nil) {
        self.status = status
        self.message = message
        self.param = param
        self.code = code ?? Self.codes[status]
        type = Self.types[status] ?? (status < 500 ? "invalid_request_error" : "server_error")
    }

    /// The failure that a request rehearses.
    init(rehearsedBy behaviour: Behaviour) {
        let status = behaviour.error ?? 500
        self.init(status, "The rehearsal model was asked to answer \(status).", code: behaviour.errorCode)
    }

    private static let types = [
        401: "authentication_error", 403: "permission_error", 404: "invalid_request_error", 429: "requests",
        503: "service_unavailable",
    ]
    private static let codes = [
        401: "invalid_api_key", 404: "not_found", 413: "request_too_large", 429: "rate_limit_exceeded",
    ]

    var value: Value {
        [
            "error": [
                "message": .string(message), "type": .string(type), "param": param.map(Value.string) ?? .null,
                "code": code.map(Value.string) ?? .null,
            ]
        ]
    }

    /// Source: the errors page of Anthropic's API.
    private static let anthropicTypes = [
        401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
        409: "conflict_error", 413: "request_too_large", 429: "rate_limit_error", 504: "timeout_error",
        529: "overloaded_error",
    ]

    /// In Anthropic's shape, which has no place for the parameter's name or a code.
    private func anthropic(_ requestID: String) -> Value {
        let type = Self.anthropicTypes[status] ?? (status < 500 ? "invalid_request_error" : "api_error")
        return [
            "type": "error", "error": ["type": .string(type), "message": .string(message)],
            "request_id": .string(requestID),
        ]
    }

    /// The body in the shape that the behaviour asks for, else in that of the endpoint.
    func body(_ endpoint: Endpoint?, _ behaviour: Behaviour, requestID: String) -> AnswerBody {
        switch behaviour.errorShape ?? (endpoint?.isAnthropic == true ? .anthropic : .openai) {
        case .openai: return .json(value)
        case .anthropic: return .json(anthropic(requestID))
        case .vllm:
            let error: Value = [
                "message": .string(message), "type": "BadRequestError", "param": .null, "code": .number(status),
            ]
            return .json(["error": error])
        case .litellm:
            let error: Value = [
                "message": .string(message), "type": "None", "param": "None", "code": .string(String(status)),
            ]
            return .json(["error": error])
        case .bare: return .json(["error": .string(message)])
        case .html:
            return AnswerBody(
                contentType: "text/html", bytes: Array("<html><body><h1>\(status)</h1></body></html>".utf8))
        case .empty: return AnswerBody(contentType: "text/plain", bytes: [])
        }
    }

    /// The data of the event by which a stream says that it failed.
    func event(_ endpoint: Endpoint, _ behaviour: Behaviour, requestID: String, number: Int) -> [UInt8] {
        guard endpoint == .responses, behaviour.errorShape == nil else {
            return body(endpoint, behaviour, requestID: requestID).bytes
        }
        let event: Value = [
            "type": "error", "code": code.map(Value.string) ?? .null, "message": .string(message),
            "param": param.map(Value.string) ?? .null, "sequence_number": .number(number),
        ]
        return event.encoded
    }
}
