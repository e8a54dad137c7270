package import Limits
package import Storage

/// All SQL about applications.
package struct ApplicationStore: Sendable {
    let database: any Database

    /// - Throws: `AccessError.invalidName`, `.negativeLimit`, `.unknownOrganisation`, `.applicationNameTaken`;
    ///   `StorageError`.
    package func create(
        name: String, of organisation: OrganisationID, stage: Stage, limits: LimitSettings = .unlimited,
        at time: Timestamp
    ) async throws -> Application {
        try await database.write {
            try Self.create(name: name, of: organisation, stage: stage, limits: limits, at: time, in: $0)
        }
    }

    static func create(
        name: String, of organisation: OrganisationID, stage: Stage, limits: LimitSettings = .unlimited,
        at time: Timestamp, in transaction: any Transaction
    ) throws -> Application {
        try Name.validate(name)
        try limits.validate()
        do {
            let rows = try transaction.query(
                """
                INSERT INTO applications (id, organisation_id, name, stage, standing, limits, created_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                ON CONFLICT (organisation_id, name) DO NOTHING
                RETURNING id, organisation_id, name, stage, standing, limits, created_at
                """,
                [
                    ApplicationID(at: time), organisation, name, stage, Standing.good, limits.columnText(), time,
                ])
            guard let row = rows.first else { throw AccessError.applicationNameTaken(name) }
            return try Application(row: row)
        } catch StorageError.constraint(.foreignKey, _) {
            throw AccessError.unknownOrganisation(organisation)
        }
    }

    /// In the order they were made; of one organisation or of all.
    package func list(of organisation: OrganisationID? = nil) async throws -> [Application] {
        try await database.read { reader in
            try reader.query(
                """
                SELECT id, organisation_id, name, stage, standing, limits, created_at
                FROM applications
                WHERE organisation_id = COALESCE($1, organisation_id)
                ORDER BY id
                """, [organisation]
            ).map(Application.init)
        }
    }

    package func find(_ id: ApplicationID) async throws -> Application? {
        try await database.read { try Self.find(id, in: $0) }
    }

    static func find(_ id: ApplicationID, in reader: any Reader) throws -> Application? {
        try reader.query(
            """
            SELECT id, organisation_id, name, stage, standing, limits, created_at
            FROM applications
            WHERE id = $1
            """, [id]
        ).first.map(Application.init)
    }

    /// - Throws: `AccessError.unknownApplication`; `StorageError`.
    package func setStanding(_ id: ApplicationID, to standing: Standing) async throws {
        let count = try await database.write { transaction in
            try transaction.execute("UPDATE applications SET standing = $1 WHERE id = $2", [standing, id])
        }
        guard count == 1 else { throw AccessError.unknownApplication(id) }
    }

    /// - Throws: `AccessError.unknownApplication`, `.negativeLimit`; `StorageError`.
    package func setLimits(_ id: ApplicationID, to limits: LimitSettings) async throws {
        try limits.validate()
        let count = try await database.write { transaction in
            try transaction.execute("UPDATE applications SET limits = $1 WHERE id = $2", [limits.columnText(), id])
        }
        guard count == 1 else { throw AccessError.unknownApplication(id) }
    }
}
