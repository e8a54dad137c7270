/// The fields of a message head: one copy of its bytes, and where each name and value stands in them.
///
/// Names are lower-cased in place when parsed, so a look-up compares bytes. Nothing becomes a `String` unless asked.
struct HeadFields: Sendable {
    struct Field: Sendable {
        var nameStart: UInt32
        var nameEnd: UInt32
        var valueStart: UInt32
        var valueEnd: UInt32
    }

    let bytes: [UInt8]
    let fields: [Field]
    /// Where the start line stands, without its line end.
    let startLine: Range<Int>

    /// Parses a whole head, from its first byte to the empty line that ends it.
    ///
    /// Strict, because what a proxy and a server read differently is how requests are smuggled: lines end in CRLF, no
    /// folding, no space before the colon, no control characters. Source: RFC 9112, sections 2.2, 5 and 5.1.
    init(parsing head: consuming [UInt8], fieldsMax: Int) throws(HeadProblem) {
        var fields: [Field] = []
        fields.reserveCapacity(16)
        startLine = try head.withUnsafeMutableBufferPointer { (head) throws(HeadProblem) in
            let lineEnd = try Self.endOfLine(in: head, from: 0)
            var position = lineEnd + 2
            while !Self.isEndOfLine(in: head, at: position) {
                guard fields.count < fieldsMax else { throw .tooManyFields }
                let (field, end) = try Self.field(in: head, from: position)
                fields.append(field)
                position = end + 2
            }
            return 0..<lineEnd
        }
        bytes = head
        self.fields = fields
    }

    private static func isEndOfLine(in head: UnsafeMutableBufferPointer<UInt8>, at index: Int) -> Bool {
        index &+ 1 < head.count && head[index] == 0x0D && head[index &+ 1] == 0x0A
    }

    private static func endOfLine(
        in head: UnsafeMutableBufferPointer<UInt8>, from start: Int
    ) throws(HeadProblem) -> Int {
        var index = start
        while index < head.count {
            let byte = head[index]
            if byte == 0x0D {
                guard isEndOfLine(in: head, at: index) else { throw .malformed("a bare CR") }
                return index
            }
            if byte == 0x0A { throw .malformed("a line that ends in LF without CR") }
            index &+= 1
        }
        throw .malformed("a head without its empty line")
    }

    /// Reads one line, and makes its name lower-case.
    private static func field(
        in bytes: UnsafeMutableBufferPointer<UInt8>, from lineStart: Int
    ) throws(HeadProblem) -> (field: Field, end: Int) {
        var index = lineStart
        while index < bytes.count, CharacterClass.isToken(bytes[index]) {
            let byte = bytes[index]
            if byte >= 0x41, byte <= 0x5A { bytes[index] = byte | 0x20 }
            index &+= 1
        }
        guard index < bytes.count, index > lineStart, bytes[index] == 0x3A else {
            let end = try endOfLine(in: bytes, from: index)
            if index == end { throw .malformed("a field without colon") }
            if bytes[index] == 0x3A { throw .malformed("a field without name") }
            throw .malformed("a character that no field name may have")
        }
        var start = index + 1
        let lineEnd = try endOfValue(in: bytes, from: start)
        var end = lineEnd
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start &+= 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end &-= 1 }
        let field = Field(
            nameStart: UInt32(lineStart), nameEnd: UInt32(index), valueStart: UInt32(start), valueEnd: UInt32(end))
        return (field, lineEnd)
    }

    /// Where the line ends that a value stands in, which has no control characters. Eight bytes at a time.
    private static func endOfValue(
        in bytes: UnsafeMutableBufferPointer<UInt8>, from start: Int
    ) throws(HeadProblem) -> Int {
        let raw = UnsafeRawBufferPointer(bytes)
        var index = start
        while index < raw.count {
            if index &+ 8 <= raw.count {
                let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                let controls = CharacterClass.controls(in: UInt64(littleEndian: word))
                guard controls != 0 else {
                    index &+= 8
                    continue
                }
                index &+= controls.trailingZeroBitCount / 8
            }
            guard CharacterClass.isFieldValue(raw[index]) else { break }
            index &+= 1
        }
        let end = try endOfLine(in: bytes, from: index)
        guard end == index else { throw .malformed("a control character in a field value") }
        return end
    }

    /// Whether the field's name is `name`, given in lower case.
    func isNamed(_ field: Field, _ name: StaticString) -> Bool {
        let count = Int(field.nameEnd - field.nameStart)
        guard count == name.utf8CodeUnitCount else { return false }
        return bytes.withUnsafeBufferPointer { bytes in
            for index in 0..<count where bytes[Int(field.nameStart) &+ index] != name.utf8Start[index] { return false }
            return true
        }
    }

    func first(_ name: StaticString) -> Field? {
        for field in fields where isNamed(field, name) { return field }
        return nil
    }

    func count(of name: StaticString) -> Int {
        fields.reduce(0) { isNamed($1, name) ? $0 + 1 : $0 }
    }

    func name(of field: Field) -> ArraySlice<UInt8> {
        bytes[Int(field.nameStart)..<Int(field.nameEnd)]
    }

    func value(of field: Field) -> ArraySlice<UInt8> {
        bytes[Int(field.valueStart)..<Int(field.valueEnd)]
    }

    /// The first such field's value as a string; bytes that are no UTF-8 are replaced.
    func string(_ name: StaticString) -> String? {
        first(name).map { String(decoding: value(of: $0), as: UTF8.self) }
    }

    /// Whether a list field such as `connection` holds `token` (lower case), in any of its lines.
    func list(_ name: StaticString, contains token: StaticString) -> Bool {
        for field in fields where isNamed(field, name) {
            var rest = value(of: field)
            while !rest.isEmpty {
                let item = rest.prefix { $0 != 0x2C }
                if item.isToken(token) { return true }
                rest = rest[item.endIndex...].dropFirst()
            }
        }
        return false
    }
}

