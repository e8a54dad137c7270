internal import Filtering
internal import Limits
internal import Storage

extension Refusal {
    /// What a caller is told: in the terms of HTTP and of OpenAI's errors, which every dialect can be made from.
    struct Explanation: Sendable {
        var status: Int
        /// OpenAI's `type`.
        var type: StaticString
        /// Stable; listed in `docs/reference/errors.md`.
        var code: StaticString
        var message: String
        var param: String?
    }

    var explanation: Explanation {
        switch reason {
        case .malformedHTTP, .headTimeout, .unknownRoute, .methodNotAllowed, .bodyTooLarge, .bodyTimeout,
            .encodedBody, .noForm, .malformedJSON, .invalidField:
            understanding
        case .missingKey, .mistypedKey, .unknownKey, .expiredKey, .suspended, .networkNotAllowed, .scopeMissing,
            .tooManyFailures:
            identity
        case .unknownModel, .modelNotAllowed, .dialectNotServed, .unscreenable, .guideline, .endUserMissing:
            subject
        case .budget, .costAboveBudget, .unpriced:
            spending
        case .limit, .costAboveBurst, .limitTableFull, .limitsUnavailable, .overloaded, .draining, .recordUnavailable,
            .judgeUnavailable:
            capacity
        }
    }

    private static let invalid: StaticString = "invalid_request_error"

    private var understanding: Explanation {
        switch reason {
        case .malformedHTTP(let problem):
            malformed(problem)
        case .headTimeout:
            Explanation(
                status: 408, type: Self.invalid, code: "request_timeout",
                message: "The request's head did not arrive in time. Send it at once.")
        case .unknownRoute:
            Explanation(
                status: 404, type: Self.invalid, code: "unknown_route",
                message: "There is nothing at this address. Served are /v1/chat/completions, /v1/completions, "
                    + "/v1/responses, /v1/messages, /v1/messages/count_tokens, /v1/embeddings, /v1/moderations, "
                    + "/v1/images/generations, /v1/audio/transcriptions and /v1/models.")
        case .methodNotAllowed(let allowed):
            Explanation(
                status: 405, type: Self.invalid, code: "method_not_allowed",
                message: "This address takes \(allowed) only.")
        case .bodyTooLarge(let max):
            Explanation(
                status: 413, type: Self.invalid, code: "request_too_large",
                message: "The body is larger than \(max) bytes. Send less, or ask the operator to raise the limit.")
        case .bodyTimeout:
            Explanation(
                status: 408, type: Self.invalid, code: "request_timeout",
                message: "The body did not arrive in time. Send it faster, or send less.")
        case .encodedBody:
            Explanation(
                status: 415, type: Self.invalid, code: "encoded_body",
                message: "The body has a content coding, which a filter cannot read. Send it as plain JSON, without "
                    + "content-encoding.")
        case .noForm:
            Explanation(
                status: 415, type: Self.invalid, code: "no_form",
                message: "This address takes a form with a file. Send multipart/form-data with a boundary.")
        case .malformedJSON(let error):
            Explanation(
                status: 400, type: Self.invalid, code: "malformed_json", message: error.message,
                param: error.pointer.isEmpty ? nil : error.pointer)
        case .invalidField(let param, let problem):
            Explanation(status: 400, type: Self.invalid, code: "invalid_value", message: problem, param: param)
        default:
            preconditionFailure("A reason of another group.")
        }
    }

    private func malformed(_ problem: HeadProblem) -> Explanation {
        switch problem {
        case .tooLarge, .tooManyFields:
            Explanation(
                status: 431, type: Self.invalid, code: "headers_too_large",
                message: "The request has \(problem.explanation). Send fewer or shorter headers.")
        case .unsupportedVersion:
            Explanation(
                status: 505, type: Self.invalid, code: "unsupported_http_version",
                message: "The request has \(problem.explanation). Use HTTP/1.1.")
        case .unsupportedTransferCoding:
            Explanation(
                status: 501, type: Self.invalid, code: "unsupported_transfer_coding",
                message: "The request has \(problem.explanation). Send content-length or chunked.")
        case .malformed:
            Explanation(
                status: 400, type: Self.invalid, code: "malformed_http",
                message: "The request has \(problem.explanation). Send well-formed HTTP/1.1.")
        }
    }

