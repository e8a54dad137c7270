internal import GRDB
internal import GRDBSQLite

/// Runs statements on one connection of SQLite.
///
/// GRDB opens the connections, keeps their prepared statements and decides whose turn it is; binding and stepping is
/// done here, because `$1` must be bound by its number. To SQLite `$1` is a *named* parameter, numbered by its first
/// appearance: in `SET a = $2 WHERE b = $1`, position 1 is `$2`.
final class SQLiteTransaction: Transaction {
    private let connection: GRDB.Database
    /// By statement: the numbers of its parameters in the order of their first appearance. Asking SQLite for names is
    /// quadratic in their count, and a batch runs one statement a thousand times.
    private var orders: [String: [Int]] = [:]

    init(_ connection: GRDB.Database) {
        self.connection = connection
    }

    func query(_ sql: String, _ arguments: [any SQLValueConvertible]) throws -> [Row] {
        let statement = try prepare(sql, arguments)
        defer { release(statement) }
        let count = sqlite3_column_count(statement)
        let columns = (0..<count).map { String(cString: sqlite3_column_name(statement, $0)) }
        var rows: [Row] = []
        while try step(statement) {
            rows.append(Row(columns: columns, values: (0..<count).map { value(of: statement, at: $0) }))
        }
        return rows
    }

    @discardableResult
    func execute(_ sql: String, _ arguments: [any SQLValueConvertible]) throws -> Int {
        let statement = try prepare(sql, arguments)
        defer { release(statement) }
        while try step(statement) {}
        return sqlite3_stmt_readonly(statement) != 0 ? 0 : Int(sqlite3_changes64(connection.sqliteConnection))
    }

    func execute(_ sql: String, rows count: Int, _ append: (_ row: Int, inout SQLArguments) throws -> Void) throws {
        let statement = try cached(sql)
        var order: [Int] = []
        var arguments = SQLArguments()
        defer { release(statement) }
        for row in 0..<count {
            arguments.removeAll()
            try append(row, &arguments)
            if row == 0 { order = try self.order(of: statement, sql, count: arguments.values.count) }
            guard order.count == arguments.values.count else {
                throw StorageError.parameters(expected: order.count, given: arguments.values.count)
            }
            try run(statement, arguments, order)
        }
    }

    /// Every parameter is bound anew, so what was bound for the row before need not be cleared.
    private func run(_ statement: OpaquePointer, _ arguments: borrowing SQLArguments, _ order: [Int]) throws {
        try arguments.text.withUnsafeBufferPointer { text in
            for index in order.indices {
                try check(bind(arguments.values[order[index] - 1], of: text, to: statement, at: CInt(index + 1)))
            }
            while try step(statement) {}
        }
        sqlite3_reset(statement)
    }

    /// The text is not copied: it has to stay where it is until the statement has run.
    private func bind(
        _ value: SQLArguments.Value, of text: UnsafeBufferPointer<UInt8>, to statement: OpaquePointer, at index: CInt
    ) -> CInt {
        switch value {
        case .null:
            return sqlite3_bind_null(statement, index)
        case .integer(let value):
            return sqlite3_bind_int64(statement, index, value)
        case .double(let value):
            return sqlite3_bind_double(statement, index, value)
        case .bytes(let range):
            guard let start = text.baseAddress, !range.isEmpty else {
                return sqlite3_bind_zeroblob(statement, index, 0)
            }
            return sqlite3_bind_blob64(statement, index, start + range.lowerBound, UInt64(range.count), nil)
        case .text(let range):
            guard let start = text.baseAddress, !range.isEmpty else {
                return sqlite3_bind_text(statement, index, "", 0, nil)
            }
            return (start + range.lowerBound).withMemoryRebound(to: CChar.self, capacity: range.count) {
                sqlite3_bind_text64(statement, index, $0, UInt64(range.count), nil, UInt8(SQLITE_UTF8))
            }
        }
    }

    func executeScript(_ sql: String) throws {
        do {
            try connection.execute(sql: sql)
        } catch {
            throw StorageError(sqlite: error)
        }
    }

    /// Nothing to do: one transaction writes at a time.
    func lockSchema(for work: SchemaWork) {}

    /// Rows changed by this connection since it was opened.
    var totalChanges: Int64 {
        sqlite3_total_changes64(connection.sqliteConnection)
    }

    /// Whether a transaction is open; SQLite itself undoes it after some errors.
    var isOpen: Bool {
        sqlite3_get_autocommit(connection.sqliteConnection) == 0
    }

