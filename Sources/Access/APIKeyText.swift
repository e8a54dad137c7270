/// The text of API keys.
///
/// ```
///   stw_sandbox_ or stw_live_ │ 32 random base-62 characters (190 bits) │ 6 base-62 characters of CRC-32
///   └──────────────────── what the CRC covers ────────────────────────┘
/// ```
/// The prefix lets secret scanners find leaked keys; the checksum tells typing errors from unknown keys. It is no
/// protection: who makes up a key can compute it.
///
/// Source: https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
package enum APIKeyText {
    package enum Form: Sendable, Hashable {
        /// Looks like a key of this stage; whether it is one only the look-up tells.
        case wellFormed(Stage)
        /// Begins like a key of ours, but was cut off, changed or mistyped.
        case mistyped
        /// Something else, such as another provider's key.
        case notOurs
    }

    static let randomCount = 32
    static let checksumCount = 6

    static func prefix(of stage: Stage) -> StaticString {
        switch stage {
        case .sandbox: "stw_sandbox_"
        case .production: "stw_live_"
        }
    }

    /// What `key` looks like. Allocates nothing; costs about 0.2 µs.
    package static func parse(_ key: UnsafeBufferPointer<UInt8>) -> Form {
        for stage in Stage.allCases where begins(key, with: prefix(of: stage)) {
            return hasChecksum(key, prefixCount: prefix(of: stage).utf8CodeUnitCount) ? .wellFormed(stage) : .mistyped
        }
        return begins(key, with: "stw_") ? .mistyped : .notOurs
    }

    /// Whether `key` is as long as keys are, so that a look-up of it costs no more than one of a key.
    package static func hasLength(_ key: UnsafeBufferPointer<UInt8>) -> Bool {
        Stage.allCases.contains { key.count == prefix(of: $0).utf8CodeUnitCount + randomCount + checksumCount }
    }

    package static func parse(_ key: String) -> Form {
        var key = key
        return key.withUTF8 { parse($0) }
    }

    static func begins(_ key: UnsafeBufferPointer<UInt8>, with prefix: StaticString) -> Bool {
        prefix.withUTF8Buffer { prefix in
            key.count >= prefix.count && prefix.indices.allSatisfy { key[$0] == prefix[$0] }
        }
    }

    static func hasChecksum(_ key: UnsafeBufferPointer<UInt8>, prefixCount: Int) -> Bool {
        let covered = prefixCount + randomCount
        guard key.count == covered + checksumCount else { return false }
        for index in prefixCount..<covered where !Base62.isDigit(key[index]) { return false }
        var checksum = CRC32.checksum(of: UnsafeBufferPointer(rebasing: key[..<covered]))
        for index in (covered..<key.count).reversed() {
            guard key[index] == Base62.digit(checksum % 62) else { return false }
            checksum /= 62
        }
        return true
    }

    /// A new key's text.
    static func generate(_ stage: Stage, using generator: inout some RandomNumberGenerator) -> String {
        generate(prefix(of: stage), using: &generator)
    }

    static func generate(_ prefix: StaticString, using generator: inout some RandomNumberGenerator) -> String {
        var text = prefix.withUTF8Buffer { Array($0) }
        for _ in 0..<randomCount {
            text.append(Base62.digit(UInt32.random(in: 0..<62, using: &generator)))
        }
        var checksum = text.withUnsafeBufferPointer { CRC32.checksum(of: $0) }
        var digits: [UInt8] = []
        for _ in 0..<checksumCount {
            digits.append(Base62.digit(checksum % 62))
            checksum /= 62
        }
        return String(decoding: text + digits.reversed(), as: UTF8.self)
    }

    /// The beginning of a key that may be shown: its prefix and four characters.
    static func hint(of text: String, _ stage: Stage) -> String {
        hint(of: text, prefix(of: stage))
    }

    static func hint(of text: String, _ prefix: StaticString) -> String {
        String(decoding: text.utf8.prefix(prefix.utf8CodeUnitCount + 4), as: UTF8.self)
    }
}

/// The text of a key on its way to its holder. It does not show itself when printed or logged.
package struct APIKeySecret: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    private let text: String

    init(_ text: String) {
        self.text = text
    }

    /// The text, for the one answer that carries it.
    package func reveal() -> String {
        text
    }

    package var description: String { "[secret]" }
    package var debugDescription: String { "[secret]" }
}

/// Digits 0–9, A–Z, a–z.
enum Base62 {
    static func digit(_ value: UInt32) -> UInt8 {
        let value = UInt8(value)
        return value < 10 ? 0x30 + value : value < 36 ? 0x41 + value - 10 : 0x61 + value - 36
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }
}

/// CRC-32 of ISO-HDLC (Ethernet, zlib): finds every burst of up to 32 bits, so every wrong character and every swap of
/// two neighbours. Source: https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-32-iso-hdlc
enum CRC32 {
    private static let table: InlineArray<256, UInt32> = InlineArray { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
    }

    static func checksum(of bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        var value = UInt32.max
        for byte in bytes {
            value = table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ value >> 8
        }
        return ~value
    }
}
