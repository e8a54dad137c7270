/// A candidate's letters and digits without its separators, upper-cased, in place (no allocation).
///
/// Holds up to 48 bytes; longer candidates are no number that any check knows.
struct CompactBytes {
    private var bytes = InlineArray<48, UInt8>(repeating: 0)
    private(set) var count = 0

    /// - Returns: `nil` if the candidate holds anything but ASCII letters, digits and `separators`, if two separators
    ///   stand together or one stands at an end, or if it is too long.
    init?(_ candidate: Span<UInt8>, separators: StaticString) {
        var previousIsSeparator = true
        for index in candidate.indices {
            let byte = candidate[index]
            if byte.isASCIIDigit || byte.isASCIILetter {
                guard count < 48 else { return nil }
                bytes[count] = byte.asciiUppercased
                count += 1
                previousIsSeparator = false
            } else {
                guard !previousIsSeparator, Self.contains(separators, byte) else { return nil }
                previousIsSeparator = true
            }
        }
        guard count > 0, !previousIsSeparator else { return nil }
    }

    /// Only digits, with separators between them.
    init?(digits candidate: Span<UInt8>, separators: StaticString = " -", count expected: Int) {
        self.init(candidate, separators: separators)
        guard count == expected, areDigits(0..<count) else { return nil }
    }

    subscript(index: Int) -> UInt8 { bytes[index] }

    /// The value of the digit at `index`; meaningless for letters.
    func digit(_ index: Int) -> Int { Int(bytes[index]) - 0x30 }

    func areDigits(_ range: Range<Int>) -> Bool {
        range.upperBound <= count && range.allSatisfy { bytes[$0].isASCIIDigit }
    }

    /// The decimal number in `range`, which must hold digits (at most 18).
    func number(_ range: Range<Int>) -> Int {
        range.reduce(0) { $0 * 10 + digit($1) }
    }

    /// Whether every byte is the same.
    var isUniform: Bool {
        (0..<count).allSatisfy { bytes[$0] == bytes[0] }
    }

    /// The sum of digits times weights, the first digit with the first weight.
    func weightedSum(_ weights: [Int]) -> Int {
        weights.indices.reduce(0) { $0 + digit($1) * weights[$1] }
    }

    private static func contains(_ separators: StaticString, _ byte: UInt8) -> Bool {
        separators.withUTF8Buffer { $0.contains(byte) }
    }
}

extension UInt8 {
    var isASCIIDigit: Bool { (0x30...0x39).contains(self) }
    var isASCIILetter: Bool { (0x41...0x5A).contains(self & 0xDF) }
    var asciiUppercased: UInt8 { (0x61...0x7A).contains(self) ? self & 0xDF : self }

    /// Whether a word, or a number with its plus, begins with this byte.
    func beginsWord(after previous: UInt8) -> Bool {
        let previousIsInWord = previous.isASCIIDigit || previous.isASCIILetter
        return self == UInt8(ascii: "+")
            || (isASCIIDigit || isASCIILetter) && !previousIsInWord && previous != UInt8(ascii: "+")
    }

    /// The value of a hexadecimal digit.
    var hexValue: Int? {
        switch self {
        case 0x30...0x39: Int(self) - 0x30
        case 0x41...0x46: Int(self) - 0x41 + 10
        case 0x61...0x66: Int(self) - 0x61 + 10
        default: nil
        }
    }
}
