internal import Dispatch
internal import GRDB

/// The embedded store: one file of SQLite, in WAL mode, synced to the disk at each commit.
///
/// One connection writes, several read, one watches for other processes' changes; each has a dispatch queue of its own
/// (GRDB's), so that no event loop ever waits for the disk. Any number of processes may have the same file open.
/// Safe to share: its parts are immutable or guard themselves.
package final class SQLiteDatabase: Database {
    package struct Options: Sendable {
        /// How long a write waits for another process's write.
        package var busyTimeout: Duration = .seconds(5)
        /// How many reads run at once.
        package var readersMax = 4
        /// How often to look whether another process committed something.
        package var watchInterval: Duration = .milliseconds(250)
        /// How many writes may wait; more are refused as `StorageError.overloaded`.
        package var waitingWritesMax = 16_384
        /// Of a store that is made: larger pages suit rows that are only added, smaller ones rows that change here and there.
        package var pageBytes = 4_096

        package init() {}
    }

    package let path: String
    private let pool: DatabasePool
    private let writer: SQLiteWriter
    private let watch: SQLiteWatch

    package var dialect: SQLDialect { .sqlite }

    /// Opens or creates the store at `path` as `init` does, and waits for who looks at one that is not in WAL mode yet: SQLite
    /// itself does not.
    ///
    /// - Throws: `StorageError`; `CancellationError`.
    package static func open(path: String, options: Options = Options()) async throws -> SQLiteDatabase {
        let end = ContinuousClock.now + options.busyTimeout
        while true {
            do {
                return try SQLiteDatabase(path: path, options: options)
            } catch StorageError.busy where ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    /// Opens or creates the store at `path`; its folder is made with mode 0700, its file with 0600. Blocks for some
    /// milliseconds.
    ///
    /// - Throws: `StorageError`.
    package init(path: String, options: Options = Options()) throws {
        self.path = path
        try SQLiteFiles.prepare(path)
        do {
            pool = try DatabasePool(path: path, configuration: Self.configuration(options))
            try pool.writeWithoutTransaction { connection in
                // Only now: switching to WAL makes GRDB reset it to NORMAL, which would lose acknowledged commits
                // when the power fails.
                try connection.execute(sql: "PRAGMA synchronous = FULL")
                // A store that was there has kept its pages.
                let pageBytes = try Int.fetchOne(connection, sql: "PRAGMA page_size") ?? options.pageBytes
                try connection.execute(sql: "PRAGMA wal_autocheckpoint = \(Self.walBytesMax / pageBytes)")
            }
            watch = try SQLiteWatch(path: path, interval: options.watchInterval)
        } catch {
            switch StorageError(sqlite: error) {
            case .cannotOpen(_, let reason): throw StorageError.cannotOpen(path: path, reason: reason)
            case let error: throw error
            }
        }
        writer = SQLiteWriter(pool: pool, waitingMax: options.waitingWritesMax, watch: watch)
    }

    /// After so many bytes what was written goes from SQLite's write-ahead log to its place.
    private static let walBytesMax = 4 << 20

    private static func configuration(_ options: Options) -> Configuration {
        let (seconds, attoseconds) = options.busyTimeout.components
        var configuration = Configuration()
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(Double(seconds) + Double(attoseconds) / 1e18)
        configuration.maximumReaderCount = options.readersMax
        configuration.persistentReadOnlyConnections = true
        let pageBytes = options.pageBytes
        configuration.prepareDatabase { connection in
            guard !connection.configuration.readonly else { return }
            try connection.execute(sql: "PRAGMA page_size = \(pageBytes)")
        }
        return configuration
    }

    package func read<Result: Sendable>(
        _ body: @escaping @Sendable (any Reader) throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        return try await withCheckedThrowingContinuation { continuation in
            pool.asyncRead { connection in
                do {
                    let result = try body(SQLiteTransaction(connection.get()))
                    continuation.resume(returning: result)
                } catch let error as GRDB.DatabaseError {
                    continuation.resume(throwing: StorageError(sqlite: error))
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    @discardableResult
    package func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        return try await withCheckedThrowingContinuation { continuation in
            writer.submit(
                SQLiteWriter.Job(
                    perform: { transaction in
                        let result = try body(transaction)
                        return { continuation.resume(returning: result) }
                    },
                    fail: { continuation.resume(throwing: $0) }))
        }
    }

    package func changes() -> AsyncStream<Void> {
        watch.subscribe()
    }

    package func close() async throws {
        await writer.close()
        watch.close()
        do {
            try pool.close()
        } catch {
            throw StorageError(sqlite: error)
        }
    }
}
