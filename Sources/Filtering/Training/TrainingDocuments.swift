/// The features of many texts, each with how often a text has it: what training goes through again and again.
struct TrainingDocuments {
    /// By entry. A feature of words counts `ClassifierFeatures.wordWeight` times.
    private(set) var rows: [UInt32] = []
    private(set) var counts: [Float] = []
    /// Where each text's entries begin, and one more for where the last ends.
    private(set) var starts = [0]
    /// By text: all its counts.
    private(set) var sizes: [Int] = []

    private let view = CodePointView(.folded)
    private let bits: Int
    private let bytesMax: Int
    private var features: [UInt32] = []

    /// Of entries, those of words: so that the same row once for bytes and once for a word is two.
    private static let wordMark: UInt32 = 1 << 31

    init(bits: Int, bytesMax: Int) {
        (self.bits, self.bytesMax) = (bits, bytesMax)
    }

    var count: Int { sizes.count }

    mutating func append(_ text: String) {
        features.removeAll(keepingCapacity: true)
        var (reader, hashes, bytes) = (ClassifierText(), ClassifierFeatures(bits: bits), 0)
        var text = text
        text.withUTF8 { text in
            reader.take(text, original: 0, view) { byte, _ in
                guard bytes < bytesMax else { return }
                bytes += 1
                hashes.take(byte) { features.append(UInt32($0) | ($1 ? Self.wordMark : 0)) }
            }
        }
        reader.finish { byte in hashes.take(byte) { features.append(UInt32($0) | ($1 ? Self.wordMark : 0)) } }
        hashes.finish { features.append(UInt32($0) | ($1 ? Self.wordMark : 0)) }
        features.sort()
        var (index, size) = (0, 0)
        while index < features.count {
            let feature = features[index]
            let first = index
            while index < features.count, features[index] == feature { index += 1 }
            let isOfWords = feature & Self.wordMark != 0
            let count = (index - first) * (isOfWords ? ClassifierFeatures.wordWeight : 1)
            rows.append(feature & ~Self.wordMark)
            counts.append(Float(count))
            size += count
        }
        starts.append(rows.count)
        sizes.append(size)
    }
}
