internal import Limits
internal import Storage

/// Reads the snapshot of keys, and writes when they were used.
struct KeySnapshotStore: Sendable {
    /// A snapshot, and the ids of rows that could not be read. Those are left out, so their keys are refused.
    struct Loaded: Sendable {
        let snapshot: KeySnapshot
        let unreadable: [String]
    }

    let database: any Database
    let defaults: LimitDefaults

    /// Loads a snapshot if the store's revision is not `revision`. Notes of uses are carried on from `previous`.
    func load(unless revision: Int64?, previous: KeySnapshot) async throws -> Loaded? {
        let defaults = defaults
        return try await database.read { reader in
            guard let row = try reader.query("SELECT revision FROM identity_revisions WHERE id = 1").first else {
                throw StorageError.corrupt("identity_revisions is empty")
            }
            let current: Int64 = try row["revision"]
            if current == revision { return nil }
            var builder = SnapshotBuilder(defaults: defaults, previous: previous)
            for row in try reader.query(Self.organisations) { builder.add(organisationRow: row) }
            for row in try reader.query(Self.applications) { builder.add(applicationRow: row) }
            for row in try reader.query(Self.liveKeys) { builder.add(keyRow: row) }
            return Loaded(
                snapshot: KeySnapshot(revision: current, entries: builder.entries), unreadable: builder.unreadable)
        }
    }

    /// Writes the uses; an older one never replaces a newer one of another process.
    func store(_ uses: [(KeyID, Timestamp)]) async throws {
        try await database.write { transaction in
            // In one order for all processes, which then wait for one another and never block one another.
            for (key, time) in uses.sorted(by: { $0.0 < $1.0 }) {
                try transaction.execute(
                    """
                    INSERT INTO key_uses (key_id, last_used_at)
                    VALUES ($1, $2)
                    ON CONFLICT (key_id) DO UPDATE
                    SET last_used_at = excluded.last_used_at
                    WHERE key_uses.last_used_at < excluded.last_used_at
                    """, [key, time])
            }
        }
    }

    private static let organisations = """
        SELECT id, name, standing, limits, created_at
        FROM organisations
        """

    private static let applications = """
        SELECT id, organisation_id, name, stage, standing, limits, created_at
        FROM applications
        """

    private static let liveKeys = """
        SELECT id, application_id, name, digest, hint, scopes, allowed_models, networks, limits,
            created_at, expires_at, revoked_at, rotated_from, NULL AS last_used_at
        FROM keys
        WHERE revoked_at IS NULL
        """
}

/// Makes entries of rows; one `LimitSubject` for each organisation and application.
///
/// A row that can't be read is left out and noted: one bad row must not keep other keys from being revoked. Keys whose
/// application or organisation was left out are left out too.
private struct SnapshotBuilder {
    let defaults: LimitDefaults
    let previous: KeySnapshot
    private var organisations: [OrganisationID: (Organisation, LimitSubject)] = [:]
    private var applications: [ApplicationID: (Application, LimitSubject)] = [:]
    private(set) var entries: [KeyDigest: KeyEntry] = [:]
    private(set) var unreadable: [String] = []
    private let sandboxUsers: EndUserLimits?
    private let productionUsers: EndUserLimits?

    init(defaults: LimitDefaults, previous: KeySnapshot) {
        sandboxUsers = defaults.sandboxUsers.prepared
        productionUsers = defaults.productionUsers.prepared
        self.defaults = defaults
        self.previous = previous
    }

    mutating func add(organisationRow row: Row) {
        guard let organisation = read(row, Organisation.init) else { return }
        let settings = defaults.organisation.overridden(by: organisation.limits)
        organisations[organisation.id] = (organisation, LimitSubject(id: organisation.id.low, settings: settings))
    }

    mutating func add(applicationRow row: Row) {
        guard let application = read(row, Application.init) else { return }
        let settings = defaults.application(application.stage).overridden(by: application.limits)
        applications[application.id] = (application, LimitSubject(id: application.id.low, settings: settings))
    }

    mutating func add(keyRow row: Row) {
        guard let (key, digest) = read(row, { (try Key(row: $0), try $0["digest"] as KeyDigest) }) else { return }
        guard let (application, applicationLimits) = applications[key.application],
            let (organisation, organisationLimits) = organisations[application.organisation]
        else {
            unreadable.append(key.id.description)
            return
        }
        entries[digest] = KeyEntry(
            key, of: application, of: organisation,
            limits: LimitSubjects(
                key: LimitSubject(id: key.id.low, settings: key.limits),
                application: applicationLimits, organisation: organisationLimits),
            endUsers: application.stage == .sandbox ? sandboxUsers : productionUsers,
            use: previous.entry(for: key.id)?.use ?? KeyUse())
    }

    private mutating func read<Value>(_ row: Row, _ value: (Row) throws -> Value) -> Value? {
        do {
            return try value(row)
        } catch {
            unreadable.append((try? row["id"]) ?? "?")
            return nil
        }
    }
}