    private var identity: Explanation {
        switch reason {
        case .missingKey:
            key("missing_api_key", "No API key was sent. Send one as `Authorization: Bearer stw_…`.")
        case .mistypedKey:
            key(
                "invalid_api_key",
                "The API key is mistyped: its check digits do not fit. Copy it again, whole, from where it was made.")
        case .unknownKey:
            key(
                "invalid_api_key",
                "The API key is unknown or was revoked. This gateway's keys begin with `stw_`; ask for a new one.")
        case .expiredKey:
            key("invalid_api_key", "The API key has expired. Ask for a new one.")
        case .suspended(let what):
            Explanation(
                status: 403, type: "permission_error", code: "suspended",
                message: "This \(what) is suspended. Ask its operator why.")
        case .networkNotAllowed:
            Explanation(
                status: 403, type: "permission_error", code: "network_not_allowed",
                message: "The API key may not be used from this network. Use it from where it was made for.")
        case .scopeMissing(let scope):
            Explanation(
                status: 403, type: "permission_error", code: "scope_missing",
                message: "The API key lacks the scope \(scope). Ask for a key with it.")
        case .tooManyFailures:
            Explanation(
                status: 429, type: "requests", code: "too_many_failures",
                message: "Too many requests with wrong keys came from this address. Wait, then send a right one.")
        default:
            preconditionFailure("A reason of another group.")
        }
    }

    private func key(_ code: StaticString, _ message: String) -> Explanation {
        Explanation(status: 401, type: Self.invalid, code: code, message: message)
    }

    private var subject: Explanation {
        switch reason {
        case .unknownModel(let name):
            Explanation(
                status: 404, type: Self.invalid, code: "model_not_found",
                message: "There is no model `\(name.prefix(128))`. See /v1/models.", param: "model")
        case .modelNotAllowed(let name):
            Explanation(
                status: 403, type: "permission_error", code: "model_not_allowed",
                message: "The API key may not use the model `\(name.prefix(128))`. See /v1/models.", param: "model")
        case .dialectNotServed(let model):
            Explanation(
                status: 404, type: Self.invalid, code: "endpoint_not_served",
                message: "The model `\(model.prefix(128))` is not served at this endpoint.", param: "model")
        case .unscreenable(let what, let param):
            Explanation(
                status: 400, type: Self.invalid, code: "unscreenable_content",
                message: "\(what.words) cannot be screened, and this model's policy does not admit them. Send text, or "
                    + "ask the operator to admit `\(what.rawValue)`.", param: param)
        case .endUserMissing(let param):
            Explanation(
                status: 400, type: Self.invalid, code: "end_user_required",
                message:
                    "The request does not say for which end user it is made. Send a stable identifier of the person "
                    + "in `\(param)`; one that says nothing of them is best.", param: "\(param)")
        case .guideline(let category, let side):
            Explanation(
                status: 400, type: Self.invalid, code: "content_policy_violation",
                message: side == .prompt
                    ? "The request was not sent to the model: it goes against the usage guidelines (\(category)). "
                        + "Change it; if the refusal is wrong, tell the operator the request id."
                    : "The answer was withheld: it goes against the usage guidelines (\(category)).")
        default:
            preconditionFailure("A reason of another group.")
        }
    }

    private var spending: Explanation {
        switch reason {
        case .budget(let exhausted, let currency):
            Explanation(
                status: 429, type: "insufficient_quota", code: "insufficient_quota",
                message:
                    "The \(exhausted.scope.words)'s budget of \(exhausted.words(currency)) is used up. It renews at "
                    + "\(Timestamp(microseconds: exhausted.renewsAt).rfc3339Text). Ask the operator for a higher one.")
        case .costAboveBudget(let exhausted, let currency):
            Explanation(
                status: 400, type: Self.invalid, code: "request_above_limit",
                message: "This one request may cost more than the budget of \(exhausted.words(currency)) that the "
                    + "\(exhausted.scope.words) has. Shorten the prompt or lower max_tokens.", param: "max_tokens")
        case .unpriced(let model):
            Explanation(
                status: 403, type: "permission_error", code: "model_not_priced",
                message:
                    "The model `\(model.prefix(128))` has no price, and your budget is in money. Ask the operator to "
                    + "set one.", param: "model")
        default:
            preconditionFailure("A reason of another group.")
        }
    }

