internal import Foundation
package import Storage

/// Where the months of records are: one SQLite file each, or the partitions of a table in PostgreSQL.
package protocol RecordPartitions: Sendable {
    /// The months that exist, in order.
    func months() async throws -> [Month]
    /// The store of a month; made if `isCreating`, else `nil` if it does not exist.
    func store(of month: Month, isCreating: Bool) async throws -> (any Database)?
    /// Removes a month as a whole, without reading it.
    func drop(_ month: Month) async throws
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

    package func store(of month: Month, isCreating: Bool) async throws -> (any Database)? {
        if let store = stores[month] { return store }
        let path = path(of: month)
        guard isCreating || FileManager.default.fileExists(atPath: path) else { return nil }
        var options = SQLiteDatabase.Options()
        options.readersMax = 2
        // Nobody listens for changes here.
        options.watchInterval = .seconds(3600)
        let store = try SQLiteDatabase(path: path, options: options)
        do {
            // Another process may have made the file and not its tables yet.
            try await store.migrate([RecordMigrations.month], at: .now)
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
    /// For the main store: progress and usage.
    package static let main = Migration(
        name: "20261124-1-records", owner: "Records",
        sql: String(decoding: PackageResources._0261124_1_records_sql, as: UTF8.self))

    /// For each month.
    static let month = Migration(
        name: "20261124-1-month", owner: "Records",
        sql: String(decoding: PackageResources._0261124_1_month_sqlite_sql, as: UTF8.self))
}
