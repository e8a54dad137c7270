/// A word that raised a score.
package struct ScoreReason: Sendable, Hashable {
    /// UTF-8 offsets in the text.
    package var range: Range<Int>
    /// By how much, as logarithm of odds: the features that end in the word, over the length of what was scored.
    package var weight: Double
}

extension Screener {
    /// The words that made a score, those that count most first; none for what a pattern found.
    ///
    /// What a finding covers is scored as if it stood alone, so that weights are those of its stretches but for their edges.
    ///
    /// - Precondition: `text` is the valid UTF-8 in which `finding` was found, under these rules.
    package func reasons(
        for finding: Finding, in text: UnsafeBufferPointer<UInt8>, _ rules: FilterRules, atMost count: Int = 5
    ) -> [ScoreReason] {
        guard let classifier = rules.classifier,
            let rule = rules.scored.first(where: { rules.rules[$0.index].id == finding.rule })
        else { return [] }
        let words = Self.words(of: text, in: finding.range)
        guard !words.isEmpty else { return [] }
        let head = classifier.heads[rule.head]
        var (sums, features, seen) = ([Int](repeating: 0, count: words.count), 0, SeenRows())
        func add(_ row: Int, _ isOfWords: Bool, _ end: Int) {
            guard seen.insert(row) || !head.judgesWhole else { return }
            let times = isOfWords ? ClassifierFeatures.wordWeight : 1
            // What ends behind a word, such as the word itself, is of that word.
            let word = max(words.partitionPoint { $0.lowerBound < end } - 1, 0)
            sums[word] += Int(classifier.rows[row][rule.head]) * times
            features += times
        }
        var (reader, hashes) = (ClassifierText(), ClassifierFeatures(bits: classifier.bits))
        let part = UnsafeBufferPointer(rebasing: text[finding.range])
        reader.take(part, original: finding.range.lowerBound, tools.folded) { byte, end in
            hashes.take(byte) { add($0, $1, end) }
        }
        reader.finish { byte in hashes.take(byte) { add($0, $1, finding.range.upperBound) } }
        hashes.finish { add($0, $1, finding.range.upperBound) }
        let length = Roots(Double(max(features, 1))).power(sixteenths: head.lengthSixteenths)
        let reasons = zip(words, sums).map { ScoreReason(range: $0, weight: Double($1) * head.scale / length) }
        return Array(reasons.filter { $0.weight > 0 }.sorted { $0.weight > $1.weight }.prefix(count))
    }

    /// What stands between white space.
    private static func words(of text: UnsafeBufferPointer<UInt8>, in range: Range<Int>) -> [Range<Int>] {
        var words: [Range<Int>] = []
        var start: Int?
        for offset in range {
            let isSpace = text[offset] == 0x20 || text[offset] &- 0x09 < 5
            if isSpace, let begin = start {
                words.append(begin..<offset)
                start = nil
            } else if !isSpace, start == nil {
                start = offset
            }
        }
        if let start { words.append(start..<range.upperBound) }
        return words
    }
}
