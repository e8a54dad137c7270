/// Keys, tokens and passwords.
extension Check {
    /// A GitHub token of the older kind (`ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_`): its last six characters are the CRC-32
    /// of the characters between prefix and checksum, in base 62, padded with zeros.
    ///
    /// Source: github.blog, Behind GitHub's new authentication token formats (2021).
    static func isGitHubToken(_ candidate: Span<UInt8>) -> Bool {
        guard candidate.count >= 40, candidate[3] == UInt8(ascii: "_") else { return false }
        let end = candidate.count - 6
        var expected = crc32(candidate.extracting(4..<end))
        let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        for index in (end..<candidate.count).reversed() {
            guard candidate[index] == alphabet[Int(expected % 62)] else { return false }
            expected /= 62
        }
        return expected == 0
    }

    /// CRC-32 as in ISO 3309 (reflected polynomial 0xEDB88320).
    static func crc32(_ bytes: Span<UInt8>) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for index in bytes.indices {
            crc ^= UInt32(bytes[index])
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        return ~crc
    }

    /// An AWS access key id: a four-letter prefix and sixteen base 32 characters; the documentation's, which ends in
    /// `EXAMPLE`, is nobody's.
    ///
    /// Source: AWS, IAM identifiers, unique identifiers (prefixes); RFC 4648, section 6.
    static func isAWSKeyID(_ candidate: Span<UInt8>) -> Bool {
        guard candidate.count == 20 else { return false }
        for index in 4..<20 {
            guard (0x41...0x5A).contains(candidate[index]) || (0x32...0x37).contains(candidate[index]) else {
                return false
            }
        }
        return !ends(candidate, with: "EXAMPLE")
    }

    /// A signed JSON web token: its first part decodes to JSON that names an `alg`, its second to a JSON object.
    ///
    /// Source: RFC 7519, section 3; RFC 7515, section 4.1.1.
    static func isJWT(_ candidate: Span<UInt8>) -> Bool {
        let dot = UInt8(ascii: ".")
        guard let first = candidate.indices.first(where: { candidate[$0] == dot }), first + 4 < candidate.count,
            let header = base64URLDecoded(candidate.extracting(0..<first)),
            let claims = base64URLDecoded(candidate.extracting(first + 1..<first + 5))
        else { return false }
        return header.first == UInt8(ascii: "{") && contains(header.span, "\"alg\"")
            && claims.first == UInt8(ascii: "{")
    }

