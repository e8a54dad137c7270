/// Words of which every match of a pattern has one, spelt as in `GateText`: most texts have none of them, and need not be
/// searched for the pattern at all.
///
/// What stands beside a match counts too where it is no part of a word: so short words are told from parts of longer ones.
struct WordDemand: Sendable, Hashable {
    typealias Words = Set<[UInt8]>

    /// Every match has a word of each. One or two, the first the rarest.
    let sets: [Words]

    /// As many letters of a word as are looked for at once; no word has fewer.
    static let lettersMin = 4
    /// So that they are found fast.
    private static let wordsMax = 240
    /// Sets of bytes that are larger say nothing.
    private static let choicesMax = 12
    /// How often prose may have a word, of all places where one may begin.
    private static let frequencyMax = 0.0026
    private static let secondFrequencyMax = 60.0
    /// So many words that are a letter too short are written out with all that may stand before them.
    private static let shortMax = 4

    /// `nil` where a pattern has no word, or only ones that most texts have.
    init?(of pattern: Pattern, _ view: Rule.View) {
        let reader = Reader(barIsLetter: view == .skeleton)
        let parts = reader.candidates(in: pattern.unwrapped)
        let ranked = parts.map { part in
            let words = Self.writtenOut(part.words)
            return (parts: part.parts, words: words, frequency: Self.frequency(words))
        }.filter { $0.frequency < Self.frequencyMax }
            .sorted { ($0.frequency, $0.parts.lowerBound) < ($1.frequency, $1.parts.lowerBound) }
        guard let first = ranked.first else { return nil }
        // To look for more words than it would keep from a search costs more than the search.
        let second = ranked.first {
            !$0.parts.overlaps(first.parts) && $0.frequency < first.frequency * Self.secondFrequencyMax
        }
        sets = [first.words, second?.words].compactMap(\.self).map(Self.shortest)
    }

    /// Of words of context, each of which begins behind no letter; `nil` if any is too short.
    init?(context words: [[UInt8]]) {
        var set = Words()
        for word in words.map({ $0.map { GateText.letter($0, barIsLetter: false) } }) {
            if word.count >= Self.lettersMin {
                set.insert(word)
            } else if word.count == Self.lettersMin - 1 {
                for before in Self.noLetters { set.insert([before] + word) }
            } else {
                return nil
            }
        }
        guard !set.isEmpty else { return nil }
        sets = [Self.shortest(set)]
    }

    private static func writtenOut(_ words: Words) -> Words {
        let short = words.filter { $0.count == lettersMin - 1 }
        guard !short.isEmpty, short.count <= shortMax else { return words }
        return words.subtracting(short).union(short.flatMap { word in GateText.all.map { [$0] + word } })
    }

    /// Whether a text with digits, which gates of their own look for, has any of the words.
    private static func mayBeNumbers(_ words: Words) -> Bool {
        let digits = Set((0x30...0x39).map { GateText.letter($0, barIsLetter: false) }).union([GateText.blank])
        return words.contains { digits.isSuperset(of: $0) }
    }

    /// What may stand before a word of context. Of digits, two look like letters.
    private static let noLetters = Set(
        (0...0x7F as ClosedRange<UInt8>).filter { !$0.isASCIILetter }.map { GateText.letter($0, barIsLetter: false) })

    /// Where the rarest letters of a word stand, and how often prose has them.
    static func rarest(in word: [UInt8]) -> (offset: Int, frequency: Double)? {
        guard word.count >= lettersMin else { return nil }
        return (0...word.count - lettersMin).map { offset in
            (offset, GateText.frequency(word[offset..<offset + lettersMin]))
        }.min { $0.1 < $1.1 }
    }

    static func frequency(_ words: Words) -> Double {
        words.reduce(0) { $0 + (rarest(in: $1)?.frequency ?? 1) }
    }

    /// Without those in which another one stands.
    private static func shortest(_ words: Words) -> Words {
        words.filter { word in
            !(lettersMin..<max(word.count, lettersMin)).contains { count in
                (0...word.count - count).contains { words.contains(Array(word[$0..<$0 + count])) }
            }
        }
    }

    /// Reads patterns.
    private struct Reader {
        let barIsLetter: Bool

        /// What is known of a part.
        struct Part {
            /// All that it may be, if that is little.
            var exact: Words?
            /// What stands in any match of it.
            var inside: Words?

            /// The rarer of both.
            var demanded: Words? {
                [inside, exact].compactMap(\.self).filter(isDemand).min { frequency($0) < frequency($1) }
            }
        }

        struct Candidate {
            var parts: Range<Int>
            var words: Words
        }

