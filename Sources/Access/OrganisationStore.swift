package import Limits
package import Storage

/// All SQL about organisations.
package struct OrganisationStore: Sendable {
    let database: any Database

    /// - Throws: `AccessError.invalidName`, `.negativeLimit`, `.organisationNameTaken`; `StorageError`.
    package func create(
        name: String, limits: LimitSettings = .unlimited, at time: Timestamp
    ) async throws -> Organisation {
        try await database.write { try Self.create(name: name, limits: limits, at: time, in: $0) }
    }

    static func create(
        name: String, limits: LimitSettings = .unlimited, at time: Timestamp, in transaction: any Transaction
    ) throws -> Organisation {
        try Name.validate(name)
        try limits.validate()
        let rows = try transaction.query(
            """
            INSERT INTO organisations (id, name, standing, limits, created_at)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (name) DO NOTHING
            RETURNING id, name, standing, limits, created_at
            """, [OrganisationID(at: time), name, Standing.good, limits.columnText(), time])
        guard let row = rows.first else { throw AccessError.organisationNameTaken(name) }
        return try Organisation(row: row)
    }

    /// In the order they were made.
    package func list() async throws -> [Organisation] {
        try await database.read { reader in
            try reader.query(
                """
                SELECT id, name, standing, limits, created_at
                FROM organisations
                ORDER BY id
                """
            ).map(Organisation.init)
        }
    }

    package func find(_ id: OrganisationID) async throws -> Organisation? {
        try await database.read { reader in
            try reader.query(
                """
                SELECT id, name, standing, limits, created_at
                FROM organisations
                WHERE id = $1
                """, [id]
            ).first.map(Organisation.init)
        }
    }

    /// - Throws: `AccessError.unknownOrganisation`; `StorageError`.
    package func setStanding(_ id: OrganisationID, to standing: Standing) async throws {
        let count = try await database.write { transaction in
            try transaction.execute("UPDATE organisations SET standing = $1 WHERE id = $2", [standing, id])
        }
        guard count == 1 else { throw AccessError.unknownOrganisation(id) }
    }

    /// - Throws: `AccessError.unknownOrganisation`, `.negativeLimit`; `StorageError`.
    package func setLimits(_ id: OrganisationID, to limits: LimitSettings) async throws {
        try limits.validate()
        let count = try await database.write { transaction in
            try transaction.execute("UPDATE organisations SET limits = $1 WHERE id = $2", [limits.columnText(), id])
        }
        guard count == 1 else { throw AccessError.unknownOrganisation(id) }
    }
}
