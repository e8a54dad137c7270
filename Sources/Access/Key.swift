package import Limits
package import Storage

/// What lets an application in. Its text is known to its holder alone; here is only a digest of it.
package struct Key: Sendable, Hashable {
    package let id: KeyID
    package let application: ApplicationID
    package let name: String
    /// The beginning of its text, such as `stw_live_8Kq2`, to recognise it by.
    package let hint: String
    package let scopes: KeyScopes
    /// Names of models; `nil` means all.
    package let allowedModels: Set<String>?
    /// Where it may be used from; `nil` means anywhere.
    package let networks: [Network]?
    /// Limits of its own, below its application's.
    package let limits: LimitSettings
    package let createdAt: Timestamp
    package let expiresAt: Timestamp?
    package let revokedAt: Timestamp?
    /// The key that it replaces.
    package let rotatedFrom: KeyID?
    /// To some seconds; `nil` if it never was.
    package let lastUsedAt: Timestamp?

    /// Whether it is neither revoked nor expired.
    package func isLive(at time: Timestamp) -> Bool {
        revokedAt == nil && expiresAt.map { time < $0 } ?? true
    }
}

/// What is chosen when a key is made.
package struct KeyDraft: Sendable {
    package var application: ApplicationID
    package var name: String
    package var scopes: KeyScopes = .all
    package var allowedModels: Set<String>?
    package var networks: [Network]?
    package var limits: LimitSettings = .unlimited
    package var expiresAt: Timestamp?

    package init(application: ApplicationID, name: String) {
        self.application = application
        self.name = name
    }
}

/// A key that was just made, with its text: the only moment it is known.
package struct IssuedKey: Sendable {
    package let key: Key
    package let secret: APIKeySecret
}

extension Key {
    init(row: Row) throws {
        id = try row["id"]
        application = try row["application_id"]
        name = try row["name"]
        hint = try row["hint"]
        scopes = try KeyScopes(names: StoredJSON.decode([String].self, row["scopes"], column: "scopes"))
        allowedModels = try StoredJSON.models(row["allowed_models"])
        networks = try StoredJSON.networks(row["networks"])
        limits = try LimitSettings(column: row["limits"])
        createdAt = try row["created_at"]
        expiresAt = try row["expires_at"]
        revokedAt = try row["revoked_at"]
        rotatedFrom = try row["rotated_from"]
        lastUsedAt = try row["last_used_at"]
    }
}