/// Why a message head was refused.
enum HeadProblem: Error, Equatable {
    case malformed(StaticString)
    case tooManyFields
    case tooLarge
    case unsupportedVersion
    case unsupportedTransferCoding

    static func == (left: HeadProblem, right: HeadProblem) -> Bool {
        left.explanation == right.explanation
    }

    /// What is wrong, as the end of a sentence that begins "The request has".
    var explanation: String {
        switch self {
        case .malformed(let what): "\(what)"
        case .tooManyFields: "more header fields than this gateway accepts"
        case .tooLarge: "a head larger than this gateway accepts"
        case .unsupportedVersion: "an HTTP version other than 1.0 or 1.1"
        case .unsupportedTransferCoding: "a transfer coding other than chunked"
        }
    }
}

/// Which bytes may stand where in a head. Source: RFC 9110, section 5.5 and 5.6.2.
enum CharacterClass {
    // A bit for each ASCII character that a token may have, from U+0000 and from U+0040.
    private static let tokenLow: UInt64 = 0x03FF_6CFA_0000_0000
    private static let tokenHigh: UInt64 = 0x57FF_FFFF_C7FF_FFFE

    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        if byte < 64 { return tokenLow >> UInt64(byte) & 1 == 1 }
        return byte < 128 && tokenHigh >> UInt64(byte & 63) & 1 == 1
    }

    @inline(__always)
    static func isFieldValue(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x7F || byte == 0x09
    }

    /// The highest bit of each of eight bytes that is below 0x20 or 0x7F; the lowest of them is exact, those above it may be
    /// wrong.
    @inline(__always)
    static func controls(in word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let deletes = word ^ (ones &* 0x7F)
        return ((word &- ones &* 0x20) & ~word | (deletes &- ones) & ~deletes) & (ones &* 0x80)
    }
}

extension ArraySlice<UInt8> {
    /// Whether this is `token` (lower case), regardless of case and of white space around it.
    func isToken(_ token: StaticString) -> Bool {
        var start = startIndex
        var end = endIndex
        while start < end, self[start] == 0x20 || self[start] == 0x09 { start &+= 1 }
        while end > start, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end &-= 1 }
        guard end - start == token.utf8CodeUnitCount else { return false }
        for index in 0..<(end - start) {
            let byte = self[start + index]
            let lower = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
            if lower != token.utf8Start[index] { return false }
        }
        return true
    }

    /// A decimal number of at most 18 digits and nothing else.
    var decimal: Int? {
        guard !isEmpty, count <= 18 else { return nil }
        var value = 0
        for byte in self {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        return value
    }
}
