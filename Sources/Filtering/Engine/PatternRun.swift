/// A pattern that only a long run of certain bytes can match, such as 40 letters and digits.
///
/// Hyperscan follows such a pattern through every word of a text (4 µs per KB each); looking at every 40th byte is
/// nearly free. It may report too much: `PatternMatcher` decides.
struct PatternRun: Sendable {
    let set: ByteSet
    /// The least bytes of a match.
    let length: Int

    /// `nil` where Hyperscan does better: short patterns, patterns with a literal part, without letters, or with blanks.
    init?(_ pattern: Pattern) {
        guard pattern.width.min >= LongRun.bytesMin, let set = pattern.runSet, !set.contains(0x20),
            set.intersection(ByteSet.lower.union(.upper)).count > 4
        else { return nil }
        self.set = set
        length = pattern.width.min
    }

    /// What holds a run of any of `runs`: where it finds nothing, none of them does.
    init(all runs: [PatternRun]) {
        set = runs.reduce(ByteSet()) { $0.union($1.set) }
        length = runs.map(\.length).min() ?? .max
    }

    /// Reports every stretch of bytes of the set that is long enough and ends after `scanned`.
    ///
    /// - Parameter lengthMax: of a stretch that has begun before, so many bytes before `scanned` are in it, or all.
    @inline(__always)
    func forEachStretch(_ window: Window, after scanned: Int, lengthMax: Int, found: (Range<Int>) -> Void) {
        // Before this, no stretch begins that is long enough after `scanned`; or it goes on there.
        let first = max(scanned + 1 - length, window.start)
        var begin = first
        while begin + length <= window.end {
            var offset = begin + length - 1
            while offset >= begin, set.contains(window[offset]) { offset -= 1 }
            guard offset < begin else {
                begin = offset + 1
                continue
            }
            var end = begin + length
            while end < window.end, set.contains(window[end]) { end += 1 }
            if begin == first {
                let limit = max(scanned + 1 - lengthMax, window.start)
                while begin > limit, set.contains(window[begin - 1]) { begin -= 1 }
            }
            found(begin..<end)
            begin = end + 1
        }
    }

    /// Reports every end after `scanned` of a run within a stretch.
    func scan(_ window: Window, _ stretch: Range<Int>, after scanned: Int, found: (Int) -> Void) {
        var end = max(scanned + 1, stretch.lowerBound + length)
        var known = max(end - length, stretch.lowerBound)
        while end <= stretch.upperBound {
            var offset = end - 1
            while offset >= known, set.contains(window[offset]) { offset -= 1 }
            if offset < known {
                found(end)
                known = end
                end += 1
            } else {
                known = offset + 1
                end = known + length
            }
        }
    }
}

/// All rules of a view that are found by length.
struct PatternRuns: Sendable {
    /// Where one has a target, its words must have opened that in texts at hand as a whole.
    let rules: [(rule: Int, run: PatternRun, target: Int?)]
    /// One look for all of them, since ordinary text has no such runs.
    let any: PatternRun
    /// The longest that any rule asks for.
    let lengthMax: Int

    init(_ rules: [(rule: Int, run: PatternRun, target: Int?)]) {
        self.rules = rules
        lengthMax = rules.map(\.run.length).max() ?? 0
        any = PatternRun(all: rules.map(\.run))
    }
}

extension Pattern {
    /// Every byte that a match may have; `nil` if a literal part of three bytes stands in it.
    fileprivate var runSet: ByteSet? {
        switch self {
        case .byte(let set): return set
        case .assertion: return ByteSet()
        case .repeated(let part, _, _): return part.runSet
        case .choice: return nil
        case .sequence(let parts):
            var (result, literal) = (ByteSet(), 0)
            for part in parts {
                guard let set = part.runSet else { return nil }
                if case .byte = part, set.count <= 2 { literal += 1 } else { literal = 0 }
                guard literal < 3 else { return nil }
                result = result.union(set)
            }
            return result
        }
    }
}
