internal import Foundation
internal import Records
internal import Storage

/// The store that the settings name: SQLite in the data folder, or PostgreSQL.
struct StoreHandle: Sendable {
    let database: any Database
    let partitions: any RecordPartitions
    /// For people; without a password.
    let place: String

    /// - Parameter isPatient: Whether a statement may take an hour, since it may look at all that is there.
    static func open(
        _ settings: Settings, in folder: DataFolder, isPatient: Bool = false
    ) async throws -> StoreHandle {
        guard case (let address, var options)? = try settings.postgres() else {
            return StoreHandle(
                database: try await SQLiteDatabase.open(path: folder.store),
                partitions: SQLiteRecordPartitions(folder: folder.records), place: folder.store)
        }
        if isPatient { options.statementTimeout = max(options.statementTimeout, .seconds(3_600)) }
        let database = try await PostgresDatabase.open(address, options: options)
        return StoreHandle(
            database: database, partitions: PostgresRecordPartitions(database: database), place: "\(address)")
    }

    var records: RecordStore { RecordStore(main: database, partitions: partitions) }

    func close() async throws {
        try await partitions.close()
        try await database.close()
    }
}
