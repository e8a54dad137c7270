internal import Records
internal import Storage

/// What `steward database check` looks at.
struct StoreCheck {
    let handle: StoreHandle
    let migrations: [Migration]

    func view() async throws -> StoreCheckView {
        let applied = try await handle.database.appliedMigrations()
        let known = Set(migrations.map(\.name))
        var view = StoreCheckView(
            store: handle.place, engine: handle.database.dialect.rawValue, engineVersion: try await engineVersion(),
            applied: (applied ?? []).sorted(), pending: known.subtracting(applied ?? []).sorted(),
            unknown: (applied ?? []).subtracting(known).sorted())
        try await count(into: &view)
        view.problems += try await damage(of: handle.database, "the main store")
        for month in try await handle.partitions.months() {
            guard let store = try await handle.partitions.existingStore(for: month) else { continue }
            let count: Int = try await store.read { reader in
                try reader.query(
                    "SELECT COUNT(*) AS count FROM records WHERE settled_at >= $1 AND settled_at < $2",
                    [month.start, month.end])[0]["count"]
            }
            view.months.append(StoreCheckView.Count(name: month.description, rows: count))
            if handle.database.dialect == .sqlite {
                view.problems += try await damage(of: store, month.description)
            }
        }
        if !view.pending.isEmpty { view.notices.append("Run `steward database migrate`, or start this version.") }
        if !view.unknown.isEmpty { view.notices.append("A newer version of Steward has changed the schema.") }
        return view
    }

    private func engineVersion() async throws -> String {
        let sql =
            handle.database.dialect == .sqlite
            ? "SELECT sqlite_version() AS version" : "SELECT current_setting('server_version') AS version"
        return try await handle.database.read { try $0.query(sql)[0]["version"] }
    }

    private func count(into view: inout StoreCheckView) async throws {
        let dialect = handle.database.dialect
        view.tables = try await handle.database.read { reader in
            try StoredTable.all(in: reader, dialect).map { table in
                let count: Int = try reader.query("SELECT COUNT(*) AS count FROM \"\(table.name)\"")[0]["count"]
                return StoreCheckView.Count(name: table.name, rows: count)
            }
        }
    }

    private func damage(of database: any Database, _ name: String) async throws -> [String] {
        let dialect = database.dialect
        return try await database.read { reader in
            switch dialect {
            case .sqlite:
                let found: [String] = try reader.query("PRAGMA integrity_check").map { try $0["integrity_check"] }
                let orphans = try reader.query("PRAGMA foreign_key_check").count
                return found.filter { $0 != "ok" }.map { "SQLite finds in \(name): \($0)." }
                    + (orphans > 0 ? ["\(orphans) rows of \(name) name others that are not there."] : [])
            case .postgres:
                let invalid: [String] = try reader.query(
                    """
                    SELECT pg_class.relname AS name
                    FROM pg_index
                    JOIN pg_class ON pg_class.oid = indexrelid
                    WHERE relnamespace = current_schema()::regnamespace AND NOT (indisvalid AND indisready)
                    """
                ).map { try $0["name"] }
                return invalid.map { "The index \($0) is not valid. Run `REINDEX INDEX \($0)`." }
            }
        }
    }
}

/// As it is printed.
struct StoreCheckView: Encodable, Sendable {
    struct Count: Encodable, Sendable {
        let name: String
        let rows: Int
    }

    let store: String
    let engine: String
    let engineVersion: String
    let applied: [String]
    let pending: [String]
    let unknown: [String]
    var tables: [Count] = []
    var months: [Count] = []
    var problems: [String] = []
    var notices: [String] = []

    var text: String {
        var text = "\(store), \(engine) \(engineVersion), \(applied.count) migrations, \(pending.count) pending\n\n"
        var table = Table(["TABLE", "ROWS"], rightAligned: ["ROWS"])
        for count in tables { table.add([count.name, String(count.rows)]) }
        for count in months { table.add(["records of \(count.name)", String(count.rows)]) }
        text += table.text
        for notice in notices { text += "\nNotice: \(notice)" }
        for problem in problems { text += "\nProblem: \(problem)" }
        return text + (problems.isEmpty ? "\nNo damage was found.\n" : "\n")
    }
}
