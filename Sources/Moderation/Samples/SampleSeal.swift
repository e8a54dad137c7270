internal import Crypto
internal import Foundation
internal import Storage

/// Seals the texts of samples, so that who has the store has no text: ChaCha20-Poly1305 under a key that is not in it, each
/// bound to its sample's id.
///
/// Source: RFC 8439.
package struct SampleSeal: Sendable {
    private let key: SymmetricKey

    /// - Parameter hexadecimal: 64 digits, white space around them aside; `nil` for anything else.
    package init?(hexadecimal text: String) {
        let digits = text.utf8.drop(while: Self.isSpace).reversed().drop(while: Self.isSpace).reversed().map(Self.value)
        guard digits.count == 64, !digits.contains(nil) else { return nil }
        let values = digits.compactMap(\.self)
        key = SymmetricKey(data: (0..<32).map { values[2 * $0] << 4 | values[2 * $0 + 1] })
    }

    func seal(_ text: [UInt8], of sample: SampleID) throws -> [UInt8] {
        let box = try ChaChaPoly.seal(text, using: key, authenticating: Array(sample.description.utf8))
        return Array(box.combined)
    }

    /// - Throws: where it was sealed under another key, for another sample, or was changed.
    func open(_ sealed: [UInt8], of sample: SampleID) throws -> [UInt8] {
        let box = try ChaChaPoly.SealedBox(combined: sealed)
        return Array(try ChaChaPoly.open(box, using: key, authenticating: Array(sample.description.utf8)))
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66, 0x41...0x46: (byte | 0x20) - 0x57
        default: nil
        }
    }
}
