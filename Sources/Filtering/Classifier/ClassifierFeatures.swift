/// Hashes a folded text's features, one byte at a time: runs of 3, 4 and 5 bytes, words, pairs of words, and pairs with one
/// word between.
///
/// Hashing by multiplication (Knuth, The Art of Computer Programming 3, 6.4), words by FNV-1a
/// (http://www.isthe.com/chongo/tech/comp/fnv/).
struct ClassifierFeatures {
    /// The latest eight bytes. A blank stands before every text.
    private var recent: UInt64 = 0x20
    private var count = 1
    private var word = Self.wordStart
    private var isInWord = false
    /// The two words before.
    private var former: UInt64 = 0
    private var earlier: UInt64 = 0
    private let shift: UInt64

    /// How much a feature of words counts; one of bytes counts 1.
    static let wordWeight = 2
    /// The most that one byte can end.
    static let perByteMax = 3 + 3 * wordWeight

    init(bits: Int) {
        shift = UInt64(64 - bits)
    }

    /// - Parameter emit: gets the row of each feature that ends with this byte, and whether it is one of words.
    @inline(__always)
    mutating func take(_ byte: UInt8, emit: (_ row: Int, _ isOfWords: Bool) -> Void) {
        recent = recent << 8 | UInt64(byte)
        count &+= 1
        if count >= 3 { emit(row(ofBytes: 3), false) }
        if count >= 4 { emit(row(ofBytes: 4), false) }
        if count >= 5 { emit(row(ofBytes: 5), false) }
        if ClassifierFold.isWord(byte) {
            word = (word ^ UInt64(byte)) &* Self.wordPrime
            isInWord = true
        } else if isInWord {
            emit(row(of: word &* Self.first), true)
            emit(row(of: (former &* 3 &+ word) &* Self.second), true)
            if earlier != 0 { emit(row(of: (earlier &* 5 &+ word) &* Self.first), true) }
            (earlier, former) = (former, word)
            (word, isInWord) = (Self.wordStart, false)
        }
    }

    /// Ends the text: as if a blank followed.
    mutating func finish(emit: (_ row: Int, _ isOfWords: Bool) -> Void) { take(0x20, emit: emit) }

    @inline(__always)
    private func row(ofBytes size: UInt64) -> Int {
        let bytes = recent & (1 &<< (8 &* size) &- 1)
        let mixed = ((bytes &+ size) &* Self.first) ^ (bytes &>> 29)
        return row(of: mixed &* Self.second)
    }

    /// The highest bits of a product hang on all bits of what was multiplied.
    @inline(__always)
    private func row(of hash: UInt64) -> Int { Int(truncatingIfNeeded: hash &>> shift) }

    private static let first: UInt64 = 0x9E37_79B9_7F4A_7C15
    private static let second: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let wordStart: UInt64 = 0xCBF2_9CE4_8422_2325
    private static let wordPrime: UInt64 = 0x100_0000_01B3
}
