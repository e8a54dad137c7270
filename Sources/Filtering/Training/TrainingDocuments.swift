/// The features of many texts, each with how often a text has it: what training goes through again and again.
struct TrainingDocuments {
    struct Entry {
        var row: UInt32
        /// How often the text has it. A feature of words counts `ClassifierFeatures.wordWeight` times.
        var count: Float
        /// What counts where the text is judged as a whole: each feature once.
        var wholeCount: Float
    }

    private(set) var entries: [Entry] = []
    /// Where each text's entries begin, and one more for where the last ends.
    private(set) var starts = [0]
    /// By text: all its counts.
    private(set) var sizes: [Int] = []
    private(set) var wholeSizes: [Int] = []

    private let view = CodePointView(.folded)
    private let bits: Int
    private let bytesMax: Int
    private var features: [Feature] = []

    init(bits: Int, bytesMax: Int) {
        (self.bits, self.bytesMax) = (bits, bytesMax)
    }

    var count: Int { sizes.count }

    mutating func append(_ text: String) {
        features.removeAll(keepingCapacity: true)
        var (reader, hashes, bytes) = (ClassifierText(), ClassifierFeatures(bits: bits), 0)
        var seen = SeenRows()
        var text = text
        text.withUTF8 { text in
            reader.take(text, original: 0, view) { byte, _ in
                guard bytes < bytesMax else { return }
                bytes += 1
                hashes.take(byte) { features.append(Feature($0, isOfWords: $1, isNew: seen.insert($0))) }
            }
        }
        reader.finish { byte in
            hashes.take(byte) { features.append(Feature($0, isOfWords: $1, isNew: seen.insert($0))) }
        }
        hashes.finish { features.append(Feature($0, isOfWords: $1, isNew: seen.insert($0))) }
        features.sort()
        addEntries()
    }

    /// One for each row, or two where it is one of bytes and of a word.
    private mutating func addEntries() {
        var (index, size, wholeSize) = (0, 0, 0)
        while index < features.count {
            let feature = features[index]
            let first = index
            while index < features.count, features[index].isSame(as: feature) { index += 1 }
            let weight = feature.isOfWords ? ClassifierFeatures.wordWeight : 1
            let (count, wholeCount) = ((index - first) * weight, feature.isNew ? weight : 0)
            entries.append(Entry(row: feature.row, count: Float(count), wholeCount: Float(wholeCount)))
            size += count
            wholeSize += wholeCount
        }
        starts.append(entries.count)
        sizes.append(size)
        wholeSizes.append(wholeSize)
    }

    /// A row, whether it is of words, and whether it is new in its text. Ordered by these: of one row the new one comes first.
    private struct Feature: Comparable {
        private let bits: UInt32

        init(_ row: Int, isOfWords: Bool, isNew: Bool) {
            bits = UInt32(row) << 1 | (isOfWords ? Self.wordMark : 0) | (isNew ? 0 : 1)
        }

        private static let wordMark: UInt32 = 1 << 31

        var row: UInt32 { (bits & ~Self.wordMark) >> 1 }
        var isOfWords: Bool { bits & Self.wordMark != 0 }
        var isNew: Bool { bits & 1 == 0 }
        func isSame(as other: Feature) -> Bool { bits | 1 == other.bits | 1 }
        static func < (left: Feature, right: Feature) -> Bool { left.bits < right.bits }
    }
}
