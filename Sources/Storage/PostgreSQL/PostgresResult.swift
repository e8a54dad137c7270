internal import CPostgreSQL

/// What one statement returned, in text format; sole owner, frees it.
struct PostgresResult: ~Copyable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        PQclear(pointer)
    }

    /// What went wrong; `nil` if nothing did.
    var failure: PostgresFailure? {
        switch PQresultStatus(pointer) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK: return nil
        case PGRES_EMPTY_QUERY:
            return PostgresFailure(error: .statement("the text is empty"), recovery: .none)
        default:
            return PostgresFailure(
                state: field(0x43), message: field(0x4D))
        }
    }

    /// A field of an error by its letter: `C` is SQLSTATE, `M` the primary message.
    private func field(_ letter: CInt) -> String {
        if let text = PQresultErrorField(pointer, letter) { return String(cString: text) }
        // Errors of libpq itself have no fields.
        guard letter == 0x4D, let text = PQresultErrorMessage(pointer) else { return "" }
        return String(cString: text).split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    var rowCount: Int { Int(PQntuples(pointer)) }

    /// Rows inserted, updated or deleted; 0 for anything else.
    var changeCount: Int {
        guard !tag.hasPrefix("SELECT") else { return 0 }
        return Int(String(cString: PQcmdTuples(pointer))) ?? 0
    }

    /// Such as `INSERT 0 1` or `ROLLBACK`.
    var tag: String { String(cString: PQcmdStatus(pointer)) }

    func rows() throws(StorageError) -> [Row] {
        let columnCount = PQnfields(pointer)
        let columns = (0..<columnCount).map { String(cString: PQfname(pointer, $0)) }
        let types = (0..<columnCount).map { PQftype(pointer, $0) }
        var rows: [Row] = []
        rows.reserveCapacity(rowCount)
        for row in 0..<PQntuples(pointer) {
            var values: [SQLValue] = []
            values.reserveCapacity(types.count)
            for column in 0..<columnCount {
                values.append(try value(row, column, type: types[Int(column)]))
            }
            rows.append(Row(columns: columns, values: values))
        }
        return rows
    }

    private func value(_ row: CInt, _ column: CInt, type: Oid) throws(StorageError) -> SQLValue {
        guard PQgetisnull(pointer, row, column) == 0, let start = PQgetvalue(pointer, row, column) else { return .null }
        let count = Int(PQgetlength(pointer, row, column))
        let bytes = UnsafeRawBufferPointer(start: start, count: count)
        if type == PostgresType.bytes { return .bytes(Self.bytes(ofHex: bytes)) }
        let text = String(decoding: bytes, as: UTF8.self)
        switch type {
        case PostgresType.truth: return .integer(text == "t" ? 1 : 0)
        case PostgresType.int2, PostgresType.int4, PostgresType.int8:
            if let number = Int64(text) { return .integer(number) }
        case PostgresType.float4, PostgresType.float8:
            if let number = Double(text) { return .double(number) }
        case PostgresType.numeric:
            // Sums of BIGINT are of this type.
            if let number = Int64(text) { return .integer(number) }
            if let number = Double(text) { return .double(number) }
        default: return .text(text)
        }
        throw .unreadableValue(column: String(cString: PQfname(pointer, column)), expected: "a number", found: "text")
    }

    /// `\x00ff…`, as `bytea_output = hex` writes it.
    private static func bytes(ofHex text: UnsafeRawBufferPointer) -> [UInt8] {
        func digit(_ byte: UInt8) -> UInt8 { byte <= 0x39 ? byte & 0xF : (byte & 0xF) + 9 }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        for index in stride(from: 2, to: text.count - 1, by: 2) {
            bytes.append(digit(text[index]) << 4 | digit(text[index + 1]))
        }
        return bytes
    }
}

/// The types that we send or understand, by their fixed numbers. Source: PostgreSQL, src/include/catalog/pg_type.dat
enum PostgresType {
    /// The server finds out.
    static let unknown: Oid = 0
    static let truth: Oid = 16
    static let bytes: Oid = 17
    static let int8: Oid = 20
    static let int2: Oid = 21
    static let int4: Oid = 23
    static let text: Oid = 25
    static let float4: Oid = 700
    static let float8: Oid = 701
    static let varchar: Oid = 1043
    static let numeric: Oid = 1700
}
