internal import CPostgreSQL
internal import Glibc

/// One session with a server, closed when it goes away. Belongs to the one thread that made it.
final class PostgresConnection {
    private struct StatementKey: Hashable {
        let sql: String
        let types: [Oid]
    }

    /// How many statements stay prepared; then all are forgotten, and prepared again as they come.
    private static let statementsMax = 256

    let pointer: OpaquePointer
    private var statements: [StatementKey: String] = [:]
    private var statementNumber = 0
    /// The first failure of the transaction that runs; the server refuses all that follows it.
    private(set) var failure: PostgresFailure?

    /// Connects; blocks, at most for the timeout.
    ///
    /// - Throws: `StorageError.unavailable`.
    init(_ address: PostgresAddress, _ options: PostgresOptions) throws(StorageError) {
        var parameters = options.parameters
        parameters.append(("dbname", address.text))
        if let password = address.password { parameters.append(("password", password)) }
        parameters.append(("client_encoding", "UTF8"))
        guard let pointer = Self.connect(parameters) else { throw .unavailable("no memory") }
        self.pointer = pointer
        guard PQstatus(pointer) == CONNECTION_OK else { throw .unavailable(PostgresFailure.message(of: pointer)) }
        // Notices would go to standard error.
        PQsetNoticeProcessor(pointer, { _, _ in }, nil)
        try run(options.session)
    }

    deinit {
        PQfinish(pointer)
    }

    private static func connect(_ parameters: [(name: String, value: String)]) -> OpaquePointer? {
        let names = parameters.map { strdup($0.name) }
        let values = parameters.map { strdup($0.value) }
        defer { for text in names + values { free(text) } }
        let namePointers = names.map { UnsafePointer($0) } + [nil]
        let valuePointers = values.map { UnsafePointer($0) } + [nil]
        return PQconnectdbParams(namePointers, valuePointers, 1)
    }

    var isAlive: Bool { PQstatus(pointer) == CONNECTION_OK }

    /// Whether a transaction is open, failed or not.
    var isInTransaction: Bool {
        switch PQtransactionStatus(pointer) {
        case PQTRANS_INTRANS, PQTRANS_INERROR: true
        default: false
        }
    }

    func beginTransaction(_ sql: String) throws(StorageError) {
        failure = nil
        try run(sql)
    }

    // MARK: - Statements

    /// Runs statements without parameters; returns how many rows each returned or changed, and its tag.
    @discardableResult
    func run(_ sql: String) throws(StorageError) -> [(rowCount: Int, tag: String)] {
        guard PQsendQuery(pointer, sql) == 1 else { throw noted(lost()) }
        var outcomes: [(Int, String)] = []
        var found: PostgresFailure?
        while let next = PQgetResult(pointer) {
            let result = PostgresResult(next)
            if let failure = result.failure {
                found = found ?? failure
            } else {
                outcomes.append((result.rowCount, result.tag))
            }
        }
        if let found { throw noted(found) }
        return outcomes
    }

    /// Runs one statement with arguments; it stays prepared.
    func run(_ sql: String, _ arguments: inout PostgresArguments) throws(StorageError) -> PostgresResult {
        let name = try prepare(sql, types: arguments.types)
        let pointer = pointer
        let result = arguments.withPointers { count, values, lengths, formats in
            PQexecPrepared(pointer, name, count, values, lengths, formats, 0)
        }
        return try checked(result)
    }

    /// The types of a statement's parameters, as the server infers them.
    func parameterTypes(of sql: String) throws(StorageError) -> [Oid] {
        let name = try prepare(sql, types: [])
        let result = try checked(PQdescribePrepared(pointer, name))
        return (0..<PQnparams(result.pointer)).map { PQparamtype(result.pointer, $0) }
    }

    private func prepare(_ sql: String, types: [Oid]) throws(StorageError) -> String {
        let key = StatementKey(sql: sql, types: types)
        if let name = statements[key] { return name }
        if statements.count >= Self.statementsMax { try forgetStatements() }
        statementNumber += 1
        let name = "s\(statementNumber)"
        _ = try checked(PQprepare(pointer, name, sql, CInt(types.count), types))
        statements[key] = name
        return name
    }

    private func forgetStatements() throws(StorageError) {
        statements = [:]
        try run("DEALLOCATE ALL")
    }

    // MARK: - Failures

    /// Brings the session back to where the next transaction can begin; `false` if it is not worth keeping.
    func recover() -> Bool {
        if failure?.isStale == true {
            statements = [:]
            // Under names that were used already, others may be prepared.
            return false
        }
        if isInTransaction { _ = try? run("ROLLBACK") }
        return isAlive && !isInTransaction
    }

    private func checked(_ pointer: OpaquePointer?) throws(StorageError) -> PostgresResult {
        guard let pointer else { throw noted(lost()) }
        let result = PostgresResult(pointer)
        if let failure = result.failure { throw noted(failure) }
        return result
    }

    /// libpq could not even send: the connection broke, or there is no memory.
    private func lost() -> PostgresFailure {
        PostgresFailure(error: .unavailable(PostgresFailure.message(of: pointer)), recovery: .reconnect)
    }

    private func noted(_ found: PostgresFailure) -> StorageError {
        if failure == nil { failure = found }
        return found.error
    }
}
