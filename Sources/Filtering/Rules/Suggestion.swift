/// What somebody may have meant.
package enum Suggestion {
    static func list(_ names: [String]) -> String {
        names.map { "`\($0)`" }.joined(separator: ", ")
    }

    /// The name with the fewest edits, if about a third of the letters at most differ; of equals the first by name.
    package static func nearest(to word: String, among names: some Sequence<String>) -> String? {
        let scored = names.map { (name: $0, edits: distance(Array(word.utf8), Array($0.utf8))) }
        let editsMax = max(1, (word.utf8.count + 2) / 3)
        guard let best = scored.min(by: { ($0.edits, $0.name) < ($1.edits, $1.name) }), best.edits <= editsMax else {
            return nil
        }
        return best.name
    }

    /// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost one each.
    ///
    /// Source: F. J. Damerau (1964); L. Boytsov (2011), section 2.
    package static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var before: [Int] = []
        var above = Array(0...right.count)
        for i in left.indices {
            var row = [i + 1]
            row.reserveCapacity(right.count + 1)
            for j in right.indices {
                var best = min(above[j] + (left[i] == right[j] ? 0 : 1), above[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    best = min(best, before[j - 1] + 1)
                }
                row.append(best)
            }
            before = above
            above = row
        }
        return above[right.count]
    }
}
