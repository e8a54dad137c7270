package import Storage

/// The partitions of the table `records` in PostgreSQL, `records_2026_11`, one a month.
package struct PostgresRecordPartitions: RecordPartitions {
    private let database: any Database

    /// - Parameter database: With ``RecordMigrations/main``; closed by its owner.
    package init(database: any Database) {
        self.database = database
    }

    package func months() async throws -> [Month] {
        try await database.read { try Self.months(in: $0) }
    }

    private static func months(in reader: any Reader) throws -> [Month] {
        try reader.query(
            """
            SELECT relname AS name
            FROM pg_inherits
            JOIN pg_class ON pg_class.oid = inhrelid
            WHERE inhparent = to_regclass('records')
            """
        ).compactMap { row in
            let name: String = try row["name"]
            return Month(name.dropFirst("records_".count).map { $0 == "_" ? "-" : String($0) }.joined())
        }.sorted()
    }

    /// One: the table of all months.
    package func stores(from month: Month?) async throws -> [any Database] {
        [database]
    }

    package func existingStore(for month: Month) async throws -> (any Database)? {
        try await months().contains(month) ? database : nil
    }

    package func store(for month: Month) async throws -> any Database {
        // Looked up each time, since another process may have dropped it.
        if try await months().contains(month) { return database }
        let name = Self.table(of: month)
        try await database.write { transaction in
            try transaction.lockSchema(for: .brief)
            if try Self.months(in: transaction).contains(month) { return }
            // Attached, not created as a partition: that would wait for everybody who reads, and have all wait behind.
            try transaction.executeScript(
                """
                CREATE TABLE \(name) (LIKE records INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES);
                ALTER TABLE records ATTACH PARTITION \(name)
                FOR VALUES FROM (\(month.start.microseconds)) TO (\(month.end.microseconds));
                """)
        }
        return database
    }

    package func drop(_ month: Month) async throws {
        let name = Self.table(of: month)
        try await database.write { transaction in
            try transaction.lockSchema(for: .brief)
            // Whoever reads all records, such as a backup, is not waited for: others would wait behind us. Retention
            // comes again.
            try transaction.executeScript("SET LOCAL lock_timeout = '2s'; DROP TABLE IF EXISTS \(name);")
        }
    }

    package func close() async throws {}

    /// Digits and underscores behind a fixed name.
    private static func table(of month: Month) -> String {
        "records_" + month.description.map { $0 == "-" ? "_" : String($0) }.joined()
    }
}
