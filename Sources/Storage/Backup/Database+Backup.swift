extension Database {
    /// Writes the migrations' names and all tables but the records, on one consistent view; others go on writing. One
    /// table at a time is held in memory.
    package func backUp(to file: BackupWriter, at time: Timestamp) async throws {
        let dialect = dialect
        let mark = try file.mark()
        try await read { reader in
            try file.rewind(to: mark)
            try file.write(.begin(engine: dialect.rawValue, at: time))
            for row in try reader.query("SELECT name FROM migrations ORDER BY name") {
                try file.write(.migration(try row["name"]))
            }
            for table in try StoredTable.all(in: reader, dialect) {
                try file.write(.table(table.name, columns: table.columns))
                for row in try reader.query(table.selection) { try file.write(.row(row.values)) }
            }
        }
    }

    /// The names of the migrations that the store has, `nil` if it is none yet.
    package func appliedMigrations() async throws -> Set<String>? {
        let dialect = dialect
        return try await read { reader in
            let known = try reader.query(
                dialect == .sqlite
                    ? "SELECT name FROM sqlite_master WHERE name = 'migrations'"
                    : "SELECT 1 AS name WHERE to_regclass('migrations') IS NOT NULL")
            guard !known.isEmpty else { return nil }
            return Set(try reader.query("SELECT name FROM migrations ORDER BY name").map { try $0["name"] })
        }
    }

    /// Puts the tables of a backup into the place of what is in them, in one transaction.
    ///
    /// - Parameter finish: Runs in that transaction, with what `begin` returned before anything was changed.
    package func restore<Before: Sendable>(
        from path: String, begin: @escaping @Sendable (any Transaction) throws -> Before,
        finish: @escaping @Sendable (any Transaction, Before) throws -> Void
    ) async throws {
        let dialect = dialect
        try await write { transaction in
            let before = try begin(transaction)
            for table in try StoredTable.all(in: transaction, dialect).reversed() {
                try transaction.execute("DELETE FROM \"\(table.name)\"")
            }
            var reader = try BackupReader(path)
            var batch = RestoreBatch()
            reading: while let line = try reader.next() {
                switch line {
                case .table(let name, let columns):
                    try batch.write(in: transaction)
                    batch.begin(StoredTable.insertion(into: name, columns))
                case .row(let values):
                    batch.append(values)
                    if batch.isFull { try batch.write(in: transaction) }
                case .month: break reading
                default: break
                }
            }
            try batch.write(in: transaction)
            try finish(transaction, before)
        }
    }
}

/// Rows of a backup on their way into one table.
package struct RestoreBatch: Sendable {
    private static let rowsMax = 1_000
    private var insertion: String?
    private var rows: [[SQLValue]] = []

    package init() {}

    package var isFull: Bool { rows.count >= Self.rowsMax }

    package mutating func begin(_ insertion: String) {
        self.insertion = insertion
        rows = []
    }

    package mutating func append(_ values: [SQLValue]) {
        rows.append(values)
    }

    package mutating func removeAll() {
        rows = []
    }

    /// Writes the rows and forgets them.
    package mutating func write(in transaction: any Transaction) throws {
        try insert(in: transaction)
        rows = []
    }

    package func insert(in transaction: any Transaction) throws {
        guard let insertion, !rows.isEmpty else { return }
        try transaction.execute(insertion, rows: rows.count) { index, row in
            for value in rows[index] { row.append(value) }
        }
    }
}
