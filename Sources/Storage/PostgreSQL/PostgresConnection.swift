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
    /// How long the server may take to answer a statement; then the session is given up. ``beginTransaction(_:)`` sets
    /// it back to what is usual.
    var patience: Duration
    private let usualPatience: Duration
    private var isGivenUp = false

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
        usualPatience = options.patience
        patience = options.connectTimeout
        guard PQstatus(pointer) == CONNECTION_OK else { throw .unavailable(PostgresFailure.message(of: pointer)) }
        // Notices would go to standard error.
        PQsetNoticeProcessor(pointer, { _, _ in }, nil)
        // What a stopped server does not take stays in libpq's memory, where we wait for it with a deadline.
        PQsetnonblocking(pointer, 1)
        try run(options.session)
        patience = usualPatience
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

    var isAlive: Bool { !isGivenUp && PQstatus(pointer) == CONNECTION_OK }

    /// Whether a transaction is open, failed or not.
    var isInTransaction: Bool {
        switch PQtransactionStatus(pointer) {
        case PQTRANS_INTRANS, PQTRANS_INERROR: true
        default: false
        }
    }

    func beginTransaction(_ sql: String) throws(StorageError) {
        failure = nil
        patience = usualPatience
        try run(sql)
    }

    // MARK: - Statements

    /// Runs statements without parameters; returns how many rows each returned or changed, and its tag.
    @discardableResult
    func run(_ sql: String) throws(StorageError) -> [(rowCount: Int, tag: String)] {
        guard PQsendQuery(pointer, sql) == 1 else { throw noted(lost()) }
        var outcomes: [(Int, String)] = []
        var found: PostgresFailure?
        while let next = try nextResult() {
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
        let sent = arguments.withPointers { count, values, lengths, formats in
            PQsendQueryPrepared(pointer, name, count, values, lengths, formats, 0)
        }
        return try answer(to: sent)
    }

    /// The types of a statement's parameters, as the server infers them.
    func parameterTypes(of sql: String) throws(StorageError) -> [Oid] {
        let name = try prepare(sql, types: [])
        let result = try answer(to: PQsendDescribePrepared(pointer, name))
        return (0..<PQnparams(result.pointer)).map { PQparamtype(result.pointer, $0) }
    }

    private func prepare(_ sql: String, types: [Oid]) throws(StorageError) -> String {
        let key = StatementKey(sql: sql, types: types)
        if let name = statements[key] { return name }
        if statements.count >= Self.statementsMax { try forgetStatements() }
        statementNumber += 1
        let name = "s\(statementNumber)"
        _ = try answer(to: PQsendPrepare(pointer, name, sql, CInt(types.count), types))
        statements[key] = name
        return name
    }

    private func forgetStatements() throws(StorageError) {
        statements = [:]
        try run("DEALLOCATE ALL")
    }

    // MARK: - Waiting

    /// The one result of what was sent.
    private func answer(to sent: CInt) throws(StorageError) -> PostgresResult {
        guard sent == 1, let first = try nextResult() else { throw noted(lost()) }
        let result = PostgresResult(first)
        var found = result.failure
        while let next = try nextResult() {
            // The connection broke behind the answer.
            found = found ?? PostgresResult(next).failure
        }
        if let found { throw noted(found) }
        return result
    }

    /// The next result of what was sent, `nil` after the last; whoever calls owns it. Sends what is not sent yet.
    ///
    /// libpq itself would wait for ever for a server whose kernel acknowledges what the server never reads.
    private func nextResult() throws(StorageError) -> OpaquePointer? {
        var deadline: ContinuousClock.Instant?
        while PQisBusy(pointer) == 1 {
            let unsent = PQflush(pointer)
            guard unsent >= 0 else { throw noted(lost()) }
            let now = ContinuousClock.now
            let end = deadline ?? now + patience
            deadline = end
            guard now < end else { throw noted(givenUp()) }
            guard isReadable(within: end - now, orWritable: unsent == 1) else { continue }
            guard consumeInput() || PQisBusy(pointer) == 0 else { throw noted(lost()) }
        }
        return PQgetResult(pointer)
    }

    /// Sleeps until the server sent something, or takes something more; whether it sent.
    private func isReadable(within time: Duration, orWritable: Bool) -> Bool {
        let events = POLLIN | (orWritable ? POLLOUT : 0)
        var watched = pollfd(fd: PQsocket(pointer), events: Int16(events), revents: 0)
        let milliseconds = min(time.wholeMilliseconds + 1, 60_000)
        return poll(&watched, 1, CInt(milliseconds)) > 0 && watched.revents & ~Int16(POLLOUT) != 0
    }

    /// Reads what has come; `false` if the connection broke.
    ///
    /// TLS may hold back the second half of what it decrypted, of which the socket knows nothing.
    func consumeInput() -> Bool {
        PQconsumeInput(pointer) == 1 && (PQsslInUse(pointer) == 0 || PQconsumeInput(pointer) == 1)
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

    /// libpq could not even send, or hears nothing any more: the connection broke, or there is no memory.
    private func lost() -> PostgresFailure {
        PostgresFailure(error: .unavailable(PostgresFailure.message(of: pointer)), recovery: .reconnect)
    }

    private func givenUp() -> PostgresFailure {
        isGivenUp = true
        let reason = "it did not answer within \(patience.wholeMilliseconds) ms"
        return PostgresFailure(error: .unavailable(reason), recovery: .giveUp)
    }

    private func noted(_ found: PostgresFailure) -> StorageError {
        if failure == nil { failure = found }
        return found.error
    }
}
