package import Storage

extension RecordStore {
    private static let pageRows = 2_000

    /// Writes all tables, then the records of all months, and closes the backup; others go on writing.
    ///
    /// The tables are on one consistent view. Records are read after it, so all that the progress and the usage speak of
    /// are in; some may be in that came later.
    ///
    /// - Returns: The number of rows.
    package func backUp(to path: String, at time: Timestamp) async throws -> Int {
        let file = try BackupWriter(path)
        try await main.backUp(to: file, at: time)
        for month in try await partitions.months() {
            // Retention may have dropped it meanwhile.
            guard let store = try await partitions.existingStore(for: month) else { continue }
            let columns = RecordRows.columns.split(separator: ", ").map(String.init)
            try file.write(.month(month.description, columns: columns))
            var sequence: Int64 = 0
            while true {
                let (last, rows) = try await Self.page(of: month, after: sequence, columns, in: store)
                for row in rows { try file.write(.row(row)) }
                guard let last, rows.count == Self.pageRows else { break }
                sequence = last
            }
        }
        return try file.finish()
    }

    private static func page(
        of month: Month, after sequence: Int64, _ columns: [String], in store: any Database
    ) async throws -> (last: Int64?, rows: [[SQLValue]]) {
        try await store.read { reader in
            let rows = try reader.query(
                """
                SELECT sequence, \(RecordRows.columns)
                FROM records
                WHERE sequence > $1 AND settled_at >= $2 AND settled_at < $3
                ORDER BY sequence
                LIMIT $4
                """, [sequence, month.start, month.end, pageRows])
            return (try rows.last?["sequence"], try rows.map { row in try columns.map { try row[$0] } })
        }
    }

    /// Puts a backup into the place of all that is in the store. It is read to its end first, so a damaged one changes
    /// nothing.
    ///
    /// The records come first, those that are there already excepted; then the tables change in one transaction. So a
    /// store in which that was broken off is as empty as before, and takes the backup again.
    ///
    /// - Parameters:
    ///   - migrations: The present schema.
    ///   - seeded: The tables in which the migrations themselves put rows.
    ///   - isReplacing: Whether a store that holds anything may be emptied.
    ///   - begin, finish: Run in the transaction of the tables, before and after they are changed.
    /// - Throws: `BackupError`, `StorageError`.
    package func restore<Before: Sendable>(
        from path: String, migrations: [Migration], seeded: Set<String>, isReplacing: Bool, at time: Timestamp,
        begin: @escaping @Sendable (any Transaction) throws -> Before,
        finish: @escaping @Sendable (any Transaction, Before) throws -> Void
    ) async throws {
        try BackupReader.verify(path)
        let dialect = main.dialect
        let requireEmpty: @Sendable (any Reader) throws -> Void = { reader in
            guard !isReplacing else { return }
            for table in try StoredTable.all(in: reader, dialect) where !seeded.contains(table.name) {
                guard try table.isEmpty(in: reader) else { throw BackupError.notEmpty }
            }
        }
        try await main.read { try requireEmpty($0) }
        try await prepare(for: try Self.migrations(of: path), of: migrations, at: time)
        if isReplacing {
            for month in try await partitions.months() { try await partitions.drop(month) }
        }
        try await restoreRecords(from: path)
        try await main.restore(
            from: path,
            begin: { transaction in
                // Somebody may have begun to use it meanwhile.
                try requireEmpty(transaction)
                return try begin(transaction)
            }, finish: finish)
        try await main.migrate(migrations, at: time)
    }

    /// Gives the store the schema that the backup was made with.
    private func prepare(for names: Set<String>, of migrations: [Migration], at time: Timestamp) async throws {
        let unknown = names.subtracting(migrations.map(\.name))
        guard unknown.isEmpty else { throw StorageError.newerStore(migrations: unknown.sorted()) }
        let applied = try await main.appliedMigrations() ?? []
        guard applied.isSubset(of: names) else { throw BackupError.otherSchema }
        try await main.migrate(migrations.filter { names.contains($0.name) }, at: time)
    }

    private static func migrations(of path: String) throws -> Set<String> {
        var names: Set<String> = []
        var reader = try BackupReader(path)
        while let line = try reader.next() {
            switch line {
            case .migration(let name): names.insert(name)
            case .table: return names
            default: break
            }
        }
        return names
    }

    private func restoreRecords(from path: String) async throws {
        var reader = try BackupReader(path)
        var batch = RestoreBatch()
        var month: Month?
        while let line = try reader.next() {
            switch line {
            case .month(let name, let columns):
                try await flush(&batch, into: month)
                guard let named = Month(name) else { throw StorageError.corrupt("the backup has the month \(name)") }
                month = named
                batch.begin(StoredTable.insertion(into: "records", columns) + " ON CONFLICT DO NOTHING")
            case .row(let values) where month != nil:
                batch.append(values)
                if batch.isFull { try await flush(&batch, into: month) }
            default: break
            }
        }
        try await flush(&batch, into: month)
    }

    private func flush(_ batch: inout RestoreBatch, into month: Month?) async throws {
        guard let month else { return }
        let full = batch
        try await partitions.store(for: month).write { try full.insert(in: $0) }
        batch.removeAll()
    }
}
