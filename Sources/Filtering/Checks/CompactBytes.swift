/// A candidate's letters and digits without its separators, upper-cased, in place (no allocation).
///
/// Holds up to 48 bytes; longer candidates are no number that any check knows.
struct CompactBytes {
    private var bytes = InlineArray<48, UInt8>(repeating: 0)
    private(set) var count = 0
    private var digitCount = 0

    /// Signs that may stand between letters and digits: a bit for each of the first 64 bytes.
    struct Separators: OptionSet {
        var rawValue: UInt64

        init(rawValue: UInt64) {
            self.rawValue = rawValue
        }

        private init(_ sign: Unicode.Scalar) {
            rawValue = 1 &<< UInt64(sign.value)
        }

        static let blank = Self(" ")
        static let hyphen = Self("-")
        static let dot = Self(".")
        static let slash = Self("/")
        static let plus = Self("+")

        func contains(_ byte: UInt8) -> Bool {
            byte < 64 && rawValue &>> UInt64(byte) & 1 != 0
        }
    }

    /// - Returns: `nil` if the candidate holds anything but ASCII letters, digits and `separators`, if two separators
    ///   stand together or one stands at an end, or if it is too long.
    init?(_ candidate: Span<UInt8>, separators: Separators) {
        var previousIsSeparator = true
        for index in candidate.indices {
            let byte = candidate[index]
            if byte.isASCIIDigit || byte.isASCIILetter {
                guard count < 48 else { return nil }
                bytes[count] = byte.asciiUppercased
                count += 1
                if byte.isASCIIDigit { digitCount += 1 }
                previousIsSeparator = false
            } else {
                guard !previousIsSeparator, separators.contains(byte) else { return nil }
                previousIsSeparator = true
            }
        }
        guard count > 0, !previousIsSeparator else { return nil }
    }

    /// Only digits, with separators between them.
    init?(digits candidate: Span<UInt8>, separators: Separators = [.blank, .hyphen], count expected: Int) {
        self.init(candidate, separators: separators)
        guard count == expected, areDigits else { return nil }
    }
    subscript(index: Int) -> UInt8 { bytes[index] }

    /// The value of the digit at `index`; meaningless for letters.
    func digit(_ index: Int) -> Int { Int(bytes[index]) - 0x30 }

    var areDigits: Bool { digitCount == count }

    func areDigits(_ range: Range<Int>) -> Bool {
        guard range.upperBound <= count else { return false }
        for index in range where !bytes[index].isASCIIDigit { return false }
        return true
    }

    /// The decimal number in `range`, which must hold digits (at most 18).
    func number(_ range: Range<Int>) -> Int {
        var number = 0
        for index in range { number = number * 10 + digit(index) }
        return number
    }

    /// Whether every byte is the same.
    var isUniform: Bool {
        for index in 1..<max(count, 1) where bytes[index] != bytes[0] { return false }
        return true
    }

    /// The sum of digits times weights, the first digit with the first weight.
    func weightedSum(_ weights: [Int]) -> Int {
        weights.indices.reduce(0) { $0 + digit($1) * weights[$1] }
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
