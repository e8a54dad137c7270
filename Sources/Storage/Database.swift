/// Which SQL an engine speaks, for the few texts (DDL) that can't be one for both.
package enum SQLDialect: String, Sendable, CaseIterable {
    case sqlite
    case postgres
}

/// Runs queries, all on one consistent view of the store. Valid only inside the closure that received it.
package protocol Reader {
    /// Runs one statement with `$1`, `$2`, … taken from `arguments` by number, and returns its rows in order.
    ///
    /// - Throws: `StorageError`.
    func query(_ sql: String, _ arguments: [any SQLValueConvertible]) throws -> [Row]
}

/// Reads and changes, all or nothing. Valid only inside the closure that received it.
package protocol Transaction: Reader {
    /// Runs one statement with `$1`, `$2`, … taken from `arguments` by number, and returns how many rows it inserted,
    /// updated or deleted itself (not by triggers or cascades).
    ///
    /// - Throws: `StorageError`.
    @discardableResult
    func execute(_ sql: String, _ arguments: [any SQLValueConvertible]) throws -> Int

    /// Runs one statement for each of `count` rows, in their order, with the arguments that `append` appends for the one of
    /// that number: for batches, of which a row costs as little as the engine allows.
    ///
    /// - Throws: `StorageError`; what `append` throws.
    func execute(_ sql: String, rows count: Int, _ append: (_ row: Int, inout SQLArguments) throws -> Void) throws

    /// Runs a text of several statements without parameters, such as a migration.
    ///
    /// - Throws: `StorageError`.
    func executeScript(_ sql: String) throws

    /// Waits until no other process changes the schema; the first thing a transaction that changes it does. What was
    /// committed meanwhile is seen afterwards.
    ///
    /// - Parameter work: How long that and what follows may take.
    /// - Throws: `StorageError`, such as `.schemaBusy`.
    func lockSchema(for work: SchemaWork) throws
}

/// What a transaction does with the schema.
package enum SchemaWork: Sendable {
    /// Makes or drops an empty table; may take as long as any other statement.
    case brief
    /// May build an index over all that is there, and waits for others that do.
    case migration
}

extension Reader {
    package func query(_ sql: String) throws -> [Row] {
        try query(sql, [])
    }
}

extension Transaction {
    @discardableResult
    package func execute(_ sql: String) throws -> Int {
        try execute(sql, [])
    }
}

/// A relational store. One text of each query serves every engine.
///
/// All work happens off the event loops; callers only wait. Errors are `StorageError`s, or what the closure threw; a
/// task that is cancelled already gets a `CancellationError`, while a write that has begun is always finished. A read whose
/// task is cancelled may end at once for its caller.
package protocol Database: Sendable {
    var dialect: SQLDialect { get }

    /// Runs `body` on one consistent view of what is committed; many reads run at once, also while something is
    /// written.
    func read<Result: Sendable>(
        _ body: @escaping @Sendable (any Reader) throws -> Result
    ) async throws -> Result

    /// Runs `body` in a transaction of its own: when this returns, its changes have reached the disk; when it throws,
    /// none of them is there (but after `StorageError.inputOutput` and `.commitUnknown`, when nobody knows).
    ///
    /// `body` may run several times, when a run was undone for another's sake: it must not have effects elsewhere. After
    /// a statement has failed no other can run: let its error out.
    @discardableResult
    func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result

    /// Yields soon after anything was committed, by this process or another one. Several changes may come as one, one
    /// may come as two, and none says what changed: look. A change made after this returned is never missed.
    func changes() -> AsyncStream<Void>

    /// Waits for what is under way, then ends all `changes()`. Later calls throw `StorageError.closed`.
    func close() async throws
}
