package import Storage

package enum AdminTokenKind: IdentifierKind { package static let prefix = "tok" }
package typealias AdminTokenID = Identifier<AdminTokenKind>

/// What lets a program administer. Its text is known to its holder alone; here is only a digest of it.
package struct AdminToken: Sendable, Hashable {
    package let id: AdminTokenID
    /// By which reviewers know one another; its id where nobody named it.
    package let name: String
    /// As it is stored: a newer Steward on the same store may know more roles.
    package let roleName: String
    /// The beginning of its text, to recognise it by.
    package let hint: String
    package let createdAt: Timestamp
    package let expiresAt: Timestamp?
    package let revokedAt: Timestamp?

    /// `nil` for one that this version does not know, which may do nothing.
    package var role: AdminRole? { AdminRole(rawValue: roleName) }

    /// Whether it is neither revoked nor expired.
    package func isLive(at time: Timestamp) -> Bool {
        revokedAt == nil && expiresAt.map { time < $0 } ?? true
    }
}

/// A token that was just made, with its text: the only moment it is known.
package struct IssuedAdminToken: Sendable {
    package let token: AdminToken
    package let secret: APIKeySecret
}

extension AdminToken {
    init(row: Row) throws {
        id = try row["id"]
        name = try row["name"]
        roleName = try row["role"]
        hint = try row["hint"]
        createdAt = try row["created_at"]
        expiresAt = try row["expires_at"]
        revokedAt = try row["revoked_at"]
    }
}
