/// Tokens whose last characters are a CRC-32 of the others: what was mistyped, cut off or made up is none.
extension Check {
    /// A GitHub token of the older kind (`ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_`): its last six characters are the CRC-32
    /// of the characters between prefix and checksum, in base 62, padded with zeros.
    ///
    /// Source: github.blog, Behind GitHub's new authentication token formats (2021).
    static func isGitHubToken(_ candidate: Span<UInt8>) -> Bool {
        isChecksummedInBase62(candidate)
    }

    /// An npm access token (`npm_`), of the form that GitHub's have.
    ///
    /// Source: github.blog, Announcing npm's new access token format (2021).
    static func isNPMToken(_ candidate: Span<UInt8>) -> Bool {
        isChecksummedInBase62(candidate)
    }

    /// Whether a prefix of four characters, 30 or more random ones and their checksum are all of `candidate`.
    private static func isChecksummedInBase62(_ candidate: Span<UInt8>) -> Bool {
        guard candidate.count >= 40, candidate[3] == UInt8(ascii: "_") else { return false }
        let end = candidate.count - 6
        return ends(candidate, with: crc32(candidate.extracting(4..<end)), from: end, in: base62)
    }

    /// A GitLab token that says where it leads (`glpat-….01…`): behind a dot the length of what stands before it, two
    /// digits in base 36, and seven of the CRC-32 of all before them, prefix included.
    ///
    /// Source: GitLab handbook, Cells: Routable Tokens, specification (2024).
    static func isGitLabRoutableToken(_ candidate: Span<UInt8>) -> Bool {
        let end = candidate.count - 7
        guard end >= 30, candidate[end - 3] == UInt8(ascii: ".") else { return false }
        return ends(candidate, with: crc32(candidate.extracting(0..<end)), from: end, in: base36)
    }

    /// A Grafana service account token (`glsa_…_`): behind the last `_` the CRC-32 of what stands before that, prefix
    /// included; its bytes in hexadecimal, the lowest first.
    ///
    /// Source: grafana/grafana, pkg/components/satokengen.
    static func isGrafanaToken(_ candidate: Span<UInt8>) -> Bool {
        let end = candidate.count - 9
        guard end > 5, candidate[end] == UInt8(ascii: "_") else { return false }
        return ends(candidate, with: crc32(candidate.extracting(0..<end)).byteSwapped, from: end + 1, in: base16)
    }

    /// Whether all from `start` on is `number`, padded with zeros.
    private static func ends(
        _ candidate: Span<UInt8>, with number: UInt32, from start: Int, in digits: [UInt8]
    ) -> Bool {
        let base = UInt32(digits.count)
        var number = number
        for index in (start..<candidate.count).reversed() {
            guard candidate[index] == digits[Int(number % base)] else { return false }
            number /= base
        }
        return number == 0
    }

    private static let base16 = Array("0123456789abcdef".utf8)
    private static let base36 = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)
    private static let base62 = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// CRC-32 as in ISO 3309 (reflected polynomial 0xEDB88320).
    static func crc32(_ bytes: Span<UInt8>) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for index in bytes.indices {
            crc ^= UInt32(bytes[index])
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        return ~crc
    }
}
