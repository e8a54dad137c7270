package import Storage

/// The desk of identity: who may use the models, and with which keys; who may administer, and with which tokens. Read this
/// first.
///
/// An organisation has applications; an application has a stage and keys. The request path never asks the store: it
/// looks keys up in the snapshot that `KeyDirectory` keeps up to date.
package struct Access: Sendable {
    package let organisations: OrganisationStore
    package let applications: ApplicationStore
    package let keys: KeyStore
    /// For `/admin/v1`.
    package let tokens: AdminTokenStore
    private let database: any Database
    private let digester: KeyDigester

    /// The migrations must have been applied.
    package init(database: any Database, digester: KeyDigester) {
        self.database = database
        self.digester = digester
        organisations = OrganisationStore(database: database)
        applications = ApplicationStore(database: database)
        keys = KeyStore(database: database, digester: digester)
        tokens = AdminTokenStore(database: database, digester: digester)
    }

    /// The tables of this desk.
    package static let migrations = [
        Migration(name: "20261124-1-identity", owner: "Access", sql: text(PackageResources._0261124_1_identity_sql)),
        Migration(
            name: "20261124-2-identity-revision", owner: "Access",
            sqlite: text(PackageResources._0261124_2_identity_revision_sqlite_sql),
            postgres: text(PackageResources._0261124_2_identity_revision_postgres_sql)),
        Migration(
            name: "20261126-1-key-successors", owner: "Access",
            sql: text(PackageResources._0261126_1_key_successors_sql)),
        Migration(
            name: "20261128-2-admin-tokens", owner: "Access", sql: text(PackageResources._0261128_2_admin_tokens_sql)),
    ]

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// Checks that this is the digest key that the store's keys were made with; a new store takes it as its own. Call
    /// it before serving: with another digest key every caller would be refused as unknown.
    ///
    /// - Throws: `AccessError.digestKeyDiffers`; `StorageError`.
    package func checkDigestKey() async throws {
        let digest = digester.digest("The digest key of this store.")
        let stored: KeyDigest? = try await database.write { transaction in
            try transaction.execute(
                """
                INSERT INTO digest_key_checks (id, digest)
                VALUES (1, $1)
                ON CONFLICT (id) DO NOTHING
                """, [digest])
            return try transaction.query("SELECT digest FROM digest_key_checks WHERE id = 1").first?["digest"]
        }
        guard stored == digest else { throw AccessError.digestKeyDiffers }
    }

    /// Gives an empty store an organisation, a sandbox application and a key to begin with; `nil` if there is an
    /// organisation already. Of several processes that start at once, one gets the key.
    ///
    /// - Throws: `StorageError`.
    package func prepareFirstRun(at time: Timestamp) async throws -> IssuedKey? {
        try await database.write { transaction in
            guard try transaction.query("SELECT id FROM organisations LIMIT 1").isEmpty else { return nil }
            let organisation = try OrganisationStore.create(name: "Default", at: time, in: transaction)
            let application = try ApplicationStore.create(
                name: "Sandbox", of: organisation.id, stage: .sandbox, at: time, in: transaction)
            return try keys.create(
                KeyDraft(application: application.id, name: "First key"), at: time, in: transaction)
        }
    }
}
