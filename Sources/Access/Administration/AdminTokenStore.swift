package import Storage

/// All SQL about tokens for `/admin/v1`.
package struct AdminTokenStore: Sendable {
    let database: any Database
    let digester: KeyDigester

    /// As many as a reviewer's name may have, for beside what its holder says of samples stands its name.
    static let nameScalarsMax = 64

    /// Makes a token; its text is in the answer and nowhere else.
    ///
    /// - Parameter name: its id where there is none, so that no two reviewers are taken for one.
    /// - Throws: `AccessError.invalidName`, `.tokenNameTooLong`, `.expiryInThePast`; `StorageError`.
    package func create(
        _ role: AdminRole, name: String? = nil, expiresAt: Timestamp? = nil, at time: Timestamp
    ) async throws -> IssuedAdminToken {
        let id = AdminTokenID(at: time)
        let name = name ?? id.description
        try Name.validate(name)
        guard name.unicodeScalars.count <= Self.nameScalarsMax else { throw AccessError.tokenNameTooLong }
        if let expiresAt, expiresAt <= time { throw AccessError.expiryInThePast }
        var generator = SystemRandomNumberGenerator()
        let text = AdminTokenText.generate(using: &generator)
        let digest = digester.digest(text)
        let row = try await database.write { transaction in
            try transaction.query(
                """
                INSERT INTO admin_tokens (id, name, role, digest, hint, created_at, expires_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                RETURNING id, name, role, hint, created_at, expires_at, revoked_at
                """, [id, name, role, digest, AdminTokenText.hint(of: text), time, expiresAt]
            ).first
        }
        guard let row else { throw StorageError.statement("INSERT returned no row") }
        return IssuedAdminToken(token: try AdminToken(row: row), secret: APIKeySecret(text))
    }

    /// In the order they were made.
    package func list() async throws -> [AdminToken] {
        try await database.read { reader in
            try reader.query(
                """
                SELECT id, name, role, hint, created_at, expires_at, revoked_at
                FROM admin_tokens
                ORDER BY id
                """
            ).map(AdminToken.init)
        }
    }

    package func find(_ id: AdminTokenID) async throws -> AdminToken? {
        try await database.read { reader in
            try reader.query(
                """
                SELECT id, name, role, hint, created_at, expires_at, revoked_at
                FROM admin_tokens
                WHERE id = $1
                """, [id]
            ).first.map(AdminToken.init)
        }
    }

    /// The token with this text, live or not.
    ///
    /// The index is searched by a digest that nobody can choose without the digest key, and the row is compared with it in
    /// constant time: how long it takes says nothing of a guess.
    func find(text: String) async throws -> AdminToken? {
        let digest = digester.digest(text)
        return try await database.read { reader in
            let rows = try reader.query(
                """
                SELECT id, name, role, digest, hint, created_at, expires_at, revoked_at
                FROM admin_tokens
                WHERE digest = $1
                """, [digest])
            guard let row = rows.first else { return nil }
            let stored: KeyDigest = try row["digest"]
            return stored == digest ? try AdminToken(row: row) : nil
        }
    }

    /// Revokes a token; `false` if it is unknown or already revoked.
    @discardableResult
    package func revoke(_ id: AdminTokenID, at time: Timestamp) async throws -> Bool {
        try await database.write { transaction in
            try transaction.execute(
                """
                UPDATE admin_tokens
                SET revoked_at = $1
                WHERE id = $2 AND revoked_at IS NULL
                """, [time, id]) == 1
        }
    }
}
