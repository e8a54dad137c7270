internal import Glibc

/// Looks for the words of many rules at once, four letters at a time: of each word, the four that prose has least.
///
/// Four letters are one number, which a small table tells from nearly all that no word has.
///
/// Its tables are written once, when it is made; so it may be shared between threads.
final class WordSearch: @unchecked Sendable {
    /// Whose words these are, and what they open.
    struct Wanted {
        var demand: WordDemand
        /// What is searched for once they were seen.
        var target: Int
        /// How far from any of its words a match may begin or end.
        var reach: Int
        /// Whether it is searched for near its words only.
        var isNear: Bool
    }

    /// What there is to know once a word was seen.
    struct Owner {
        var target: Int
        var reach: Int
        var isNear: Bool
        /// Whether a word of a second set must stand near one of the first.
        var hasSecond: Bool
    }

    /// By number.
    let owners: [Owner]
    let targetCount: Int

    /// A word in `bytes`, and the sets that it belongs to in `sets`.
    private struct Word {
        /// The four letters that are looked up.
        var letters: UInt32
        /// Where they stand in it.
        var offset: Int
        var bytes: Range<Int>
        var sets: Range<Int>
    }

    private let bytes: UnsafeMutableBufferPointer<UInt8>
    /// Twice the number of whose they are, + 1 for the second.
    private let sets: UnsafeMutableBufferPointer<Int>
    /// By bucket.
    private let words: UnsafeMutableBufferPointer<Word>
    /// By bucket: its first word; one more for where the last ends.
    private let starts: UnsafeMutableBufferPointer<Int32>
    /// Whether any word has letters with this hash.
    private let bits: UnsafeMutableBufferPointer<UInt64>

    private static let hashBits = 17
    private static let bucketBits = 12

    /// How many bytes can be read behind a text.
    static let slack = 8

    init(_ wanted: [Wanted], targetCount: Int) {
        self.owners = wanted.map { wanted in
            Owner(
                target: wanted.target, reach: wanted.reach, isNear: wanted.isNear,
                hasSecond: wanted.demand.sets.count > 1)
        }
        self.targetCount = targetCount
        var owners: [[UInt8]: [Int]] = [:]
        for (number, wanted) in wanted.enumerated() {
            for (second, words) in wanted.demand.sets.enumerated() {
                for word in words { owners[word, default: []].append(2 * number + second) }
            }
        }
        var (bytes, sets, words): ([UInt8], [Int], [Word]) = ([], [], [])
        for (word, owners) in owners {
            let offset = WordDemand.rarest(in: word)?.offset ?? 0
            let letters = word[offset...].prefix(4).reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
            words.append(
                Word(
                    letters: letters, offset: offset, bytes: bytes.count..<bytes.count + word.count,
                    sets: sets.count..<sets.count + owners.count))
            bytes += word
            sets += owners
        }
        words.sort { (Self.hash($0.letters), $0.bytes.lowerBound) < (Self.hash($1.letters), $1.bytes.lowerBound) }
        var bits = [UInt64](repeating: 0, count: 1 << (Self.hashBits - 6))
        var starts = [Int32](repeating: 0, count: 1 << Self.bucketBits + 1)
        for word in words {
            let hash = Self.hash(word.letters)
            bits[hash >> 6] |= 1 << UInt64(hash & 63)
            starts[Self.bucket(hash) + 1] += 1
        }
        for bucket in 1..<starts.count { starts[bucket] += starts[bucket - 1] }
        (self.bytes, self.sets, self.words) = (Self.copy(bytes), Self.copy(sets), Self.copy(words))
        (self.starts, self.bits) = (Self.copy(starts), Self.copy(bits))
    }

    deinit {
        bytes.deallocate()
        sets.deallocate()
        words.deallocate()
        starts.deallocate()
        bits.deallocate()
    }

    private static func copy<Element>(_ elements: [Element]) -> UnsafeMutableBufferPointer<Element> {
        let copy = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
        _ = copy.initialize(from: elements)
        return copy
    }

    @inline(__always)
    private static func hash(_ letters: UInt32) -> Int {
        Int((letters &* 0x9E37_79B1) &>> UInt32(32 &- hashBits))
    }

    @inline(__always)
    private static func bucket(_ hash: Int) -> Int { hash &>> (hashBits &- bucketBits) }

    /// Reports the sets of which words stand in a text spelt as in `GateText`, and where they end.
    ///
    /// - Parameter count: how many bytes there are; `slack` more can be read behind them.
    @inline(__always)
    func scan(_ text: UnsafePointer<UInt8>, _ count: Int, found: (_ set: Int, _ end: Int) -> Void) {
        guard !words.isEmpty, let bits = bits.baseAddress else { return }
        @inline(__always)
        func isSet(_ letters: UInt64) -> UInt64 {
            let hash = Self.hash(UInt32(truncatingIfNeeded: letters))
            return bits[hash &>> 6] &>> UInt64(truncatingIfNeeded: hash) & 1
        }
        let raw = UnsafeRawPointer(text)
        var index = 0
        while index < count {
            let eight = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            var seen = isSet(eight) | isSet(eight &>> 8) &<< 1 | isSet(eight &>> 16) &<< 2 | isSet(eight &>> 24) &<< 3
            while seen != 0 {
                let place = seen.trailingZeroBitCount
                let letters = UInt32(truncatingIfNeeded: eight &>> UInt64(truncatingIfNeeded: 8 &* place))
                look(up: letters, at: index &+ place, text, count, found)
                seen &= seen &- 1
            }
            index &+= 4
        }
    }

    @inline(__always)
    private func look(
        up letters: UInt32, at place: Int, _ text: UnsafePointer<UInt8>, _ count: Int, _ found: (Int, Int) -> Void
    ) {
        guard let starts = starts.baseAddress, let words = words.baseAddress, let bytes = bytes.baseAddress,
            let sets = sets.baseAddress
        else { return }
        let bucket = Self.bucket(Self.hash(letters))
        var index = Int(starts[bucket])
        let end = Int(starts[bucket &+ 1])
        while index < end {
            defer { index &+= 1 }
            guard words[index].letters == letters else { continue }
            let word = words[index]
            let begin = place &- word.offset
            let length = word.bytes.count
            guard begin >= 0, begin &+ length <= count,
                length == 4 || memcmp(text + begin, bytes + word.bytes.lowerBound, length) == 0
            else { continue }
            for set in word.sets { found(sets[set], begin &+ length) }
        }
    }
}
