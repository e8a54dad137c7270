internal import Access
internal import Limits
internal import Snapshots
internal import Storage

/// A request whose caller is known. Nothing of its body has been read.
struct Authenticated: Sendable {
    let exchange: Exchange
    let key: KeyEntry
}

/// Tells whose request it is, from its head alone. One digest and one look-up; no I/O.
struct AuthenticateStage: Sendable {
    let keys: Snapshot<KeySnapshot>
    let digester: KeyDigester
    let failures: FailureGuard

    func admit(_ exchange: Exchange, at time: Timestamp) throws(PathExit) -> Authenticated {
        let address = exchange.clientAddress
        if let wait = failures.isBlocked(address.hash, at: exchange.arrivedAt) {
            throw .refused(Refusal(.tooManyFailures, retryAfter: wait))
        }
        do throws(Refusal) {
            let key = try authenticate(exchange, at: time)
            key.noteUse(at: time)
            return Authenticated(exchange: exchange, key: key)
        } catch {
            switch error.reason {
            case .mistypedKey, .unknownKey: failures.noteFailure(address.hash, at: exchange.arrivedAt)
            default: break
            }
            throw .refused(error)
        }
    }

    private func authenticate(_ exchange: Exchange, at time: Timestamp) throws(Refusal) -> KeyEntry {
        guard exchange.head.fields.count(of: "authorization") <= 1 else {
            throw Refusal(.malformedHTTP(.malformed("more than one authorization field")))
        }
        guard let token = Self.token(in: exchange.head.fields) else { throw Refusal(.missingKey) }
        let found = token.withUnsafeBufferPointer { token in
            APIKeyText.hasLength(token) ? keys.current.entry(for: digester.digest(token)) : nil
        }
        guard let key = found else {
            let form = token.withUnsafeBufferPointer { APIKeyText.parse($0) }
            throw Refusal(form == .mistyped ? .mistypedKey : .unknownKey)
        }
        if let expiry = key.expiresAt, expiry <= time { throw Refusal(.expiredKey) }
        if key.standing == .suspended { throw Refusal(.suspended(what: "application")) }
        if let networks = key.networks, !networks.contains(where: { $0.contains(exchange.clientAddress.address) }) {
            throw Refusal(.networkNotAllowed)
        }
        return key
    }

    /// The token of `authorization: Bearer …`, or of `x-api-key` where that is missing.
    private static func token(in fields: HeadFields) -> ArraySlice<UInt8>? {
        if let field = fields.first("authorization") {
            let value = fields.value(of: field)
            guard value.count > 7, value.prefix(7).isToken("bearer") else { return nil }
            return value.dropFirst(7).drop { $0 == 0x20 }
        }
        return fields.first("x-api-key").map { fields.value(of: $0) }
    }
}

extension Refusal: Error {}