    private func prepare(_ sql: String, _ arguments: [any SQLValueConvertible]) throws -> OpaquePointer {
        let statement = try cached(sql)
        do {
            try bind(arguments, to: statement, order: order(of: statement, sql, count: arguments.count))
        } catch {
            release(statement)
            throw error
        }
        return statement
    }

    /// The statement, which the connection's cache keeps alive.
    private func cached(_ sql: String) throws -> OpaquePointer {
        do {
            return try connection.cachedStatement(sql: sql).sqliteStatement
        } catch {
            throw StorageError(sqlite: error)
        }
    }

    private func bind(
        _ arguments: [any SQLValueConvertible], to statement: OpaquePointer, order: [Int]
    ) throws {
        for (index, number) in order.enumerated() {
            try check(bind(arguments[number - 1].sqlValue, to: statement, at: CInt(index + 1)))
        }
    }

    private func order(of statement: OpaquePointer, _ sql: String, count: Int) throws -> [Int] {
        let expected = Int(sqlite3_bind_parameter_count(statement))
        guard expected == count else { throw StorageError.parameters(expected: expected, given: count) }
        if let order = orders[sql] { return order }
        let order = try (0..<count).map { index in
            guard let name = sqlite3_bind_parameter_name(statement, CInt(index + 1)),
                let number = Self.number(of: name),
                number <= count
            else {
                throw StorageError.statement("its parameters are not $1 to $\(count)")
            }
            return number
        }
        orders[sql] = order
        return order
    }

    /// 12 for `$12`; `nil` for anything but `$` and a number of at most four digits from 1.
    private static func number(of name: UnsafePointer<CChar>) -> Int? {
        guard name[0] == 0x24 else { return nil }
        var number = 0
        var index = 1
        while name[index] != 0 {
            guard (0x30...0x39).contains(name[index]), index < 5 else { return nil }
            number = number * 10 + Int(name[index] - 0x30)
            index += 1
        }
        return number > 0 ? number : nil
    }

    private func bind(_ value: SQLValue, to statement: OpaquePointer, at index: CInt) -> CInt {
        // SQLITE_TRANSIENT: SQLite copies before it returns.
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        switch value {
        case .null:
            return sqlite3_bind_null(statement, index)
        case .integer(let value):
            return sqlite3_bind_int64(statement, index, value)
        case .double(let value):
            return sqlite3_bind_double(statement, index, value)
        case .text(var value):
            return value.withUTF8 { utf8 in
                utf8.withMemoryRebound(to: CChar.self) {
                    // An empty buffer may have no address, which SQLite would take for NULL.
                    $0.isEmpty
                        ? sqlite3_bind_text(statement, index, "", 0, transient)
                        : sqlite3_bind_text64(
                            statement, index, $0.baseAddress, UInt64($0.count), transient, UInt8(SQLITE_UTF8))
                }
            }
        case .bytes(let value):
            return value.isEmpty
                ? sqlite3_bind_zeroblob(statement, index, 0)
                : sqlite3_bind_blob64(statement, index, value, UInt64(value.count), transient)
        }
    }

    /// Whether there is a row.
    private func step(_ statement: OpaquePointer) throws -> Bool {
        let code = sqlite3_step(statement)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        throw StorageError(sqliteCode: code, message: message)
    }

    private func check(_ code: CInt) throws {
        guard code == SQLITE_OK else { throw StorageError(sqliteCode: code, message: message) }
    }

    /// Only names of tables and columns appear in SQLite's messages, never values.
    private var message: String {
        String(cString: sqlite3_errmsg(connection.sqliteConnection))
    }

    private func release(_ statement: OpaquePointer) {
        sqlite3_reset(statement)
        sqlite3_clear_bindings(statement)
    }

    private func value(of statement: OpaquePointer, at index: CInt) -> SQLValue {
        switch sqlite3_column_type(statement, index) {
        case SQLITE_INTEGER:
            return .integer(sqlite3_column_int64(statement, index))
        case SQLITE_FLOAT:
            return .double(sqlite3_column_double(statement, index))
        case SQLITE_TEXT:
            let start = sqlite3_column_text(statement, index)
            let count = Int(sqlite3_column_bytes(statement, index))
            return .text(String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self))
        case SQLITE_BLOB:
            let start = sqlite3_column_blob(statement, index)
            let count = Int(sqlite3_column_bytes(statement, index))
            return .bytes([UInt8](UnsafeRawBufferPointer(start: start, count: count)))
        default:
            return .null
        }
    }
}
