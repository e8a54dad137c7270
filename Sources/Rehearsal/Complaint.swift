/// An answer that is an error, in OpenAI's shape unless the request rehearses another's.
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

    /// The body in a shape, with its content type.
    func body(_ shape: Behaviour.ErrorShape) -> (contentType: String, bytes: [UInt8]) {
        let json = "application/json"
        switch shape {
        case .openai: return (json, value.encoded)
        case .vllm:
            let error: Value = [
                "message": .string(message), "type": "BadRequestError", "param": .null, "code": .number(status),
            ]
            return (json, Value.object([.init(name: "error", value: error)]).encoded)
        case .litellm:
            let error: Value = [
                "message": .string(message), "type": "None", "param": "None", "code": .string(String(status)),
            ]
            return (json, Value.object([.init(name: "error", value: error)]).encoded)
        case .bare: return (json, Value.object([.init(name: "error", value: .string(message))]).encoded)
        case .html: return ("text/html", Array("<html><body><h1>\(status)</h1></body></html>".utf8))
        case .empty: return ("text/plain", [])
        }
    }
}
