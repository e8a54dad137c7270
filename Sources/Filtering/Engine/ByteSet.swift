/// A set of byte values.
struct ByteSet: Sendable, Hashable {
    /// 64 values each. Four numbers rather than a vector: builds for debugging call a function for every use of a vector.
    private(set) var words: (first: UInt64, second: UInt64, third: UInt64, fourth: UInt64) = (0, 0, 0, 0)

    init() {}

    init(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { insert(byte) }
    }

    static let digits = ByteSet(0x30...0x39)
    static let upper = ByteSet(0x41...0x5A)
    static let lower = ByteSet(0x61...0x7A)
    static let word = digits.union(upper).union(lower).union(ByteSet([0x5F]))
    static let space = ByteSet([0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x20])
    static let ascii = ByteSet(0...0x7F)

    static func == (left: ByteSet, right: ByteSet) -> Bool { left.words == right.words }

    func hash(into hasher: inout Hasher) {
        hasher.combine(words.first)
        hasher.combine(words.second)
        hasher.combine(words.third)
        hasher.combine(words.fourth)
    }

    var isEmpty: Bool { words == (0, 0, 0, 0) }

    var count: Int {
        words.first.nonzeroBitCount + words.second.nonzeroBitCount + words.third.nonzeroBitCount
            + words.fourth.nonzeroBitCount
    }

    var inverted: ByteSet { ByteSet(words: (~words.first, ~words.second, ~words.third, ~words.fourth)) }

    /// In ascending order.
    var bytes: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(count)
        for index in 0..<4 {
            var word = word(index)
            while word != 0 {
                result.append(UInt8(index * 64 + word.trailingZeroBitCount))
                word &= word &- 1
            }
        }
        return result
    }

    func word(_ index: Int) -> UInt64 {
        switch index {
        case 0: words.first
        case 1: words.second
        case 2: words.third
        default: words.fourth
        }
    }

    func contains(_ byte: UInt8) -> Bool {
        let low = byte & 0x40 == 0 ? words.first : words.second
        let high = byte & 0x40 == 0 ? words.third : words.fourth
        return (byte & 0x80 == 0 ? low : high) &>> UInt64(byte & 63) & 1 != 0
    }

    mutating func insert(_ byte: UInt8) {
        let bit: UInt64 = 1 &<< UInt64(byte & 63)
        switch byte &>> 6 {
        case 0: words.first |= bit
        case 1: words.second |= bit
        case 2: words.third |= bit
        default: words.fourth |= bit
        }
    }

    func union(_ other: ByteSet) -> ByteSet {
        ByteSet(
            words: (
                words.first | other.words.first, words.second | other.words.second, words.third | other.words.third,
                words.fourth | other.words.fourth
            ))
    }

    func intersection(_ other: ByteSet) -> ByteSet {
        ByteSet(
            words: (
                words.first & other.words.first, words.second & other.words.second, words.third & other.words.third,
                words.fourth & other.words.fourth
            ))
    }

    /// Upper and lower case of every ASCII letter in the set.
    var ignoringCase: ByteSet {
        var result = self
        for byte in intersection(Self.upper.union(.lower)).bytes { result.insert(byte ^ 0x20) }
        return result
    }

    init(words: (UInt64, UInt64, UInt64, UInt64)) {
        self.words = words
    }
}
