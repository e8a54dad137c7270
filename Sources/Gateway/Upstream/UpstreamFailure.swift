/// What went wrong with an upstream, and whether another try can be made.
package enum UpstreamFailure: Error, Sendable, Equatable {
    case connect(String)
    case connectTimeout
    case firstByteTimeout
    case idleTimeout
    case totalTimeout
    /// The connection ended before the answer did.
    case closedEarly
    /// The bytes were no HTTP answer, or not an answer in the dialect.
    case malformed(String)
    case answerTooLarge(bytesMax: Int)
    /// An answer with a content coding, which a filter can't read.
    case encoded
    /// The server answered with an error of its own.
    case status(Int, retryAfterMilliseconds: Int?)
    /// The server says that the request is wrong; its words, once screened, are the caller's.
    case rejected(status: Int, message: String, param: String?)
    /// All connections to it are busy.
    case saturated
    /// The gateway holds as many bytes of bodies as it may.
    case noRoom
    /// No upstream of the model speaks the dialect or none is up.
    case none
    /// It failed too often of late, and is left alone for so many seconds.
    case broken(retryAfterSeconds: Int)
    /// Its health checks fail, and may bring it back in so many seconds.
    case unhealthy(retryAfterSeconds: Int)
    /// The exchange was cancelled on our side.
    case cancelled

    /// A stable word for metrics and records.
    package var code: String {
        switch self {
        case .connect: "connect_failed"
        case .connectTimeout: "connect_timeout"
        case .firstByteTimeout: "first_byte_timeout"
        case .idleTimeout: "idle_timeout"
        case .totalTimeout: "total_timeout"
        case .closedEarly: "closed_early"
        case .malformed: "malformed_answer"
        case .answerTooLarge: "answer_too_large"
        case .encoded: "encoded_answer"
        case .status(let status, _), .rejected(let status, _, _): "status_\(status)"
        case .saturated: "saturated"
        case .noRoom: "no_room"
        case .none: "no_upstream"
        case .broken: "breaker_open"
        case .unhealthy: "unhealthy"
        case .cancelled: "cancelled"
        }
    }

    /// What more there is to say, for the operator's log; never content.
    var detail: String? {
        switch self {
        case .connect(let detail), .malformed(let detail): detail
        case .status(401, _), .status(403, _): "It refuses the credential: see `credential_env` of this upstream."
        case .status(404, _): "It knows no such model or path: see `model` and `url` of this upstream."
        default: nil
        }
    }

    /// Whether no model saw the request, whichever upstreams were asked before: others are only where that holds of all.
    var isUnseen: Bool {
        switch self {
        case .connect, .connectTimeout, .saturated, .noRoom, .none, .broken, .unhealthy: true
        case .rejected, .status(400..<500, _), .status(503, _), .status(529, _): true
        default: false
        }
    }

    /// Whether only the operator can mend it, so that trying again is of no use.
    var isMisconfiguration: Bool {
        switch self {
        case .status(401, _), .status(403, _), .status(404, _): true
        default: false
        }
    }
}
