/// Scores one text as a whole, on its way: by which features it has, each once, however often it comes. What says how a text
/// is meant, such as that somebody sells something, is not said more strongly by a long text than by a short one.
struct WholeScan {
    private let model: ClassifierModel
    private var text = ClassifierText()
    private var features: ClassifierFeatures
    private var seen = SeenRows()
    private var sums = ClassifierScan.Sums()
    /// Where the text begins and ends in the original.
    private let begin: Int
    private var end: Int

    init(_ model: ClassifierModel, begin: Int) {
        self.model = model
        features = ClassifierFeatures(bits: model.bits)
        (self.begin, end) = (begin, begin)
    }

    /// Takes what comes next: valid UTF-8 in whole characters.
    mutating func take(_ part: UnsafeBufferPointer<UInt8>, original: Int, _ view: CodePointView) {
        var (text, features, sums) = (text, features, sums)
        let rows = model.rows
        text.take(part, original: original, view) { byte, _ in
            features.take(byte) { row, isOfWords in if seen.insert(row) { sums.add(rows[row], isOfWords) } }
            sums.end(byte)
        }
        (self.text, self.features, self.sums) = (text, features, sums)
        end = original + part.count
    }

    /// Ends the text, as if a blank followed.
    mutating func finish() -> ClassifierScan.Stretch {
        let rows = model.rows
        text.finish { byte in
            features.take(byte) { row, isOfWords in if seen.insert(row) { sums.add(rows[row], isOfWords) } }
            sums.end(byte)
        }
        features.finish { row, isOfWords in if seen.insert(row) { sums.add(rows[row], isOfWords) } }
        sums.settle()
        return ClassifierScan.Stretch(
            range: begin..<end, scores: model.scores(sums.weights, features: sums.features, where: model.judgesWhole),
            isCovered: sums.isCovered, hasText: sums.hasText)
    }
}

/// Which rows a text had, by the lowest 16 bits of each: 8 KB, however long the text is. Of a few pages one feature in ten is
/// taken for another that came before; what comes behind some hundred pages hardly counts.
struct SeenRows {
    private var bits = [UInt64](repeating: 0, count: 1 << 10)

    /// - Returns: whether it is new.
    @inline(__always)
    mutating func insert(_ row: Int) -> Bool {
        let (index, mask) = (row &>> 6 & 0x3FF, 1 as UInt64 &<< UInt64(row & 0x3F))
        let isNew = bits[index] & mask == 0
        bits[index] |= mask
        return isNew
    }
}
