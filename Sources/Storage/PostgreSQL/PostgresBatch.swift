internal import CPostgreSQL

/// `INSERT … VALUES ($1, …, $n) …` as one statement for any number of rows, with an array for each parameter:
///
/// ```
///   INSERT INTO t (a, b) VALUES ($2, $1) ON CONFLICT DO NOTHING
///   INSERT INTO t (a, b) SELECT p2, p1 FROM unnest($1::int8[], $2::text[]) WITH ORDINALITY AS batch (p1, p2, place)
///   ORDER BY place ON CONFLICT DO NOTHING
/// ```
/// So a batch is planned once, sent at once, and fires a statement's triggers once.
struct PostgresInsertion {
    let parameterCount: Int
    private let head: Substring
    /// The numbers of the parameters, in the order of the columns.
    private let numbers: [Int]
    private let tail: Substring

    /// `nil` for a text of another form, such as one that may update a row twice.
    init?(_ sql: String) {
        guard sql.hasPrefix("INSERT INTO"), let values = sql.firstRange(of: "VALUES ("),
            let end = sql[values.upperBound...].firstIndex(of: ")")
        else { return nil }
        let numbers = sql[values.upperBound..<end].split(separator: ",").compactMap { item -> Int? in
            let item = item.trimming(while: \.isWhitespace)
            return item.hasPrefix("$") ? Int(item.dropFirst()) : nil
        }
        let tail = sql[sql.index(after: end)...]
        guard !numbers.isEmpty, Set(numbers) == Set(1...numbers.count),
            numbers.count == sql[values.upperBound..<end].split(separator: ",").count, !tail.contains("$"),
            !tail.contains("DO UPDATE"), tail.trimming(while: \.isWhitespace).first != ","
        else { return nil }
        head = sql[..<values.lowerBound]
        self.numbers = numbers
        self.tail = tail
        parameterCount = numbers.count
    }

    /// - Parameter types: Of the parameters, in the order of their numbers.
    func sql(types: [PostgresElement]) -> String {
        let columns = (1...parameterCount).map { "p\($0)" }
        let arrays = types.enumerated().map { "$\($0 + 1)::\($1.name)[]" }
        return """
            \(head)SELECT \(numbers.map { "p\($0)" }.joined(separator: ", "))
            FROM unnest(\(arrays.joined(separator: ", "))) WITH ORDINALITY AS batch (\
            \(columns.joined(separator: ", ")), place)
            ORDER BY place\(tail)
            """
    }
}

extension Substring {
    /// Without what matches at both ends.
    fileprivate func trimming(while matches: (Character) -> Bool) -> Substring {
        var text = drop(while: matches)
        while let last = text.last, matches(last) { text.removeLast() }
        return text
    }
}

/// What an array of a batch holds.
enum PostgresElement {
    case int2, int4, int8, float8, text, bytes

    /// - Throws: `StorageError.statement` for a type that no batch of ours has.
    init(_ type: Oid) throws(StorageError) {
        switch type {
        case PostgresType.int2: self = .int2
        case PostgresType.int4: self = .int4
        case PostgresType.int8: self = .int8
        case PostgresType.float8: self = .float8
        case PostgresType.text, PostgresType.varchar: self = .text
        case PostgresType.bytes: self = .bytes
        default: throw .statement("a batch can't hold the type \(type)")
        }
    }

    var name: String {
        switch self {
        case .int2: "int2"
        case .int4: "int4"
        case .int8: "int8"
        case .float8: "float8"
        case .text: "text"
        case .bytes: "bytea"
        }
    }

    var type: Oid {
        switch self {
        case .int2: PostgresType.int2
        case .int4: PostgresType.int4
        case .int8: PostgresType.int8
        case .float8: PostgresType.float8
        case .text: PostgresType.text
        case .bytes: PostgresType.bytes
        }
    }
}

/// Rows, kept as one array for each column in PostgreSQL's binary format.
///
/// ```
///   dimensions 1 │ has NULL │ element type │ count │ lower bound 1 │ length, bytes │ length, bytes │ … (4 bytes each)
/// ```
/// Source: PostgreSQL, src/backend/utils/adt/arrayfuncs.c, array_recv
struct PostgresBatch {
    /// A statement's memory on both sides is bounded by these.
    private static let rowsMax = 2_000
    private static let bytesMax = 8 << 20

    let types: [PostgresElement]
    private var columns: [[UInt8]]
    private(set) var count = 0
    private var byteCount = 0

    init(types: [Oid]) throws(StorageError) {
        var elements: [PostgresElement] = []
        for type in types { elements.append(try PostgresElement(type)) }
        self.types = elements
        columns = elements.map { _ in [] }
    }

    var isFull: Bool { count >= Self.rowsMax || byteCount >= Self.bytesMax }

    mutating func removeAll() {
        for index in columns.indices { columns[index].removeAll(keepingCapacity: true) }
        count = 0
        byteCount = 0
    }

    mutating func append(_ row: borrowing SQLArguments) throws(StorageError) {
        for index in columns.indices {
            let before = columns[index].count
            switch row.values[index] {
            case .null: columns[index].append(bigEndian: Int32(-1))
            case .integer(let number): try Self.append(number, as: types[index], to: &columns[index])
            case .double(let number):
                guard types[index] == .float8 else { throw .statement("a double for a column of another type") }
                columns[index].append(bigEndian: Int32(8))
                columns[index].append(bigEndian: number.bitPattern)
            case .bytes(let range):
                guard types[index] == .bytes else { throw .statement("bytes for a column of another type") }
                columns[index].append(bigEndian: Int32(range.count))
                columns[index].append(contentsOf: row.text[range])
            case .text(let range):
                guard types[index] == .text else { throw .statement("a text for a column of another type") }
                guard !row.text[range].contains(0) else {
                    throw .statement("a text holds a NUL, which PostgreSQL can't store")
                }
                columns[index].append(bigEndian: Int32(range.count))
                columns[index].append(contentsOf: row.text[range])
            }
            byteCount += columns[index].count - before
        }
        count += 1
    }

    private static func append(
        _ number: Int64, as type: PostgresElement, to column: inout [UInt8]
    ) throws(StorageError) {
        switch type {
        case .int8:
            column.append(bigEndian: Int32(8))
            column.append(bigEndian: number)
        case .int4:
            guard let small = Int32(exactly: number) else { throw .statement("a number does not fit its column") }
            column.append(bigEndian: Int32(4))
            column.append(bigEndian: small)
        case .int2:
            guard let small = Int16(exactly: number) else { throw .statement("a number does not fit its column") }
            column.append(bigEndian: Int32(2))
            column.append(bigEndian: small)
        case .float8:
            column.append(bigEndian: Int32(8))
            column.append(bigEndian: Double(number).bitPattern)
        case .text, .bytes: throw .statement("a number for a column of another type")
        }
    }

    var arguments: PostgresArguments {
        PostgresArguments(
            binary: zip(types, columns).map { element, values in
                var array: [UInt8] = []
                array.reserveCapacity(values.count + 20)
                // "Has NULL" is a hint that the server does not need to be right.
                for word in [1, 1, Int32(bitPattern: element.type), Int32(count), 1] as [Int32] {
                    array.append(bigEndian: word)
                }
                return array + values
            })
    }
}
