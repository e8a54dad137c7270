/// One line of a backup: a text that either engine writes and either reads, so that a store can also change its engine.
///
/// ```
///   steward-backup ⇥ 1 ⇥ sqlite ⇥ 1795000000000000      version of the format, engine, microseconds
///   migration ⇥ 20261124-1-identity                      one for each that the store has
///   table ⇥ organisations ⇥ id ⇥ name ⇥ …               columns, then a row a line
///   =torg_01… ⇥ tAcme ⇥ n ⇥ i1795…                      t text, i integer, d double (its bits), x bytes, n NULL
///   month ⇥ 2026-11 ⇥ id ⇥ …                            the same of a month's records
///   end ⇥ 1234 ⇥ 9f86d0…                                 rows, SHA-256 of all lines before
/// ```
/// In texts `\\`, tab and line ends are written as `\\\\`, `\\t`, `\\n`, `\\r`.
package enum BackupLine: Sendable, Hashable {
    case begin(engine: String, at: Timestamp)
    case migration(String)
    case table(String, columns: [String])
    case month(String, columns: [String])
    case row([SQLValue])
    case end(rows: Int, digest: String)

    static let version = "1"
}

extension BackupLine {
    func append(to bytes: inout [UInt8]) {
        switch self {
        case .begin(let engine, let time):
            Self.append(["steward-backup", Self.version, engine, String(time.microseconds)], to: &bytes)
        case .migration(let name): Self.append(["migration", name], to: &bytes)
        case .table(let name, let columns): Self.append(["table", name] + columns, to: &bytes)
        case .month(let name, let columns): Self.append(["month", name] + columns, to: &bytes)
        case .row(let values):
            bytes.append(UInt8(ascii: "="))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: "\t")) }
                Self.append(value, to: &bytes)
            }
        case .end(let rows, let digest): Self.append(["end", String(rows), digest], to: &bytes)
        }
        bytes.append(UInt8(ascii: "\n"))
    }

    private static func append(_ words: [String], to bytes: inout [UInt8]) {
        bytes.append(contentsOf: words.joined(separator: "\t").utf8)
    }

    private static func append(_ value: SQLValue, to bytes: inout [UInt8]) {
        switch value {
        case .null: bytes.append(UInt8(ascii: "n"))
        case .integer(let number): bytes.append(contentsOf: "i\(number)".utf8)
        case .double(let number): bytes.append(contentsOf: "d\(number.bitPattern)".utf8)
        case .bytes(let value):
            bytes.append(UInt8(ascii: "x"))
            bytes.append(contentsOf: Hexadecimal.text(value).utf8)
        case .text(let text):
            bytes.append(UInt8(ascii: "t"))
            for byte in text.utf8 {
                switch byte {
                case UInt8(ascii: "\\"): bytes.append(contentsOf: #"\\"#.utf8)
                case UInt8(ascii: "\t"): bytes.append(contentsOf: #"\t"#.utf8)
                case UInt8(ascii: "\n"): bytes.append(contentsOf: #"\n"#.utf8)
                case UInt8(ascii: "\r"): bytes.append(contentsOf: #"\r"#.utf8)
                default: bytes.append(byte)
                }
            }
        }
    }

    /// Reads a line without its end; `nil` for what no version of ours writes.
    init?(_ line: ArraySlice<UInt8>) {
        if line.first == UInt8(ascii: "=") {
            var values: [SQLValue] = []
            for field in line.dropFirst().split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false) {
                guard let value = Self.value(field) else { return nil }
                values.append(value)
            }
            self = .row(values)
            return
        }
        let words = String(decoding: line, as: UTF8.self).split(separator: "\t", omittingEmptySubsequences: false)
            .map(String.init)
        switch (words.first, words.count) {
        case ("steward-backup", 4):
            guard words[1] == Self.version, let microseconds = Int64(words[3]) else { return nil }
            self = .begin(engine: words[2], at: Timestamp(microseconds: microseconds))
        case ("migration", 2): self = .migration(words[1])
        case ("table", 3...), ("month", 3...):
            // They become part of statements.
            let names = words[0] == "table" ? words.dropFirst() : words.dropFirst(2)
            guard names.allSatisfy(Self.isName) else { return nil }
            let columns = Array(words.dropFirst(2))
            self = words[0] == "table" ? .table(words[1], columns: columns) : .month(words[1], columns: columns)
        case ("end", 3):
            guard let rows = Int(words[1]) else { return nil }
            self = .end(rows: rows, digest: words[2])
        default: return nil
        }
    }

    private static func isName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
    }

    private static func value(_ field: ArraySlice<UInt8>) -> SQLValue? {
        let rest = field.dropFirst()
        switch field.first {
        case UInt8(ascii: "n"): return rest.isEmpty ? .null : nil
        case UInt8(ascii: "i"): return Int64(String(decoding: rest, as: UTF8.self)).map(SQLValue.integer)
        case UInt8(ascii: "d"):
            return UInt64(String(decoding: rest, as: UTF8.self)).map { .double(Double(bitPattern: $0)) }
        case UInt8(ascii: "x"): return Hexadecimal.bytes(rest).map(SQLValue.bytes)
        case UInt8(ascii: "t"): return text(rest).map(SQLValue.text)
        default: return nil
        }
    }

    private static func text(_ escaped: ArraySlice<UInt8>) -> String? {
        guard escaped.contains(UInt8(ascii: "\\")) else { return String(validating: escaped, as: UTF8.self) }
        var bytes: [UInt8] = []
        var isEscaped = false
        for byte in escaped {
            guard isEscaped else {
                isEscaped = byte == UInt8(ascii: "\\")
                if !isEscaped { bytes.append(byte) }
                continue
            }
            isEscaped = false
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(byte)
            case UInt8(ascii: "t"): bytes.append(UInt8(ascii: "\t"))
            case UInt8(ascii: "n"): bytes.append(UInt8(ascii: "\n"))
            case UInt8(ascii: "r"): bytes.append(UInt8(ascii: "\r"))
            default: return nil
            }
        }
        return isEscaped ? nil : String(validating: bytes, as: UTF8.self)
    }
}

/// Bytes as hexadecimal digits in lower case.
enum Hexadecimal {
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func bytes(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text {
            guard let digit = UInt8(String(decoding: [character], as: UTF8.self), radix: 16) else { return nil }
            if let first = high {
                bytes.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return bytes
    }
}