    private static func base64URLDecoded(_ text: Span<UInt8>) -> [UInt8]? {
        var output: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        for index in text.indices {
            let value: UInt32
            switch text[index] {
            case 0x41...0x5A: value = UInt32(text[index]) - 0x41
            case 0x61...0x7A: value = UInt32(text[index]) - 0x61 + 26
            case 0x30...0x39: value = UInt32(text[index]) - 0x30 + 52
            case UInt8(ascii: "-"): value = 62
            case UInt8(ascii: "_"): value = 63
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

    /// A random-looking value: after a name and `=` or `:` if the candidate has one. At least 16 bytes; letters and
    /// digits both; at least 3.2 bits of Shannon entropy a byte (3.0 for hexadecimal); no placeholder.
    ///
    /// Source: C. E. Shannon, A Mathematical Theory of Communication (1948), section 6; the thresholds are ours, from
    /// random strings of 16 to 64 characters, of which less than 1 in 1,000 falls below.
    static func isRandomSecret(_ candidate: Span<UInt8>) -> Bool {
        let value = candidate.extracting(assignedRange(candidate))
        guard value.count >= 16, !isPlaceholder(value) else { return false }
        var letters = 0
        var digits = 0
        var isHex = true
        for index in value.indices {
            if value[index].isASCIILetter { letters += 1 }
            if value[index].isASCIIDigit { digits += 1 }
            if value[index].hexValue == nil { isHex = false }
        }
        guard letters > 0, digits > 0, letters + digits >= value.count * 3 / 4 else { return false }
        return shannonEntropy(value) >= (isHex ? 2.7 : 3.2)
    }

    /// Whether upper case, lower case and digits all stand in the value: what no hexadecimal digest has.
    static func mixesCases(_ candidate: Span<UInt8>) -> Bool {
        let value = candidate.extracting(assignedRange(candidate))
        return value.indices.contains { (0x41...0x5A).contains(value[$0]) }
            && value.indices.contains { (0x61...0x7A).contains(value[$0]) }
            && value.indices.contains { value[$0].isASCIIDigit }
    }

    /// A password worth hiding, after a name and `=`, `:` or `is` if the candidate has one: at least 8 bytes, letters
    /// and a digit or sign, more than four different bytes, no placeholder or expression.
    static func isPassword(_ candidate: Span<UInt8>) -> Bool {
        let value = candidate.extracting(assignedRange(candidate))
        return value.count >= 8 && looksChosen(value)
    }

    /// An address `scheme://name:password@host` whose password is at least 6 bytes and no placeholder.
    static func hasURLPassword(_ candidate: Span<UInt8>) -> Bool {
        guard let at = candidate.indices.last(where: { candidate[$0] == UInt8(ascii: "@") }),
            let colon = candidate.indices.last(where: { $0 < at && candidate[$0] == UInt8(ascii: ":") }),
            at - colon > 6
        else { return false }
        return looksChosen(candidate.extracting(colon + 1..<at))
    }

    private static func looksChosen(_ value: Span<UInt8>) -> Bool {
        guard !isPlaceholder(value) else { return false }
        var letters = 0
        var others = 0
        var different = InlineArray<256, Bool>(repeating: false)
        for index in value.indices {
            if value[index].isASCIILetter { letters += 1 }
            if value[index].isASCIIDigit || Array("!#%&*+=^~?".utf8).contains(value[index]) { others += 1 }
            different[Int(value[index])] = true
        }
        return letters > 0 && others > 0 && different.indices.count { different[$0] } > 4
    }

    /// Bits a byte.
    static func shannonEntropy(_ bytes: Span<UInt8>) -> Double {
        var counts = InlineArray<256, Int>(repeating: 0)
        for index in bytes.indices { counts[Int(bytes[index])] += 1 }
        var sum = 0.0
        for count in counts.indices where counts[count] > 0 {
            let share = Double(counts[count]) / Double(bytes.count)
            sum -= share * binaryLogarithm(share)
        }
        return sum
    }

    /// log2 without the C library: exponent, then bits of the fraction by squaring (to 2⁻³⁰).
    private static func binaryLogarithm(_ number: Double) -> Double {
        var result = Double(number.exponent)
        var fraction = number.significand
        var bit = 0.5
        while bit > 1e-9 {
            fraction *= fraction
            if fraction >= 2 {
                fraction /= 2
                result += bit
            }
            bit /= 2
        }
        return result
    }

    /// What stands after the last `=`, `:` or blank that precedes the value, without quotes; all, if there is none.
    static func assignedRange(_ candidate: Span<UInt8>) -> Range<Int> {
        func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == 0x60 }
        func isOperator(_ byte: UInt8) -> Bool {
            [UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: ">"), UInt8(ascii: " "), 0x09].contains(byte)
        }
        var end = candidate.count
        while end > 0, isQuote(candidate[end - 1]) { end -= 1 }
        // The padding of base64 is part of the value.
        var padding = end
        while padding > 0, candidate[padding - 1] == UInt8(ascii: "=") { padding -= 1 }
        var start = padding
        while start > 0, !isOperator(candidate[start - 1]), !isQuote(candidate[start - 1]) { start -= 1 }
        return start..<end
    }

    private static func isPlaceholder(_ value: Span<UInt8>) -> Bool {
        let words = [
            "example", "placeholder", "changeme", "change_me", "your_", "your-", "yourp", "youra", "yours", "xxxx",
            "****",
            "....", "1234567", "abcdef", "process.env", "os.environ", "getenv", "config.", "settings.", "self.",
            "this.",
            "params", "request.", "password", "passwd", "dummy", "redacted", "insert", "replace", "null", "undefined",
        ]
        for word in words where contains(value, word) { return true }
        // Interpolations, calls, tags and subscripts are code, not values.
        return value[0] == UInt8(ascii: "$")
            || value.indices.contains { Array("{}<>()[]\\".utf8).contains(value[$0]) }
    }

    /// Whether `text` holds `word` (lower case), ignoring ASCII case.
    private static func contains(_ text: Span<UInt8>, _ word: String) -> Bool {
        let needle = Array(word.utf8)
        guard text.count >= needle.count else { return false }
        for start in 0...text.count - needle.count {
            var matched = 0
            while matched < needle.count {
                let byte = text[start + matched]
                guard ((0x41...0x5A).contains(byte) ? byte | 0x20 : byte) == needle[matched] else { break }
                matched += 1
            }
            if matched == needle.count { return true }
        }
        return false
    }

    private static func ends(_ text: Span<UInt8>, with suffix: StaticString) -> Bool {
        suffix.withUTF8Buffer { suffix in
            guard text.count >= suffix.count else { return false }
            return suffix.indices.allSatisfy { text[text.count - suffix.count + $0] == suffix[$0] }
        }
    }
}
