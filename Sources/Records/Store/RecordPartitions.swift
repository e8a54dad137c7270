internal import Foundation
package import Storage

/// Where the months of records are: one SQLite file each, or the partitions of a table in PostgreSQL.
package protocol RecordPartitions: Sendable {
    /// The months that exist, in order.
    func months() async throws -> [Month]
    /// Where the records of these months and later ones are read: several stores in the order of time, or one that has
    /// them all. `nil` is the first month that there is.
    func stores(from month: Month?) async throws -> [any Database]
    /// Where the records of a month are read; `nil` if it is not there, such as one that was dropped meanwhile. Makes
    /// nothing.
    func existingStore(for month: Month) async throws -> (any Database)?
    /// Where records of a month are written; made if it is not there.
    func store(for month: Month) async throws -> any Database
    /// Removes a month as a whole, without reading it.
    func drop(_ month: Month) async throws
    /// Closes what it opened itself.
    func close() async throws
}

/// One SQLite file a month, `2026-11.sqlite`, in a folder of their own.
package actor SQLiteRecordPartitions: RecordPartitions {
    private let folder: String
    private var stores: [Month: SQLiteDatabase] = [:]

    package init(folder: String) {
        self.folder = folder
    }

    package func months() throws -> [Month] {
        guard FileManager.default.fileExists(atPath: folder) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder)
            .compactMap { $0.hasSuffix(".sqlite") ? Month(String($0.dropLast(7))) : nil }
            .sorted()
    }

    package func stores(from first: Month?) async throws -> [any Database] {
        var found: [any Database] = []
        for month in try months() where first.map({ month >= $0 }) ?? true {
            if let store = try await existingStore(for: month) { found.append(store) }
        }
        return found
    }

    package func existingStore(for month: Month) async throws -> (any Database)? {
        // Opening it would make it again.
        guard FileManager.default.fileExists(atPath: path(of: month)) else { return nil }
        return try await store(for: month)
    }

    package func store(for month: Month) async throws -> any Database {
        if let store = stores[month] { return store }
        let path = path(of: month)
        var options = SQLiteDatabase.Options()
        options.readersMax = 2
        // Nobody listens for changes here.
        options.watchInterval = .seconds(3600)
        options.pageBytes = 16_384
        let store = try await SQLiteDatabase.open(path: path, options: options)
        do {
            // Another process may have made the file and not its tables yet.
            try await store.migrate(RecordMigrations.month, at: .now)
        } catch {
            try? await store.close()
            throw error
        }
        // Somebody else may have opened it meanwhile.
        if let first = stores[month] {
            try await store.close()
            return first
        }
        stores[month] = store
        return store
    }

    package func drop(_ month: Month) async throws {
        if let store = stores.removeValue(forKey: month) { try await store.close() }
        for suffix in ["", "-wal", "-shm"] {
            try SystemFiles().remove(path(of: month) + suffix)
        }
    }

    /// Closes all files.
    package func close() async throws {
        let open = stores
        stores = [:]
        for store in open.values { try await store.close() }
    }

    private func path(of month: Month) -> String {
        "\(folder)/\(month).sqlite"
    }
}

/// The schema of records.
package enum RecordMigrations {
    /// For the main store: progress and usage; in PostgreSQL the records too.
    package static let main = [
        Migration(name: "20261124-1-records", owner: "Records", sql: text(PackageResources._0261124_1_records_sql)),
        Migration(
            name: "20261126-2-record-partitions", owner: "Records",
            sqlite: "-- Each month of records is a file of its own.",
            postgres: text(PackageResources._0261126_2_record_partitions_postgres_sql)),
        Migration(name: "20261127-2-spending", owner: "Records", sql: text(PackageResources._0261127_2_spending_sql)),
        Migration(
            name: "20261127-3-record-cost", owner: "Records",
            sqlite: "-- Each month of records is a file of its own.",
            postgres: text(PackageResources._0261127_3_record_cost_sql)),
        Migration(
            name: "20261128-2-released-bytes", owner: "Records",
            sqlite: "-- Each month of records is a file of its own.",
            postgres: text(PackageResources._0261128_2_released_bytes_sql)),
    ]

    /// For each month's file of SQLite.
    static let month = [
        Migration(
            name: "20261124-1-month", owner: "Records", sql: text(PackageResources._0261124_1_month_sqlite_sql)),
        Migration(
            name: "20261127-3-record-cost", owner: "Records", sql: text(PackageResources._0261127_3_record_cost_sql)),
        Migration(
            name: "20261128-2-released-bytes", owner: "Records",
            sql: text(PackageResources._0261128_2_released_bytes_sql)),
    ]

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self)
    }
}
