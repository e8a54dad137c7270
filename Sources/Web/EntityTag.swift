package import HTTPTypes

/// Names one version of a representation (RFC 9110, section 8.8.3).
package struct EntityTag: Sendable, Hashable, CustomStringConvertible {
    /// Without the quotes.
    package let opaque: String

    /// A tag of the bytes themselves.
    package init(of bytes: some Sequence<UInt8>) {
        opaque = ContentDigest.hex(bytes)
    }

    package var description: String { "\"\(opaque)\"" }

    /// Whether the client already has this version, as `If-None-Match` says; tags are compared weakly.
    ///
    /// Source: RFC 9110, section 13.1.2.
    package func matches(ifNoneMatch fields: HTTPFields) -> Bool {
        guard let field = fields[.ifNoneMatch] else { return false }
        return field.split(separator: ",").contains { candidate in
            var tag = candidate.trimming(while: { $0 == " " || $0 == "\t" })
            if tag == "*" { return true }
            if tag.hasPrefix("W/") { tag = tag.dropFirst(2) }
            return tag == description
        }
    }
}

/// A short digest that tells versions of our own files apart: 64 bits of FNV-1a. It guards against nobody.
///
/// Source: http://www.isthe.com/chongo/tech/comp/fnv/
enum ContentDigest {
    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        let text = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }
}

extension Substring {
    func trimming(while isTrimmed: (Character) -> Bool) -> Substring {
        var text = drop(while: isTrimmed)
        while let last = text.last, isTrimmed(last) { text.removeLast() }
        return text
    }
}
