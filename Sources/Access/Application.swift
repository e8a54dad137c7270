package import Limits
package import Storage

/// One use of the models, reviewed as such. Its keys share its stage, standing and limits.
package struct Application: Sendable, Hashable {
    package let id: ApplicationID
    package let organisation: OrganisationID
    /// Unique within its organisation.
    package let name: String
    package let stage: Stage
    package let standing: Standing
    /// What is stated for it in place of its stage's limits.
    package let limits: LimitSettings
    package let createdAt: Timestamp
}

extension Application {
    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        name = try row["name"]
        stage = try row["stage"]
        standing = try row["standing"]
        limits = try LimitSettings(column: row["limits"])
        createdAt = try row["created_at"]
    }
}
