/// A set of byte values.
struct ByteSet: Sendable, Hashable {
    private(set) var words = SIMD4<UInt64>()

    init() {}

    init(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { insert(byte) }
    }

    static let all = ByteSet(0...255)
    static let digits = ByteSet(0x30...0x39)
    static let upper = ByteSet(0x41...0x5A)
    static let lower = ByteSet(0x61...0x7A)
    static let word = digits.union(upper).union(lower).union(ByteSet([0x5F]))
    static let space = ByteSet([0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x20])
    static let ascii = ByteSet(0...0x7F)

    var isEmpty: Bool { words == SIMD4() }
    var count: Int { (0..<4).reduce(0) { $0 + words[$1].nonzeroBitCount } }
    var inverted: ByteSet { ByteSet(words: ~words) }
    var bytes: [UInt8] { (0...255).filter(contains) }

    func contains(_ byte: UInt8) -> Bool {
        words[Int(byte >> 6)] & (1 << UInt64(byte & 63)) != 0
    }

    mutating func insert(_ byte: UInt8) {
        words[Int(byte >> 6)] |= 1 << UInt64(byte & 63)
    }

    func union(_ other: ByteSet) -> ByteSet { ByteSet(words: words | other.words) }
    func intersection(_ other: ByteSet) -> ByteSet { ByteSet(words: words & other.words) }

    /// Upper and lower case of every ASCII letter in the set.
    var ignoringCase: ByteSet {
        var result = self
        for byte in bytes where ByteSet.upper.contains(byte) || ByteSet.lower.contains(byte) {
            result.insert(byte ^ 0x20)
        }
        return result
    }

    private init(words: SIMD4<UInt64>) {
        self.words = words
    }
}
