/// The value that a text says is secret, such as what follows `api_key = `, and whether it looks like one.
///
/// Patterns of such values match at every length that the value may have, so one is looked at again and again while it
/// grows: `follow` takes the new bytes only.
struct SecretValue {
    /// Where it stands in the candidate.
    private(set) var range: Range<Int>
    /// The candidate's bytes so far.
    private var count: Int
    private var counts = InlineArray<256, UInt32>(repeating: 0)
    /// The sum of n log2 n over how often each byte stands there.
    private var weight = 0.0
    private var different = 0
    private var (upper, lower, digits, signs) = (0, 0, 0, 0)
    private var isHexadecimal = true
    private var isPlaceholder = false

    /// - Parameter candidate: a name, a sign of assignment and a value, or a value alone.
    init(_ candidate: Span<UInt8>) {
        self.init(candidate, Self.assignedRange(candidate))
    }

    init(value: Span<UInt8>) {
        self.init(value, value.indices)
    }

    private init(_ candidate: Span<UInt8>, _ range: Range<Int>) {
        self.range = range
        count = candidate.count
        for index in range { append(candidate, index) }
    }

    /// Takes up a candidate that begins where the last one did and is longer.
    mutating func follow(_ candidate: Span<UInt8>) {
        guard candidate.count > count, count > 0, goesOn(candidate) else {
            self = SecretValue(candidate)
            return
        }
        for index in count..<candidate.count { append(candidate, index) }
        range = range.lowerBound..<candidate.count
        count = candidate.count
    }

    /// Whether the new bytes only make the value longer. Signs of assignment and quotes may move its beginning, and so may
    /// what follows an `=` that was the padding of base64 so far.
    private func goesOn(_ candidate: Span<UInt8>) -> Bool {
        for index in count..<candidate.count {
            let (previous, byte) = (candidate[index - 1], candidate[index])
            if Self.quotes.contains(byte) || Self.quotes.contains(previous) { return false }
            if previous == UInt8(ascii: "=") || Self.assignmentSigns.contains(byte) { return false }
        }
        return true
    }

    private mutating func append(_ candidate: Span<UInt8>, _ index: Int) {
        let byte = candidate[index]
        let before = Int(counts[Int(byte)])
        counts[Int(byte)] &+= 1
        weight += Self.weight(before + 1) - Self.weight(before)
        if before == 0 { different += 1 }
        switch byte {
        case 0x41...0x5A: upper += 1
        case 0x61...0x7A: lower += 1
        case 0x30...0x39: digits += 1
        default: if Self.passwordSigns.contains(byte) { signs += 1 }
        }
        if byte.hexValue == nil { isHexadecimal = false }
        // Interpolations, calls, tags and subscripts are code, not values.
        if Self.codeSigns.contains(byte) || index == range.lowerBound && byte == UInt8(ascii: "$") {
            isPlaceholder = true
        }
        guard Self.placeholderEnds.contains(byte), !isPlaceholder else { return }
        isPlaceholder = Self.placeholderWords.contains { ends(candidate, at: index, with: $0) }
    }

    /// Whether `word` (lower case) ends with the byte at `index`, within the value, ignoring ASCII case.
    private func ends(_ candidate: Span<UInt8>, at index: Int, with word: [UInt8]) -> Bool {
        let start = index - word.count + 1
        guard start >= range.lowerBound else { return false }
        for offset in word.indices {
            let byte = candidate[start + offset]
            guard ((0x41...0x5A).contains(byte) ? byte | 0x20 : byte) == word[offset] else { return false }
        }
        return true
    }

    // MARK: - What it is

    func confirms(_ check: Check) -> Bool {
        switch check {
        case .entropy: isRandom
        case .entropyMixed: isRandom && mixesCases
        case .password: range.count >= 8 && isChosen
        default: false
        }
    }

    /// A random-looking value: at least 16 bytes; letters and digits both, and three quarters of all bytes; at least 3.2
    /// bits of Shannon entropy a byte (2.7 where all are hexadecimal digits); no placeholder.
    ///
    /// Source: C. E. Shannon, A Mathematical Theory of Communication (1948), section 6; the thresholds are ours, from
    /// random strings of 16 to 64 characters, of which less than 1 in 1,000 falls below.
    private var isRandom: Bool {
        let letters = upper + lower
        guard range.count >= 16, !isPlaceholder, letters > 0, digits > 0, letters + digits >= range.count * 3 / 4 else {
            return false
        }
        return entropy >= (isHexadecimal ? 2.7 : 3.2)
    }

    /// Whether upper case, lower case and digits all stand in it: what no hexadecimal digest has.
    private var mixesCases: Bool { upper > 0 && lower > 0 && digits > 0 }

    /// What somebody may have chosen as a password: letters and a digit or sign, more than four different bytes, no
    /// placeholder or expression.
    var isChosen: Bool { !isPlaceholder && upper + lower > 0 && digits + signs > 0 && different > 4 }

    /// Bits a byte; 0 for no bytes.
    var entropy: Double { range.isEmpty ? 0 : (Self.weight(range.count) - weight) / Double(range.count) }

    /// n log2 n.
    private static func weight(_ n: Int) -> Double {
        n < weights.count ? weights[n] : Double(n) * binaryLogarithm(Double(n))
    }

    private static let weights = (0...512).map { $0 == 0 ? 0 : Double($0) * binaryLogarithm(Double($0)) }

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
}

extension SecretValue {
    /// Before a value stands one of them, or a quote.
    static let assignmentSigns = ByteSet("=:> \t".utf8)
    static let quotes = ByteSet("\"'`".utf8)
    private static let passwordSigns = ByteSet("!#%&*+=^~?".utf8)
    private static let codeSigns = ByteSet("{}<>()[]\\".utf8)
    private static let placeholderWords = [
        "example", "placeholder", "changeme", "change_me", "your_", "your-", "yourp", "youra", "yours", "xxxx", "****",
        "....", "1234567", "abcdef", "process.env", "os.environ", "getenv", "config.", "settings.", "self.", "this.",
        "params", "request.", "password", "passwd", "dummy", "redacted", "insert", "replace", "null", "undefined",
    ].map { Array($0.utf8) }
    private static let placeholderEnds = ByteSet(placeholderWords.compactMap(\.last)).ignoringCase

    /// The most bytes with which base64 is padded (RFC 4648, section 4).
    static let paddingMax = 2

    static func isBefore(_ byte: UInt8) -> Bool { assignmentSigns.contains(byte) || quotes.contains(byte) }

    /// What stands after the last `=`, `:` or blank that precedes the value, without quotes; all, if there is none.
    private static func assignedRange(_ candidate: Span<UInt8>) -> Range<Int> {
        var end = candidate.count
        while end > 0, quotes.contains(candidate[end - 1]) { end -= 1 }
        // The padding of base64 is part of the value.
        var padding = end
        while padding > 0, end - padding < paddingMax, candidate[padding - 1] == UInt8(ascii: "=") { padding -= 1 }
        var start = padding
        while start > 0, !assignmentSigns.contains(candidate[start - 1]), !quotes.contains(candidate[start - 1]) {
            start -= 1
        }
        return start..<end
    }
}
