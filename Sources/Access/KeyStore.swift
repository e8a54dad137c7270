package import Limits
package import Storage

/// All SQL about keys, but that of the snapshot.
package struct KeyStore: Sendable {
    let database: any Database
    let digester: KeyDigester

    /// Makes a key of the application's stage; its text is in the answer and nowhere else.
    ///
    /// - Throws: `AccessError.unknownApplication`, `.invalidName`, `.negativeLimit`, `.noScope`, `.expiryInThePast`;
    ///   `StorageError`.
    package func create(_ draft: KeyDraft, at time: Timestamp) async throws -> IssuedKey {
        try Name.validate(draft.name)
        return try await database.write { try create(draft, at: time, in: $0) }
    }

    /// The name is one that may be given, or has been.
    func create(
        _ draft: KeyDraft, rotatedFrom: KeyID? = nil, at time: Timestamp, in transaction: any Transaction
    ) throws -> IssuedKey {
        try draft.limits.validate()
        if draft.scopes.isEmpty { throw AccessError.noScope }
        if let expiry = draft.expiresAt, expiry <= time { throw AccessError.expiryInThePast }
        guard let application = try ApplicationStore.find(draft.application, in: transaction) else {
            throw AccessError.unknownApplication(draft.application)
        }
        var generator = SystemRandomNumberGenerator()
        let text = APIKeyText.generate(application.stage, using: &generator)
        let rows = try transaction.query(
            """
            INSERT INTO keys (id, application_id, name, digest, hint, scopes, allowed_models, networks, limits,
                created_at, expires_at, rotated_from)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            RETURNING id, application_id, name, hint, scopes, allowed_models, networks, limits,
                created_at, expires_at, revoked_at, rotated_from, NULL AS last_used_at
            """,
            [
                KeyID(at: time), draft.application, draft.name, digester.digest(text),
                APIKeyText.hint(of: text, application.stage), StoredJSON.encode(draft.scopes.names),
                draft.allowedModels.map { try StoredJSON.encode($0.sorted()) },
                draft.networks.map { try StoredJSON.encode($0.map(\.description)) }, draft.limits.columnText(),
                time, draft.expiresAt, rotatedFrom,
            ])
        guard let row = rows.first else { throw StorageError.statement("INSERT returned no row") }
        return IssuedKey(key: try Key(row: row), secret: APIKeySecret(text))
    }

    /// In the order they were made; of one application or of all.
    package func list(of application: ApplicationID? = nil) async throws -> [Key] {
        try await database.read { reader in
            try reader.query(
                """
                SELECT id, application_id, name, hint, scopes, allowed_models, networks, limits,
                    created_at, expires_at, revoked_at, rotated_from, last_used_at
                FROM keys
                LEFT JOIN key_uses ON key_id = id
                WHERE application_id = COALESCE($1, application_id)
                ORDER BY id
                """, [application]
            ).map(Key.init)
        }
    }

    package func find(_ id: KeyID) async throws -> Key? {
        try await database.read { try Self.find(id, in: $0) }
    }

    private static func find(_ id: KeyID, in reader: any Reader) throws -> Key? {
        try reader.query(
            """
            SELECT id, application_id, name, hint, scopes, allowed_models, networks, limits,
                created_at, expires_at, revoked_at, rotated_from, last_used_at
            FROM keys
            LEFT JOIN key_uses ON key_id = id
            WHERE id = $1
            """, [id]
        ).first.map(Key.init)
    }

    /// Revokes a key; `false` if it is unknown or already revoked.
    @discardableResult
    package func revoke(_ id: KeyID, at time: Timestamp) async throws -> Bool {
        try await database.write { transaction in
            try transaction.execute(
                """
                UPDATE keys
                SET revoked_at = $1
                WHERE id = $2 AND revoked_at IS NULL
                """, [time, id]) == 1
        }
    }

    /// Makes a new key with the settings of the key `id`. The old key expires after `overlap`, or earlier if it would
    /// have anyway. Where it had an expiry, the new key lives as long as the old one was to live.
    ///
    /// - Throws: `AccessError.unknownKey`, `.keyNotLive`, `.keyRotated`; `StorageError`.
    package func rotate(_ id: KeyID, overlap: Duration, at time: Timestamp) async throws -> IssuedKey {
        precondition(overlap >= .zero, "An overlap is not negative.")
        return try await database.write { transaction in
            guard let old = try Self.find(id, in: transaction) else { throw AccessError.unknownKey(id) }
            guard old.isLive(at: time) else { throw AccessError.keyNotLive(id) }
            if let successor = try Self.successor(of: id, in: transaction) {
                throw AccessError.keyRotated(id, successor: successor)
            }
            var draft = KeyDraft(application: old.application, name: old.name)
            draft.scopes = old.scopes
            draft.allowedModels = old.allowedModels
            draft.networks = old.networks
            draft.limits = old.limits
            draft.expiresAt = old.expiresAt.map { expiry in
                Timestamp(microseconds: time.microseconds + expiry.microseconds - old.createdAt.microseconds)
            }
            let issued = try create(draft, rotatedFrom: id, at: time, in: transaction)
            let end = time.adding(overlap)
            try transaction.execute(
                "UPDATE keys SET expires_at = $1 WHERE id = $2", [old.expiresAt.map { min($0, end) } ?? end, id])
            return issued
        }
    }

    /// The key that was made to take another's place, unless it was revoked.
    private static func successor(of id: KeyID, in reader: any Reader) throws -> KeyID? {
        try reader.query("SELECT id FROM keys WHERE rotated_from = $1 AND revoked_at IS NULL", [id]).first.map {
            try $0["id"]
        }
    }

    /// - Throws: `AccessError.unknownKey`, `.negativeLimit`; `StorageError`.
    package func setLimits(_ id: KeyID, to limits: LimitSettings) async throws {
        try limits.validate()
        let count = try await database.write { transaction in
            try transaction.execute("UPDATE keys SET limits = $1 WHERE id = $2", [limits.columnText(), id])
        }
        guard count == 1 else { throw AccessError.unknownKey(id) }
    }
}
