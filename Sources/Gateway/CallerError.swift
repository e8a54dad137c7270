internal import JSON

/// The one place that turns a way off the path into what a caller is told.
struct CallerError {
    let status: Int
    let body: [UInt8]
    let retryAfterSeconds: Int?
    /// `x-should-retry`; `nil` leaves it to the client library, which goes by the status.
    let shouldRetry: Bool?

    /// - Parameter isEvent: whether it stands in a stream whose events say their type.
    init(_ exit: PathExit, trace: Trace, addresses: PublicAddresses, isEvent: Bool = false) {
        let (explanation, refusal) = Self.explain(exit)
        status = Self.status(of: exit, trace.api)
        let isOfNoUse = if case .upstream(let failure) = exit { failure.isMisconfiguration } else { false }
        shouldRetry = refusal.map(\.shouldRetry) ?? (isOfNoUse || status < 500 && status != 429 ? false : nil)
        retryAfterSeconds = Self.retryAfter(exit).map { max(1, $0) }
        let detail = Detail(
            explanation: explanation, requestID: trace.id.description, clause: refusal?.clause,
            clauseAddress: refusal?.clause.map(addresses.clause))
        body =
            switch trace.api {
            case .openAI where isEvent: detail.event
            case .openAI: detail.openAI
            case .anthropic: detail.anthropic(status: status)
            }
    }

    /// Anthropic has a status of its own for a server that is too busy.
    static func status(of exit: PathExit, _ api: API) -> Int {
        let explanation = explain(exit).0
        return api == .anthropic && explanation.code.isOverloaded ? 529 : explanation.status
    }

    private static func explain(_ exit: PathExit) -> (Refusal.Explanation, Refusal?) {
        switch exit {
        case .refused(let refusal): (refusal.explanation, refusal)
        case .upstream(let failure): (failure.explanation, nil)
        case .clientLeft: (internalError, nil)
        case .internal: (internalError, nil)
        }
    }

    private static var internalError: Refusal.Explanation {
        Refusal.Explanation(
            status: 500, type: "server_error", code: "internal_error",
            message: "The gateway made a mistake of its own. Tell the operator the request id.")
    }

    private static func retryAfter(_ exit: PathExit) -> Int? {
        switch exit {
        case .refused(let refusal):
            refusal.retryAfter.map { Int(($0.wholeNanoseconds - 1) / 1_000_000_000 + 1) }
        case .upstream(.status(_, let milliseconds)): milliseconds.map { ($0 + 999) / 1_000 }
        case .upstream(.broken(let seconds)), .upstream(.unhealthy(let seconds)): seconds
        case .upstream(.saturated), .upstream(.noRoom): 1
        default: nil
        }
    }
}

/// What an error says, in the shape of each API.
private struct Detail {
    let explanation: Refusal.Explanation
    let requestID: String
    let clause: String?
    let clauseAddress: String?

    /// With the clause's address, since that is all that a library's exception shows.
    private var message: String { explanation.message + (clauseAddress.map { " See \($0)." } ?? "") }

    /// OpenAI's.
    var openAI: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("error" as StaticString)
            writer.object { writer in
                writer.key("message" as StaticString)
                writer.string(message)
                writer.key("type" as StaticString)
                writer.string("\(explanation.type)")
                writeRest(into: &writer)
            }
        }
        return writer.bytes
    }

    /// An event of OpenAI's responses. The member `error` is what client libraries look for.
    var event: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("type" as StaticString)
            writer.string("error")
            writer.key("message" as StaticString)
            writer.string(message)
            writeRest(into: &writer)
            writer.key("error" as StaticString)
            writer.object { writer in
                writer.key("message" as StaticString)
                writer.string(message)
                writer.key("type" as StaticString)
                writer.string("\(explanation.type)")
                writer.key("code" as StaticString)
                writer.string("\(explanation.code)")
            }
        }
        return writer.bytes
    }

    /// Anthropic's, plain and as an event.
    func anthropic(status: Int) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("type" as StaticString)
            writer.string("error")
            writer.key("error" as StaticString)
            writer.object { writer in
                writer.key("type" as StaticString)
                writer.string("\(Self.anthropicType(of: status))")
                writer.key("message" as StaticString)
                writer.string(message)
                writeRest(into: &writer)
            }
            writer.key("request_id" as StaticString)
            writer.string(requestID)
        }
        return writer.bytes
    }

    /// What every shape has besides.
    private func writeRest(into writer: inout JSONWriter) {
        writer.key("param" as StaticString)
        if let param = explanation.param { writer.string(param) } else { writer.null() }
        writer.key("code" as StaticString)
        writer.string("\(explanation.code)")
        writer.key("request_id" as StaticString)
        writer.string(requestID)
        guard let clause, let clauseAddress else { return }
        writer.key("clause" as StaticString)
        writer.string(clause)
        writer.key("clause_url" as StaticString)
        writer.string(clauseAddress)
    }

    /// Source: https://docs.claude.com/en/api/errors
    private static func anthropicType(of status: Int) -> StaticString {
        switch status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 504: "timeout_error"
        case 529: "overloaded_error"
        case 500...: "api_error"
        default: "invalid_request_error"
        }
    }
}

extension StaticString {
    fileprivate var isOverloaded: Bool { "\(self)" == "overloaded" }
}

extension UpstreamFailure {
    /// What a caller is told: never an address or another detail of the upstream.
    var explanation: Refusal.Explanation {
        switch self {
        case .connect, .connectTimeout, .none, .broken, .unhealthy:
            Self.error(503, "upstream_unavailable", "The model server cannot be reached. Try again later.")
        case .saturated:
            Self.error(503, "overloaded", "The model server is busy. Try again in a moment.")
        case .noRoom:
            Self.error(503, "overloaded", "The gateway holds as many bytes as it may. Try again in a moment.")
        case .firstByteTimeout, .idleTimeout, .totalTimeout:
            Self.error(504, "upstream_timeout", "The model server did not answer in time. Try again, or ask for less.")
        case .closedEarly, .cancelled:
            Self.error(502, "upstream_closed", "The model server broke off before its answer was complete. Try again.")
        case .malformed:
            Self.error(502, "upstream_malformed", "The model server's answer could not be read, so it was not sent on.")
        case .answerTooLarge(let max):
            Self.error(
                502, "upstream_too_large", "The model server's answer is larger than \(max) bytes. Ask for less.")
        case .encoded:
            Self.error(
                502, "upstream_encoded",
                "The model server's answer has a content coding, which a filter cannot read, so it was not sent on.")
        case .status(429, _):
            Refusal.Explanation(
                status: 429, type: "requests", code: "rate_limit_exceeded",
                message: "The model server takes no more requests at the moment. Wait, then try again.")
        case .status(503, _), .status(529, _):
            Self.error(503, "overloaded", "The model server is overloaded. Try again in a moment.")
        case .status where isMisconfiguration:
            Self.error(
                502, "upstream_error",
                "The gateway is not set up right for this model. Tell the operator the request id.")
        case .status:
            Self.error(502, "upstream_error", "The model server failed. Try again later.")
        case .rejected(let status, let message, let param):
            Refusal.Explanation(
                status: status, type: "invalid_request_error", code: "upstream_rejected",
                message: message.isEmpty ? "The model server does not accept this request." : message, param: param)
        }
    }

    private static func error(_ status: Int, _ code: StaticString, _ message: String) -> Refusal.Explanation {
        Refusal.Explanation(status: status, type: "server_error", code: code, message: message)
    }
}
