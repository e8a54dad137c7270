/// Keys, tokens and passwords.
extension Check {
    /// An AWS access key id: a four-letter prefix and sixteen base 32 characters; the documentation's, which ends in
    /// `EXAMPLE`, is nobody's, nor is one that holds the same letter again and again.
    ///
    /// Source: AWS, IAM identifiers, unique identifiers (prefixes); RFC 4648, section 6.
    static func isAWSKeyID(_ candidate: Span<UInt8>) -> Bool {
        guard candidate.count == 20 else { return false }
        for index in 4..<20 {
            guard (0x41...0x5A).contains(candidate[index]) || (0x32...0x37).contains(candidate[index]) else {
                return false
            }
        }
        return !ends(candidate, with: "EXAMPLE") && SecretValue(candidate, in: .whole).confirms(.token, candidate)
    }

    /// A signed JSON web token: its first part decodes to JSON that names an `alg`, its second to a JSON object.
    ///
    /// Source: RFC 7519, section 3; RFC 7515, section 4.1.1.
    static func isJWT(_ candidate: Span<UInt8>) -> Bool {
        let dot = UInt8(ascii: ".")
        guard let first = candidate.indices.first(where: { candidate[$0] == dot }), first + 4 < candidate.count,
            let header = base64Decoded(candidate.extracting(0..<first)),
            let claims = base64Decoded(candidate.extracting(first + 1..<first + 5))
        else { return false }
        return header.first == UInt8(ascii: "{") && claims.first == UInt8(ascii: "{")
            && header.indices.contains { holds(header.span, algorithmName, at: $0) }
    }

    private static let algorithmName = Array("\"alg\"".utf8)

    private static func base64Decoded(_ text: Span<UInt8>) -> [UInt8]? {
        var output: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        for index in text.indices {
            let value: UInt32
            switch text[index] {
            case 0x41...0x5A: value = UInt32(text[index]) - 0x41
            case 0x61...0x7A: value = UInt32(text[index]) - 0x61 + 26
            case 0x30...0x39: value = UInt32(text[index]) - 0x30 + 52
            case UInt8(ascii: "-"), UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "_"), UInt8(ascii: "/"): value = 63
            default: return nil
            }
            buffer = buffer << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                output.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        return output
    }

    /// An address `scheme://name:password@host` whose password has at least 6 bytes and is no placeholder, or
    /// `scheme://token@host`, whose token looks random and mixes cases: names and public keys of projects do not.
    static func hasURLPassword(_ candidate: Span<UInt8>) -> Bool {
        guard let at = candidate.indices.last(where: { candidate[$0] == UInt8(ascii: "@") }),
            let colon = candidate.indices.last(where: { $0 < at && candidate[$0] == UInt8(ascii: ":") })
        else { return false }
        guard colon > 0 else {
            let token = candidate.extracting(min(3, at)..<at)
            return SecretValue(token, in: .whole).confirms(.entropyMixed, token)
        }
        guard at - colon > 6 else { return false }
        let password = candidate.extracting(colon + 1..<at)
        return SecretValue(value: password).isCredential(password)
    }

    /// `name:password` in base64, as HTTP's Basic scheme sends it, up to a blank or quote before it: all is printable and no
    /// JSON, and the password, or the name where the password is empty, is one.
    ///
    /// Source: RFC 7617, section 2.
    static func isBasicCredentials(_ candidate: Span<UInt8>) -> Bool {
        let before = candidate.indices.last {
            SecretValue.isBefore(candidate[$0]) && candidate[$0] != UInt8(ascii: "=")
        }
        var end = candidate.count
        while end > 0, candidate[end - 1] == UInt8(ascii: "=") { end -= 1 }
        let start = before.map { $0 + 1 } ?? 0
        guard start < end, let text = base64Decoded(candidate.extracting(start..<end)),
            text.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }), text.first != UInt8(ascii: "{"),
            let colon = text.firstIndex(of: UInt8(ascii: ":"))
        else { return false }
        let value = colon + 1 == text.count ? text[..<colon] : text[(colon + 1)...]
        let password = Array(value)
        return SecretValue(value: password.span).isCredential(password.span)
    }

    /// Whether `word` (lower case) stands at `start`, ignoring ASCII case.
    private static func holds(_ text: Span<UInt8>, _ word: [UInt8], at start: Int) -> Bool {
        guard start + word.count <= text.count else { return false }
        for index in word.indices {
            let byte = text[start + index]
            guard ((0x41...0x5A).contains(byte) ? byte | 0x20 : byte) == word[index] else { return false }
        }
        return true
    }

    private static func ends(_ text: Span<UInt8>, with suffix: StaticString) -> Bool {
        suffix.withUTF8Buffer { suffix in
            guard text.count >= suffix.count else { return false }
            return suffix.indices.allSatisfy { text[text.count - suffix.count + $0] == suffix[$0] }
        }
    }
}
