/// Scores one text on its way, byte by byte: each costs the same, however long the text is.
///
/// A feature belongs to the block of 300 folded bytes in which it ends, and two neighbouring blocks are scored together
/// wherever a block ends: so an attack is found within a long text, and what is found never depends on how a stream was cut.
/// Heads that judge a text as a whole are scored at its end, by `WholeScan`.
///
/// What is mostly written in other scripts than Latin is said to be so: hardly any such text was there to learn from, and
/// what was there was mostly attacks.
struct ClassifierScan {
    /// Two neighbouring blocks that were scored.
    struct Stretch {
        /// In the original text; it ends where the score was known.
        var range: Range<Int>
        /// By head; -∞ for a head that this is not for.
        var scores: SIMD8<Double>
        /// Whether it is mostly in Latin script.
        var isCovered: Bool
        /// Whether there is any text in it.
        var hasText: Bool
    }

    private let model: ClassifierModel
    private var text = ClassifierText()
    private var features: ClassifierFeatures
    private var block = Sums()
    private var former = Sums()
    private var blockBytes = 0
    /// Where this block and the one before begin in the original.
    private var blockBegin: Int
    private var formerBegin: Int
    private var end: Int
    private var whole: WholeScan?

    static let blockBytesMax = 300

    /// - Parameters:
    ///   - begin: where the text begins in the original.
    ///   - judgesWhole: whether to ask heads that judge a text as a whole, too: they cost as much again.
    init(_ model: ClassifierModel, begin: Int = 0, judgesWhole: Bool) {
        self.model = model
        features = ClassifierFeatures(bits: model.bits)
        (blockBegin, formerBegin, end) = (begin, begin, begin)
        whole = judgesWhole && model.hasWhole ? WholeScan(model, begin: begin) : nil
    }

    /// Takes what comes next: valid UTF-8 in whole characters.
    ///
    /// - Parameter found: gets each stretch that ended.
    mutating func take(
        _ part: UnsafeBufferPointer<UInt8>, original: Int, _ view: CodePointView, found: (Stretch) -> Void
    ) {
        // Copies that stay in registers, instead of fields that every byte would write.
        var (text, features, block, bytes) = (text, features, block, blockBytes)
        let rows = model.rows
        text.take(part, original: original, view) { byte, end in
            if bytes == Self.blockBytesMax {
                // Only now is it known that the text goes on.
                block.settle()
                self.block = block
                if let stretch = endBlock(at: end, isLast: false) { found(stretch) }
                (block, bytes) = (Sums(), 0)
            }
            features.take(byte) { row, isOfWords in block.add(rows[row], isOfWords) }
            block.end(byte)
            bytes &+= 1
        }
        (self.text, self.features, self.block, blockBytes) = (text, features, block, bytes)
        end = original + part.count
        whole?.take(part, original: original, view)
    }

    /// Ends the text, as if a blank followed, which begins no block of its own.
    mutating func finish(found: (Stretch) -> Void) {
        let rows = model.rows
        var (features, block) = (features, block)
        text.finish { byte in
            features.take(byte) { row, isOfWords in block.add(rows[row], isOfWords) }
            block.end(byte)
        }
        features.finish { row, isOfWords in block.add(rows[row], isOfWords) }
        block.settle()
        self.block = block
        if let stretch = endBlock(at: end, isLast: true) { found(stretch) }
        if let stretch = whole?.finish() { found(stretch) }
    }

    /// What the block and the one before it score; `nil` for the first one if more follows, which is scored with that.
    private mutating func endBlock(at end: Int, isLast: Bool) -> Stretch? {
        let isFirst = formerBegin == blockBegin && former.features == 0
        let sums = former + block
        let stretch = Stretch(
            range: formerBegin..<end,
            scores: model.scores(sums.weights, features: sums.features, where: .!model.judgesWhole),
            isCovered: sums.isCovered, hasText: sums.hasText)
        (former, block) = (block, Sums())
        (formerBegin, blockBegin) = (blockBegin, end)
        return isFirst && !isLast ? nil : stretch
    }

    /// Where in the original the next stretch begins at the earliest.
    var settled: Int { formerBegin }

    /// Sums of weights by head. What is added lies in 16 bits until it is settled, where it takes half the work.
    struct Sums {
        private(set) var weights = SIMD8<Int32>()
        private(set) var features: Int32 = 0
        private var bytes: Int32 = 0
        private var otherBytes: Int32 = 0
        private var recent = SIMD8<Int16>()
        private var recentCount: Int32 = 0

        /// So many weights fit into 16 bits, whatever they are: 127 · 258 < 2^15.
        private static let recentMax: Int32 = 258 - Int32(ClassifierFeatures.perByteMax)

        @inline(__always)
        mutating func add(_ row: SIMD8<Int8>, _ isOfWords: Bool) {
            let row = SIMD8<Int16>(truncatingIfNeeded: row)
            recent &+= isOfWords ? row &+ row : row
            recentCount &+= isOfWords ? Int32(ClassifierFeatures.wordWeight) : 1
        }

        /// Counts a byte of which all features were added.
        @inline(__always)
        mutating func end(_ byte: UInt8) {
            bytes &+= 1
            otherBytes &+= Int32(byte &>> 7)
            if recentCount > Self.recentMax { settle() }
        }

        /// Whether there is any text, and at least half of its bytes are ASCII, as those of folded Latin script are.
        var isCovered: Bool { hasText && otherBytes * 2 <= bytes }
        var hasText: Bool { bytes > 0 }

        mutating func settle() {
            weights &+= SIMD8<Int32>(truncatingIfNeeded: recent)
            features &+= recentCount
            (recent, recentCount) = (SIMD8(), 0)
        }

        static func + (left: Sums, right: Sums) -> Sums {
            var sums = Sums()
            sums.weights = left.weights &+ right.weights
            sums.features = left.features &+ right.features
            sums.bytes = left.bytes &+ right.bytes
            sums.otherBytes = left.otherBytes &+ right.otherBytes
            return sums
        }
    }
}

extension ClassifierModel {
    /// The highest score of any stretch of a text, by head; -∞ where there is none.
    func scores(
        of text: UnsafeBufferPointer<UInt8>, _ view: CodePointView, coveredOnly: Bool = false
    ) -> SIMD8<Double> {
        var scan = ClassifierScan(self, judgesWhole: true)
        var highest = SIMD8<Double>(repeating: -.infinity)
        func take(_ stretch: ClassifierScan.Stretch) {
            if stretch.isCovered || !coveredOnly { highest = pointwiseMax(highest, stretch.scores) }
        }
        scan.take(text, original: 0, view, found: take)
        scan.finish(found: take)
        return highest
    }
}
