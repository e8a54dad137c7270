package import Limits
package import Storage

/// Who answers for its applications.
package struct Organisation: Sendable, Hashable {
    package let id: OrganisationID
    /// Unique.
    package let name: String
    package let standing: Standing
    /// Limits over all its applications together; unlimited unless stated.
    package let limits: LimitSettings
    package let createdAt: Timestamp
}

extension Organisation {
    init(row: Row) throws {
        id = try row["id"]
        name = try row["name"]
        standing = try row["standing"]
        limits = try LimitSettings(column: row["limits"])
        createdAt = try row["created_at"]
    }
}
