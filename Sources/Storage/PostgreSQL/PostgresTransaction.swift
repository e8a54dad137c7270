internal import CPostgreSQL

/// Runs statements on one session, in the transaction that its worker opened.
///
/// After a statement has failed the server takes no other one: throw, and the whole transaction is undone.
final class PostgresTransaction: Transaction {
    private let connection: PostgresConnection
    private let options: PostgresOptions

    init(_ connection: PostgresConnection, _ options: PostgresOptions) {
        self.connection = connection
        self.options = options
    }

    func query(_ sql: String, _ arguments: [any SQLValueConvertible]) throws -> [Row] {
        try run(sql, arguments).rows()
    }

    @discardableResult
    func execute(_ sql: String, _ arguments: [any SQLValueConvertible]) throws -> Int {
        try run(sql, arguments).changeCount
    }

    private func run(_ sql: String, _ arguments: [any SQLValueConvertible]) throws(StorageError) -> PostgresResult {
        let expected = SQLParameters.count(in: sql)
        guard expected == arguments.count else {
            throw .parameters(expected: expected, given: arguments.count)
        }
        var arguments = try PostgresArguments(arguments)
        return try connection.run(sql, &arguments)
    }

    func execute(_ sql: String, rows count: Int, _ append: (_ row: Int, inout SQLArguments) throws -> Void) throws {
        var arguments = SQLArguments()
        guard let insertion = PostgresInsertion(sql) else {
            for row in 0..<count {
                arguments.removeAll()
                try append(row, &arguments)
                try execute(sql, arguments.convertible)
            }
            return
        }
        var batch: PostgresBatch?
        for row in 0..<count {
            arguments.removeAll()
            try append(row, &arguments)
            guard arguments.values.count == insertion.parameterCount else {
                throw StorageError.parameters(expected: insertion.parameterCount, given: arguments.values.count)
            }
            if batch == nil { batch = try PostgresBatch(types: connection.parameterTypes(of: sql)) }
            try batch?.append(arguments)
            if batch?.isFull == true { try flush(&batch, insertion) }
        }
        try flush(&batch, insertion)
    }

    /// Writes the rows of `batch`, which is empty afterwards.
    private func flush(_ batch: inout PostgresBatch?, _ insertion: PostgresInsertion) throws(StorageError) {
        guard let full = batch, full.count > 0 else { return }
        var arguments = full.arguments
        _ = try connection.run(insertion.sql(types: full.types), &arguments)
        batch?.removeAll()
    }

    func executeScript(_ sql: String) throws {
        try connection.run(sql)
    }

    /// A serialisable transaction would keep the view that it had before it waited.
    func lockSchema(for work: SchemaWork) throws {
        try connection.run("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        let lock = "SELECT pg_advisory_xact_lock(\(Self.schemaLock))"
        do throws(StorageError) {
            switch work {
            case .brief: try connection.run(lock)
            case .migration: try lockForMigration(lock)
            }
        } catch {
            guard error == .busy else { throw error }
            throw StorageError.schemaBusy
        }
    }

    private func lockForMigration(_ lock: String) throws(StorageError) {
        let (wait, work) = (options.schemaLockTimeout, options.migrationTimeout)
        // The wait is part of the statement, and each time is to be longer than the one that it holds.
        connection.patience = max(wait, work) + options.answerSlack * 2
        try connection.run(
            """
            SET LOCAL statement_timeout = \((max(wait, work) + options.answerSlack).wholeMilliseconds);
            SET LOCAL lock_timeout = \(wait.wholeMilliseconds);
            \(lock);
            SET LOCAL lock_timeout = 0;
            """)
    }

    /// Any number that nobody else takes for a lock in our database.
    private static let schemaLock = 7_309_940_891_237_281_793
}

extension SQLArguments {
    /// One by one, for statements that can't be run for many rows at once.
    fileprivate var convertible: [any SQLValueConvertible] {
        values.map { value in
            switch value {
            case .null: SQLValue.null
            case .integer(let number): SQLValue.integer(number)
            case .double(let number): SQLValue.double(number)
            case .bytes(let range): SQLValue.bytes(Array(text[range]))
            case .text(let range): SQLValue.text(String(decoding: text[range], as: UTF8.self))
            }
        }
    }
}