        /// What every match of a pattern has, and in which of its parts.
        func candidates(in pattern: Pattern) -> [Candidate] {
            guard case .sequence(let parts) = pattern else {
                return read(pattern).demanded.map { [Candidate(parts: 0..<1, words: $0)] } ?? []
            }
            return candidates(in: parts, parts.map(read))
        }

        private func read(_ pattern: Pattern) -> Part {
            switch pattern {
            case .byte(let set):
                let letters = Words(set.bytes.map { [GateText.letter($0, barIsLetter: barIsLetter)] })
                return letters.count > choicesMax ? Part() : Part(exact: letters)
            case .assertion: return Part(exact: [[]])
            case .sequence(let parts):
                let read = parts.map(read)
                let exact = read.reduce(Words([[]]) as Words?) { product($0, $1.exact) }
                let inside = candidates(in: parts, read).map(\.words).min { frequency($0) < frequency($1) }
                return Part(exact: exact, inside: inside)
            case .choice(let parts):
                let read = parts.map(read)
                return Part(exact: union(read.map(\.exact)), inside: union(read.map(\.demanded)))
            case .repeated(let part, let min, let max): return repeated(read(part), min, max)
            }
        }

        private func repeated(_ part: Part, _ min: Int, _ max: Int?) -> Part {
            var (all, exact): (Words?, Words?) = ([[]], min == 0 ? [[]] : [])
            if let max, max <= 4, part.exact != nil {
                for count in stride(from: 1, through: max, by: 1) {
                    all = product(all, part.exact)
                    if count >= min { exact = union([exact, all]) }
                }
            } else {
                exact = nil
            }
            guard min > 0 else { return Part(exact: exact) }
            var inside = part.exact
            for _ in stride(from: 1, to: Swift.min(min, 8), by: 1) { inside = product(inside, part.exact) ?? inside }
            return Part(exact: exact, inside: Part(exact: inside, inside: part.inside).demanded)
        }

        private func candidates(in parts: [Pattern], _ read: [Part]) -> [Candidate] {
            var found: [Candidate] = []
            var (begin, words) = (0, Words([[]]))
            func add(upTo end: Int) {
                guard begin < end, isDemand(words) else { return }
                found.append(Candidate(parts: begin..<end, words: bounded(words, parts, begin..<end)))
            }
            for (index, part) in read.enumerated() {
                if let inside = part.inside { found.append(Candidate(parts: index..<index + 1, words: inside)) }
                let longer = product(words, part.exact)
                // What comes may be many: then those before it are looked for by themselves, and it with what follows.
                if longer == nil || parts[index] == .assertion(.wordBoundary)
                    || part.exact.map({ $0.count > 1 }) == true
                {
                    add(upTo: index)
                }
                if let longer, parts[index] != .assertion(.wordBoundary) {
                    words = longer
                } else {
                    let isBegun = longer == nil && part.exact != nil
                    (begin, words) = isBegun ? (index, part.exact ?? []) : (index + 1, [[]])
                }
            }
            add(upTo: parts.count)
            return found
        }

        /// With the blanks that stand beside them where words begin or end.
        private func bounded(_ words: Words, _ parts: [Pattern], _ range: Range<Int>) -> Words {
            let boundary = Pattern.assertion(.wordBoundary)
            let begins =
                range.lowerBound > 0 && parts[range.lowerBound - 1] == boundary
                && words.allSatisfy { $0[0] != GateText.blank }
            let ends =
                range.upperBound < parts.count && parts[range.upperBound] == boundary
                && words.allSatisfy { $0[$0.count - 1] != GateText.blank }
            guard begins || ends else { return words }
            return Words(words.map { (begins ? [GateText.blank] : []) + $0 + (ends ? [GateText.blank] : []) })
        }

        private func product(_ left: Words?, _ right: Words?) -> Words? {
            guard let left, let right, left.count * right.count <= wordsMax else { return nil }
            return Words(left.flatMap { first in right.map { first + $0 } })
        }

        private func union(_ sets: [Words?]) -> Words? {
            var all = Words()
            for set in sets {
                guard let set else { return nil }
                all.formUnion(set)
            }
            return all.count <= wordsMax ? all : nil
        }
    }

    private static func isDemand(_ words: Words) -> Bool {
        !words.isEmpty && !words.contains([]) && !mayBeNumbers(words)
    }
}

extension Pattern {
    /// What stands in sequences of one.
    fileprivate var unwrapped: Pattern {
        if case .sequence(let parts) = self, parts.count == 1 { return parts[0].unwrapped }
        return self
    }
}
