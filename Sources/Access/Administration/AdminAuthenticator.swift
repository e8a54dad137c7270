internal import HTTPTypes
package import Limits
package import Snapshots
internal import Storage

/// Who administers: the token that a request came with.
package struct AdminIdentity: Sendable, Hashable {
    package let token: AdminTokenID
    package let name: String
    package let role: AdminRole
}

/// Tells whose request under `/admin/v1` it is. One read of the store for each, so that a revoked token is refused from the
/// next request on; while the store can't be read nobody is let in.
package struct AdminAuthenticator: Sendable {
    let tokens: AdminTokenStore
    /// Shared by all requests; counts by address.
    let failures: FailureGuard
    /// Who may say where a request comes from.
    let proxies: Snapshot<[Network]>

    package init(tokens: AdminTokenStore, failures: FailureGuard, proxies: Snapshot<[Network]>) {
        self.tokens = tokens
        self.failures = failures
        self.proxies = proxies
    }

    /// - Parameters:
    ///   - peer: the address at the other end of the connection.
    ///   - time: on the wall clock.
    ///   - now: on the steady one.
    /// - Throws: `AdminRefusal`; `CancellationError`.
    func identify(
        _ fields: HTTPFields, from peer: String?, at time: Timestamp, _ now: Moment
    ) async throws -> AdminIdentity {
        let place = UInt64(bitPattern: Int64(client(of: fields, peer: peer).hashValue))
        if let wait = failures.isBlocked(place, at: now) { throw AdminRefusal.tooManyFailures(retryAfter: wait) }
        do {
            return try await identify(fields, at: time)
        } catch let refusal as AdminRefusal {
            if refusal.isGuess { failures.noteFailure(place, at: now) }
            throw refusal
        }
    }

    private func identify(_ fields: HTTPFields, at time: Timestamp) async throws -> AdminIdentity {
        let text = try Self.token(in: fields)
        switch AdminTokenText.parse(text) {
        case .wellFormed: break
        case .mistyped: throw AdminRefusal.mistyped
        case .apiKey: throw AdminRefusal.notAToken(isAPIKey: true)
        case .notOurs: throw AdminRefusal.notAToken(isAPIKey: false)
        }
        guard let token = try await find(text) else { throw AdminRefusal.unknown }
        if token.revokedAt != nil { throw AdminRefusal.revoked(token.id) }
        guard token.isLive(at: time) else { throw AdminRefusal.expired(token.id) }
        guard let role = token.role else { throw AdminRefusal.unknownRole(token.id) }
        return AdminIdentity(token: token.id, name: token.name, role: role)
    }

    private func find(_ text: String) async throws -> AdminToken? {
        do {
            return try await tokens.find(text: text)
        } catch let error as CancellationError {
            throw error
        } catch {
            throw AdminRefusal.storeUnavailable
        }
    }

    /// Source: RFC 6750, section 2.1.
    private static func token(in fields: HTTPFields) throws(AdminRefusal) -> String {
        let values = fields[values: .authorization]
        guard let value = values.first else { throw .noToken }
        let words = value.split(separator: " ", omittingEmptySubsequences: true)
        guard words.first?.lowercased() == "bearer" else { throw .noToken }
        guard values.count == 1, words.count == 2 else { throw .notAToken(isAPIKey: false) }
        return String(words[1])
    }

    /// The right-most address of `x-forwarded-for` that no trusted proxy has, or the peer's own: left of it everything was
    /// written by a stranger.
    private func client(of fields: HTTPFields, peer: String?) -> IPAddress {
        let proxies = proxies.current
        var client = peer.flatMap { IPAddress($0) } ?? .unspecified
        func isTrusted(_ address: IPAddress) -> Bool { proxies.contains { $0.contains(address) } }
        guard isTrusted(client) else { return client }
        let hops = fields[values: .xForwardedFor].flatMap { $0.split(separator: ",") }
        for hop in hops.reversed() {
            guard let address = IPAddress(String(hop.filter { $0 != " " && $0 != "\t" })) else { break }
            client = address
            if !isTrusted(address) { break }
        }
        return client
    }
}

extension HTTPField.Name {
    fileprivate static let xForwardedFor = Self("x-forwarded-for")!
}
