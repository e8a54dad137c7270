/// What an identifier names; its prefix makes ids readable in logs and impossible to mix up in code.
package protocol IdentifierKind: Sendable {
    static var prefix: String { get }
}

package enum OrganisationKind: IdentifierKind { package static let prefix = "org" }
package enum ApplicationKind: IdentifierKind { package static let prefix = "app" }
package enum KeyKind: IdentifierKind { package static let prefix = "key" }
package enum RecordKind: IdentifierKind { package static let prefix = "req" }

package typealias OrganisationID = Identifier<OrganisationKind>
package typealias ApplicationID = Identifier<ApplicationKind>
package typealias KeyID = Identifier<KeyKind>
/// Names one exchange: the `x-request-id` of its answer and the primary key of its record.
package typealias RecordID = Identifier<RecordKind>

/// A 128-bit id made by the application, ordered by creation time (the layout of a ULID).
///
/// ```
///   high                                              low
///   ┌──────────────────────────────┬────────────────┐ ┌──────────────────────────────────┐
///   │ milliseconds since 1970 (48) │ random (16)    │ │ random (64)                      │
///   └──────────────────────────────┴────────────────┘ └──────────────────────────────────┘
/// ```
/// As text: the kind's prefix, `_`, and 26 characters of Crockford's base 32 in lower case, such as
/// `req_01jdb3k6y8v4m2n7q9r5s1t3w6`. Text order is creation order, so an index on it grows at its end.
///
/// Source: https://github.com/ulid/spec
package struct Identifier<Kind: IdentifierKind>: Sendable, Hashable, Comparable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new id for something made at `time`.
    package init(at time: Timestamp) {
        self.init(at: time, .random(in: .min ... .max), .random(in: .min ... .max))
    }

    package init(at time: Timestamp, using generator: inout some RandomNumberGenerator) {
        self.init(at: time, UInt16.random(in: .min ... .max, using: &generator), generator.next())
    }

    private init(at time: Timestamp, _ random: UInt16, _ low: UInt64) {
        let milliseconds = UInt64(max(0, time.microseconds / 1_000)) & 0xFFFF_FFFF_FFFF
        high = milliseconds << 16 | UInt64(random)
        self.low = low
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// When it was made, to the millisecond.
    package var time: Timestamp {
        Timestamp(microseconds: Int64(high >> 16) * 1_000)
    }
}

extension Identifier: LosslessStringConvertible, CustomStringConvertible {
    /// Reads `prefix_` and 26 base-32 characters; upper case is accepted, anything else is `nil`.
    package init?(_ text: String) {
        let expected = Array((Kind.prefix + "_").utf8)
        let bytes = Array(text.utf8)
        guard bytes.count == expected.count + 26, bytes.starts(with: expected) else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (index, byte) in bytes.dropFirst(expected.count).enumerated() {
            guard let digit = CrockfordBase32.value(of: byte), index > 0 || digit < 8 else { return nil }
            high = high << 5 | low >> 59
            low = low << 5 | UInt64(digit)
        }
        self.init(high: high, low: low)
    }

    package var description: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends its text, prefix and all.
    package func append(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: Kind.prefix.utf8)
        CrockfordBase32.append(high, low, to: &bytes)
    }
}

/// The digits of Crockford's base 32: no i, l, o, u. Source: https://www.crockford.com/base32.html
enum CrockfordBase32 {
    private static let digits: StaticString = "0123456789abcdefghjkmnpqrstvwxyz"

    /// - Precondition: `value` is below 32.
    @inline(__always)
    static func digit(_ value: UInt64) -> UInt8 { digits.utf8Start[Int(truncatingIfNeeded: value)] }

    /// Appends a line and the 26 digits of a number. Not in generic code, which other modules run unspecialised.
    static func append(_ high: UInt64, _ low: UInt64, to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 27) { text in
            var (high, low) = (high, low)
            var index = 26
            while index > 0 {
                text[index] = digit(low & 31)
                low = low >> 5 | high << 59
                high >>= 5
                index -= 1
            }
            text[0] = 0x5F
            bytes.append(contentsOf: text)
        }
    }

    static func value(of byte: UInt8) -> UInt8? {
        let lower = byte | (byte >= 0x41 && byte <= 0x5A ? 0x20 : 0)
        for value in UInt8(0)..<32 where digit(UInt64(value)) == lower { return value }
        return nil
    }
}
