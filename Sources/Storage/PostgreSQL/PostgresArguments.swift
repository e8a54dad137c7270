internal import CPostgreSQL

/// The arguments of one statement in binary format, back to back, each with the type that its value has: the server
/// then compares and stores what SQLite would.
struct PostgresArguments {
    private(set) var types: [Oid] = []
    private var ranges: [Range<Int>?] = []
    private var bytes: [UInt8] = []

    /// - Throws: `StorageError.statement` for text with a NUL, which PostgreSQL can't store.
    init(_ arguments: [any SQLValueConvertible]) throws(StorageError) {
        for argument in arguments { try append(argument.sqlValue) }
    }

    private mutating func append(_ value: SQLValue) throws(StorageError) {
        let start = bytes.count
        switch value {
        case .null:
            types.append(PostgresType.unknown)
            ranges.append(nil)
            return
        case .integer(let number):
            types.append(PostgresType.int8)
            bytes.append(bigEndian: UInt64(bitPattern: number))
        case .double(let number):
            types.append(PostgresType.float8)
            bytes.append(bigEndian: number.bitPattern)
        case .text(let text):
            guard !text.utf8.contains(0) else { throw .statement("a text holds a NUL, which PostgreSQL can't store") }
            types.append(PostgresType.text)
            bytes.append(contentsOf: text.utf8)
        case .bytes(let value):
            types.append(PostgresType.bytes)
            bytes.append(contentsOf: value)
        }
        ranges.append(start..<bytes.count)
    }

    /// Such as one array for each column of a batch; their types are known to the statement.
    init(binary values: [[UInt8]]) {
        for value in values {
            ranges.append(bytes.count..<bytes.count + value.count)
            bytes.append(contentsOf: value)
        }
    }

    var count: Int { ranges.count }

    /// Pointers are valid inside `body` only.
    mutating func withPointers<Result>(
        _ body: (
            _ count: CInt, _ values: [UnsafePointer<CChar>?], _ lengths: [CInt], _ formats: [CInt]
        ) -> Result
    ) -> Result {
        // An empty text needs an address too, or it would be NULL.
        bytes.append(0)
        return bytes.withUnsafeBytes { all in
            let start = all.baseAddress?.assumingMemoryBound(to: CChar.self)
            return body(
                CInt(ranges.count), ranges.map { range in range.flatMap { start?.advanced(by: $0.lowerBound) } },
                ranges.map { CInt($0?.count ?? 0) }, Array(repeating: 1, count: ranges.count))
        }
    }
}

extension [UInt8] {
    mutating func append(bigEndian number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }
}

/// Looks for `$n` in a statement.
enum SQLParameters {
    /// The highest `n` of `$n`; what stands in quotes does not count.
    static func count(in sql: String) -> Int {
        var highest = 0
        var quote: UInt8?
        var number: Int?
        for byte in sql.utf8 {
            if let open = quote {
                if byte == open { quote = nil }
                continue
            }
            if let digits = number, (0x30...0x39).contains(byte), digits < 100_000 {
                number = digits * 10 + Int(byte - 0x30)
                highest = max(highest, number ?? 0)
                continue
            }
            number = byte == 0x24 ? 0 : nil
            if byte == 0x27 || byte == 0x22 { quote = byte }
        }
        return highest
    }
}
