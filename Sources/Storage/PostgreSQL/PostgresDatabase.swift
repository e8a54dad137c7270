internal import Snapshots

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
        try Task.checkCancellation()
        let call = ReadCall<Result>()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                call.begin(continuation)
                pool.submit(
                    PostgresPool.Job(
                        isReading: true,
                        perform: { transaction in
                            guard !call.isOver else { throw CancellationError() }
                            let result = try body(transaction)
                            return { call.end(with: .success(result)) }
                        },
                        fail: { call.end(with: .failure($0)) }))
            }
        } onCancel: {
            call.end(with: .failure(CancellationError()))
        }
    }

    @discardableResult
    package func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        return try await withCheckedThrowingContinuation { continuation in
            pool.submit(
                PostgresPool.Job(
                    isReading: false,
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

/// A read that somebody waits for, until it ends or its task is cancelled: a server that does not answer keeps no service
/// from ending.
private final class ReadCall<Result: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Result, any Error>?
        var isOver = false
    }

    /// Held for a few lines.
    private let state = Lock(State())

    var isOver: Bool { state.withLock(\.isOver) }

    func begin(_ continuation: CheckedContinuation<Result, any Error>) {
        let isOver = state.withLock { state in
            if !state.isOver { state.continuation = continuation }
            return state.isOver
        }
        if isOver { continuation.resume(throwing: CancellationError()) }
    }

    /// The first end counts.
    func end(with result: Swift.Result<Result, any Error>) {
        let continuation = state.withLock { state in
            state.isOver = true
            return state.continuation.take()
        }
        continuation?.resume(with: result)
    }
}
