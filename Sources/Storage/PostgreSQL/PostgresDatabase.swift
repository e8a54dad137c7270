/// The store on a PostgreSQL server, which several processes may share.
///
/// A bounded pool of threads, each with a connection of its own, does the work; one more listens for changes. Writes are
/// serialisable and run again when the server undoes them for another's sake, so that what holds of SQLite's single
/// writer holds here. Safe to share: its parts are immutable or guard themselves.
package final class PostgresDatabase: Database {
    package let address: PostgresAddress
    private let pool: PostgresPool
    private let listener: PostgresListener

    package var dialect: SQLDialect { .postgres }

    private init(_ address: PostgresAddress, _ options: PostgresOptions, _ listener: PostgresListener) {
        self.address = address
        self.listener = listener
        pool = PostgresPool(address, options, onCommit: { listener.notify() })
    }

    deinit {
        pool.shutDown()
        listener.close()
    }

    /// Connects to the server. When it goes away later, reads and writes fail as `StorageError.unavailable` until it is
    /// back; nothing needs to be opened again.
    ///
    /// - Throws: `StorageError.unavailable`.
    package static func open(
        _ address: PostgresAddress, options: PostgresOptions = PostgresOptions()
    ) async throws -> PostgresDatabase {
        PostgresDatabase(address, options, try await PostgresListener.start(address, options))
    }

    package func read<Result: Sendable>(
        _ body: @escaping @Sendable (any Reader) throws -> Result
    ) async throws -> Result {
        try await submit(isReading: true) { try body($0) }
    }

    @discardableResult
    package func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try await submit(isReading: false) { try body($0) }
    }

    private func submit<Result: Sendable>(
        isReading: Bool, _ body: @escaping @Sendable (PostgresTransaction) throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        return try await withCheckedThrowingContinuation { continuation in
            pool.submit(
                PostgresPool.Job(
                    isReading: isReading,
                    perform: { transaction in
                        let result = try body(transaction)
                        return { continuation.resume(returning: result) }
                    },
                    fail: { continuation.resume(throwing: $0) }))
        }
    }

    package func changes() -> AsyncStream<Void> {
        listener.subscribe()
    }

    package func close() async throws {
        await pool.close()
        listener.close()
    }
}
