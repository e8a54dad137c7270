internal import Crypto

/// One dated change of the schema, owned by the desk whose tables it makes. Once released, its text never changes.
///
/// Two versions of Steward run side by side on one store, so a change is made in two steps. What *expands* (a table, a
/// column that may be absent, an index) leaves the version before at work. What *contracts* (drops, renames, narrows)
/// comes in a later version, when nothing uses the old shape any more, under a name that ends in `-contract`; then
/// versions that don't know it are refused.
package struct Migration: Sendable, Hashable {
    /// `yyyymmdd-n-words`, such as `20261124-1-identity`: the day, its number on that day, what it is about.
    package let name: String
    /// The desk, such as `Access`.
    package let owner: String
    private let texts: [SQLDialect: String]

    /// One text for every engine.
    package init(name: String, owner: String, sql: String) {
        self.init(name: name, owner: owner, sqlite: sql, postgres: sql)
    }

    /// A text for each engine: the files `name.sqlite.sql` and `name.postgres.sql`.
    package init(name: String, owner: String, sqlite: String, postgres: String) {
        precondition(
            Order(name) != nil, "A migration's name is like 20261124-1-identity, not \(name).")
        self.name = name
        self.owner = owner
        texts = [.sqlite: sqlite, .postgres: postgres]
    }

    /// Whether versions that don't know the migration `name` can't work with a store that has it.
    static func isContracting(_ name: String) -> Bool {
        name.hasSuffix("-contract")
    }

    package func sql(for dialect: SQLDialect) -> String {
        texts[dialect] ?? ""
    }

    /// SHA-256 of the text, in hexadecimal.
    package func digest(for dialect: SQLDialect) -> String {
        Hexadecimal.text(SHA256.hash(data: Array(sql(for: dialect).utf8)))
    }
}

extension Migration: Comparable {
    /// By day, then by number, then by name.
    package static func < (left: Migration, right: Migration) -> Bool {
        guard let first = Order(left.name), let second = Order(right.name) else { return left.name < right.name }
        return (first.day, first.number, left.name) < (second.day, second.number, right.name)
    }

    private struct Order {
        let day: Int
        let number: Int

        init?(_ name: String) {
            let parts = name.split(separator: "-", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0].utf8.count == 8, !parts[2].isEmpty,
                let day = Int(parts[0]), let number = Int(parts[1])
            else { return nil }
            self.day = day
            self.number = number
        }
    }
}

extension Database {
    /// Applies those of `migrations` that the store does not have, in their order, each in a transaction of its own,
    /// and returns their names. Several processes may call this at once: one applies, the others wait and find it done.
    ///
    /// What a newer version added to the store meanwhile is no obstacle.
    ///
    /// - Throws: `StorageError.newerStore` if the store has contracting migrations that are not among these,
    ///   `StorageError.changedMigration` if a text differs from what was applied; nothing is changed then.
    @discardableResult
    package func migrate(_ migrations: [Migration], at time: Timestamp) async throws -> [String] {
        precondition(Set(migrations.map(\.name)).count == migrations.count, "Two migrations have the same name.")
        let ordered = migrations.sorted()
        let dialect = dialect
        var applied: [String] = []
        while true {
            let next = try await write { transaction in
                try MigrationTable(transaction: transaction).applyNext(of: ordered, dialect: dialect, at: time)
            }
            guard let next else { return applied }
            applied.append(next)
        }
    }
}

/// Which migrations a store has.
private struct MigrationTable {
    let transaction: any Transaction

    /// Applies the first that is missing, `nil` if none is. What was applied is read in the transaction that applies
    /// the next, so two processes can't apply the same.
    func applyNext(of ordered: [Migration], dialect: SQLDialect, at time: Timestamp) throws -> String? {
        try transaction.lockSchema(for: .migration)
        try transaction.execute(
            """
            CREATE TABLE IF NOT EXISTS migrations (
                name TEXT NOT NULL PRIMARY KEY,
                owner TEXT NOT NULL,
                digest TEXT NOT NULL,
                applied_at BIGINT NOT NULL
            )
            """)
        var digests: [String: String] = [:]
        for row in try transaction.query("SELECT name, digest FROM migrations ORDER BY name") {
            digests[try row["name"]] = try row["digest"]
        }
        let unknown = Set(digests.keys).subtracting(ordered.map(\.name)).filter(Migration.isContracting)
        guard unknown.isEmpty else { throw StorageError.newerStore(migrations: unknown.sorted()) }
        for migration in ordered {
            if let digest = digests[migration.name], digest != migration.digest(for: dialect) {
                throw StorageError.changedMigration(migration.name)
            }
        }
        guard let next = ordered.first(where: { digests[$0.name] == nil }) else { return nil }
        try transaction.executeScript(next.sql(for: dialect))
        try transaction.execute(
            """
            INSERT INTO migrations (name, owner, digest, applied_at)
            VALUES ($1, $2, $3, $4)
            """, [next.name, next.owner, next.digest(for: dialect), time])
        return next.name
    }
}
