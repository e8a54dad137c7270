internal import HTTPTypes
package import Web

/// Why somebody does not get to a route under `/admin/v1`.
package enum AdminRefusal: Error, Sendable, Hashable {
    /// No `authorization: Bearer …`.
    case noToken
    /// An API key, or something that begins like no token.
    case notAToken(isAPIKey: Bool)
    case mistyped
    /// Well formed, and in no store of ours.
    case unknown
    case expired(AdminTokenID)
    case revoked(AdminTokenID)
    /// Too many wrong tokens came from this address.
    case tooManyFailures(retryAfter: Duration)
    /// Of a newer version.
    case unknownRole(AdminTokenID)
    case roleNotAllowed(AdminRole, AdminAction)
    /// Whose token it is can't be read, so it is nobody's.
    case storeUnavailable

    /// Whether it was a guess, as far as anybody can tell.
    var isGuess: Bool {
        switch self {
        case .notAToken, .mistyped, .unknown: true
        default: false
        }
    }

    /// The token, where it is a known one.
    var token: AdminTokenID? {
        switch self {
        case .expired(let id), .revoked(let id), .unknownRole(let id): id
        default: nil
        }
    }
}

extension AdminRefusal: ProblemConvertible {
    package var problem: Problem {
        switch self {
        case .noToken:
            Self.unauthorized(
                "missing_token", "No token was sent.",
                "Send `Authorization: Bearer stw_admin_…`. Somebody on the host makes one with `steward tokens create`.",
                challenge: #"Bearer realm="steward""#)
        case .notAToken(let isAPIKey):
            Self.unauthorized(
                "invalid_token", isAPIKey ? "That is an API key of the gateway." : "That is no token of ours.",
                "Send a token that begins with stw_admin_.")
        case .mistyped:
            Self.unauthorized(
                "invalid_token", "The token is mistyped: its check digits are wrong.", "Copy it again, as a whole.")
        case .unknown:
            Self.unauthorized(
                "invalid_token", "There is no such token here.",
                "Ask for a new one. See `steward tokens list` on the host.")
        case .expired:
            Self.unauthorized(
                "expired_token", "The token has expired.", "Ask for a new one, made with `steward tokens create`.")
        case .revoked:
            Self.unauthorized("revoked_token", "The token was revoked.", "Ask for a new one, or ask why.")
        case .tooManyFailures(let wait):
            Problem(
                .tooManyRequests, code: "too_many_failures", title: "Too many wrong tokens came from this address.",
                detail: "Wait, then send a right one.",
                headers: [.retryAfter: "\(max(1, wait.components.seconds + (wait.components.attoseconds > 0 ? 1 : 0)))"]
            )
        case .unknownRole:
            Self.forbidden(
                "The token has a role that this version of Steward does not know.",
                "Ask for a token of one of the roles \(Self.list(AdminRole.allCases)), or run the newer version.")
        case .roleNotAllowed(let role, let action):
            Self.forbidden(
                "The role \(role.rawValue) may not \(action.words).",
                "It takes a token of one of the roles \(Self.list(AdminRole.those(whoMay: action))).")
        case .storeUnavailable:
            .storeUnavailable
        }
    }

    private static func list(_ roles: [AdminRole]) -> String { roles.map(\.rawValue).joined(separator: ", ") }

    /// Source: RFC 6750, section 3.
    private static func unauthorized(
        _ code: String, _ title: String, _ detail: String,
        challenge: String = #"Bearer realm="steward", error="invalid_token""#
    ) -> Problem {
        Problem(.unauthorized, code: code, title: title, detail: detail, headers: [.wwwAuthenticate: challenge])
    }

    private static func forbidden(_ title: String, _ detail: String) -> Problem {
        Problem(
            .forbidden, code: "role_not_allowed", title: title, detail: detail,
            headers: [.wwwAuthenticate: #"Bearer realm="steward", error="insufficient_scope""#])
    }
}
