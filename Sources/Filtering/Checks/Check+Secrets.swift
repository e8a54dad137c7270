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
        for index in (end..<candidate.count).reversed() {
            guard candidate[index] == base62[Int(expected % 62)] else { return false }
            expected /= 62
        }
        return expected == 0
    }

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
        return header.first == UInt8(ascii: "{") && claims.first == UInt8(ascii: "{")
            && header.indices.contains { holds(header.span, algorithmName, at: $0) }
    }

    private static let algorithmName = Array("\"alg\"".utf8)

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
    /// digits both, and three quarters of all bytes; at least 3.2 bits of Shannon entropy a byte (2.7 where all are
    /// hexadecimal digits); no placeholder.
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
        var different = ByteSet()
        for index in value.indices {
            if value[index].isASCIILetter { letters += 1 }
            if value[index].isASCIIDigit || passwordSigns.contains(value[index]) { others += 1 }
            different.insert(value[index])
        }
        return letters > 0 && others > 0 && different.count > 4
    }

    private static let passwordSigns = ByteSet("!#%&*+=^~?".utf8)

    /// Bits a byte; 0 for no bytes.
    static func shannonEntropy(_ bytes: Span<UInt8>) -> Double {
        guard !bytes.isEmpty else { return 0 }
        var counts = InlineArray<256, UInt32>(repeating: 0)
        // The sum of n log2 n over how often each byte stands there, grown byte by byte.
        var sum = 0.0
        for index in bytes.indices {
            let count = Int(counts[Int(bytes[index])])
            counts[Int(bytes[index])] &+= 1
            sum += weightedLogarithm(count + 1) - weightedLogarithm(count)
        }
        return (weightedLogarithm(bytes.count) - sum) / Double(bytes.count)
    }

    /// n log2 n.
    private static func weightedLogarithm(_ n: Int) -> Double {
        n < weightedLogarithms.count ? weightedLogarithms[n] : Double(n) * binaryLogarithm(Double(n))
    }

    private static let weightedLogarithms = (0...256).map { $0 == 0 ? 0 : Double($0) * binaryLogarithm(Double($0)) }

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

    private static let assignmentSigns = ByteSet("=:> \t".utf8)

    /// What stands after the last `=`, `:` or blank that precedes the value, without quotes; all, if there is none.
    static func assignedRange(_ candidate: Span<UInt8>) -> Range<Int> {
        func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == 0x60 }
        func isOperator(_ byte: UInt8) -> Bool {
            assignmentSigns.contains(byte)
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
        for index in value.indices {
            // Interpolations, calls, tags and subscripts are code, not values.
            if codeSigns.contains(value[index]) { return true }
            guard placeholderBeginnings.contains(value[index]) else { continue }
            for word in placeholderWords where holds(value, word, at: index) { return true }
        }
        return value[0] == UInt8(ascii: "$")
    }

    private static let codeSigns = ByteSet("{}<>()[]\\".utf8)
    private static let placeholderBeginnings = ByteSet(placeholderWords.map { $0[0] }).ignoringCase
    private static let placeholderWords = [
        "example", "placeholder", "changeme", "change_me", "your_", "your-", "yourp", "youra", "yours", "xxxx", "****",
        "....", "1234567", "abcdef", "process.env", "os.environ", "getenv", "config.", "settings.", "self.", "this.",
        "params", "request.", "password", "passwd", "dummy", "redacted", "insert", "replace", "null", "undefined",
    ].map { Array($0.utf8) }

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