    /// The code as records and metrics have it: for a budget, also whose it is and which.
    var recordCode: String {
        switch reason {
        case .budget(let exhausted, _), .costAboveBudget(let exhausted, _):
            "\(explanation.code):\(exhausted.scope.name).\(exhausted.kind.name)"
        default: "\(explanation.code)"
        }
    }

    private var capacity: Explanation {
        switch reason {
        case .limit(let exhausted):
            Explanation(
                status: 429,
                type: exhausted.kind == .requests || exhausted.kind == .concurrency ? "requests" : "tokens",
                code: "rate_limit_exceeded", message: Self.words(for: exhausted))
        case .costAboveBurst(let exhausted) where exhausted.limit == 0:
            Explanation(
                status: 400, type: Self.invalid, code: "request_above_limit",
                message: "The \(exhausted.scope.words) may send no request: its limit of "
                    + "\(exhausted.kind.words) is 0. Ask the operator for a higher one.")
        case .costAboveBurst(let exhausted):
            Explanation(
                status: 400, type: Self.invalid, code: "request_above_limit",
                message: "This one request may use more tokens than the limit of \(exhausted.limit) that the "
                    + "\(exhausted.scope.words) has. Shorten the prompt or lower max_tokens.", param: "max_tokens")
        case .limitTableFull:
            overload("The gateway counts as many callers as it can. Try again later.")
        case .limitsUnavailable:
            Explanation(
                status: 503, type: "server_error", code: "limits_unavailable",
                message: "The gateway cannot tell whether your limits allow this request. Try again in a moment.")
        case .overloaded:
            overload("The gateway is at its bound. Try again in a moment.")
        case .draining:
            overload("The gateway is shutting down. Try again; another one will answer.")
        case .judgeUnavailable:
            Explanation(
                status: 503, type: "server_error", code: "judge_unavailable",
                message: "This text needs a second opinion, which could not be had. Try again in a moment.")
        case .recordUnavailable:
            Explanation(
                status: 503, type: "server_error", code: "record_unavailable",
                message: "The gateway cannot record what it does, and answers nothing that it cannot record. Try later."
            )
        default:
            preconditionFailure("A reason of another group.")
        }
    }

    private func overload(_ message: String) -> Explanation {
        Explanation(status: 503, type: "server_error", code: "overloaded", message: message)
    }

    private static func words(for exhausted: LimitRefusal) -> String {
        let remedy =
            switch exhausted.kind {
            case .requests: "Wait, or ask"
            case .concurrency: "Wait for those under way, or ask"
            case .tokens, .tokensPerDay: "Wait, lower max_tokens, or ask"
            }
        return "The \(exhausted.scope.words)'s limit of \(exhausted.limit) \(exhausted.kind.words) is reached. "
            + "\(remedy) for a higher limit."
    }

    /// Whether a client library should send the same request again. Only load passes by itself.
    var shouldRetry: Bool {
        switch reason {
        case .limit, .overloaded, .draining, .limitTableFull, .limitsUnavailable, .recordUnavailable, .judgeUnavailable,
            .tooManyFailures,
            .headTimeout, .bodyTimeout:
            true
        default: false
        }
    }
}

extension LimitKind {
    var words: String {
        switch self {
        case .requests: "requests a minute"
        case .tokens: "tokens a minute"
        case .concurrency: "requests at the same time"
        case .tokensPerDay: "tokens a day"
        }
    }
}

extension BudgetRefusal.Exhausted {
    /// The budget itself.
    fileprivate func words(_ currency: String) -> String {
        let amount = kind.isInMoney ? "\(Money(nanos: budget)) \(currency)" : "\(budget) tokens"
        return "\(amount) a \(kind.isOfDay ? "day" : "month") (UTC)"
    }
}

extension LimitScope {
    /// As settings and metrics name it.
    fileprivate var name: String { self == .endUser ? "end_user" : words }

    var words: String {
        switch self {
        case .key: "key"
        case .application: "application"
        case .organisation: "organisation"
        case .endUser: "end user"
        }
    }
}

extension Unscreenable {
    var words: String {
        switch self {
        case .images: "Images"
        case .remoteImages: "Images at an address"
        case .audio: "Audio"
        case .files: "Files"
        case .tokens: "Prompts of token numbers"
        case .embeddings: "Prompts of embeddings"
        case .storedText: "Texts that the model server keeps"
        case .hostedTools: "Tools that the model server runs"
        case .chatTemplate: "Chat templates"
        }
    }
}
