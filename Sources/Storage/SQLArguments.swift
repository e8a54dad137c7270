/// The arguments of one statement, kept flat, so that a batch of rows costs no allocation for each value.
///
/// Append them in the order of their numbers: the first is `$1`.
package struct SQLArguments: Sendable {
    enum Value: Sendable {
        case null
        case integer(Int64)
        case double(Double)
        /// Bytes of ``text``.
        case text(Range<Int>)
        /// Bytes of ``text`` that are none.
        case bytes(Range<Int>)
    }

    private(set) var values: [Value] = []
    /// All text, UTF-8, and all bytes, back to back.
    private(set) var text: [UInt8] = []

    package init() {}

    /// Forgets the values and keeps their memory.
    mutating func removeAll() {
        values.removeAll(keepingCapacity: true)
        text.removeAll(keepingCapacity: true)
    }

    package mutating func append(_ value: Int64) {
        values.append(.integer(value))
    }

    package mutating func append(_ value: Int) {
        values.append(.integer(Int64(value)))
    }

    package mutating func append(_ value: Bool) {
        values.append(.integer(value ? 1 : 0))
    }

    package mutating func append(_ value: Timestamp) {
        values.append(.integer(value.microseconds))
    }

    package mutating func append(_ value: String?) {
        guard let value else { return values.append(.null) }
        let start = text.count
        text.append(contentsOf: value.utf8)
        values.append(.text(start..<text.count))
    }

    package mutating func append(_ value: SQLValue) {
        switch value {
        case .null: values.append(.null)
        case .integer(let number): values.append(.integer(number))
        case .double(let number): values.append(.double(number))
        case .text(let text): append(text)
        case .bytes(let bytes):
            let start = text.count
            text.append(contentsOf: bytes)
            values.append(.bytes(start..<text.count))
        }
    }

    /// As text with its prefix.
    @inlinable
    package mutating func append<Kind>(_ value: Identifier<Kind>?) {
        if let value { appendIdentifier(Kind.prefix, high: value.high, low: value.low) } else { append(SQLValue.null) }
    }

    /// Not in generic code, which other modules run unspecialised.
    package mutating func appendIdentifier(_ prefix: String, high: UInt64, low: UInt64) {
        let start = text.count
        text.append(contentsOf: prefix.utf8)
        CrockfordBase32.append(high, low, to: &text)
        values.append(.text(start..<text.count))
    }
}
