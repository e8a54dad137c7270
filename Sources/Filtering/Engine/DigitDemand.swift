/// How many digits any match of a pattern has, and how near they stand: most texts have no place with so many, and need not
/// be searched for the pattern at all. Patterns of digits have no word that a search could look for first, so they cost most.
///
/// Only bytes that can be nothing but a digit count; what may be one is taken for something else, which errs towards
/// searching.
struct DigitDemand: Sendable, Hashable {
    /// The fewest digits of a match.
    private(set) var fewest: Int
    /// The most bytes that stand between two digits that follow one another.
    private(set) var gap = 0
    /// The most bytes before the first digit and behind the last, where there are any.
    private var lead: Int?
    private var tail: Int?
    /// The most bytes of a match without a digit; `nil` if each has one.
    private var blank: Int?

    init(of pattern: Pattern) {
        switch pattern {
        case .byte(let set) where set.union(.digits) == .digits:
            (fewest, lead, tail) = (1, 0, 0)
        case .byte: (fewest, blank) = (0, 1)
        case .assertion: (fewest, blank) = (0, 0)
        case .sequence(let parts):
            self = parts.reduce(Self(blank: 0)) { $0.followed(by: Self(of: $1)) }
        case .choice(let parts):
            self = parts.dropFirst().reduce(parts.first.map(Self.init(of:)) ?? Self(blank: 0)) { $0.or(Self(of: $1)) }
        case .repeated(let part, let min, let max):
            self = Self(of: part).repeated(min, max ?? Self.sizeMax)
        }
    }

    private init(blank: Int) { (fewest, self.blank) = (0, blank) }

    private static let sizeMax = 1 << 20

    private func followed(by next: Self) -> Self {
        var both = self
        both.fewest += next.fewest
        both.gap = Swift.max(gap, next.gap)
        if let tail, let nextLead = next.lead { both.gap = Swift.max(both.gap, tail + nextLead) }
        both.lead = Self.larger(lead, Self.sum(blank, next.lead))
        both.tail = Self.larger(next.tail, Self.sum(tail, next.blank))
        both.blank = Self.sum(blank, next.blank)
        return both
    }

    private func or(_ other: Self) -> Self {
        var either = self
        either.fewest = Swift.min(fewest, other.fewest)
        either.gap = Swift.max(gap, other.gap)
        either.lead = Self.larger(lead, other.lead)
        either.tail = Self.larger(tail, other.tail)
        either.blank = Self.larger(blank, other.blank)
        return either
    }

    private func repeated(_ min: Int, _ max: Int) -> Self {
        var all = self
        all.fewest = Swift.min(fewest * min, Self.sizeMax)
        // Repeats without a digit may stand before, between and behind those that have some.
        let others = (
            around: Self.bounded((blank ?? 0) * Swift.max(max - 1, 0)), between: (blank ?? 0) * Swift.max(max - 2, 0)
        )
        if max > 1, let lead, let tail { all.gap = Swift.max(gap, Self.bounded(tail + others.between + lead)) }
        all.lead = lead.map { Self.bounded($0 + others.around) }
        all.tail = tail.map { Self.bounded($0 + others.around) }
        all.blank = min == 0 ? Self.bounded((blank ?? 0) * max) : blank.map { Self.bounded($0 * max) }
        return all
    }

    private static func bounded(_ size: Int) -> Int { Swift.min(size, sizeMax) }

    private static func sum(_ left: Int?, _ right: Int?) -> Int? {
        guard let left, let right else { return nil }
        return bounded(left + right)
    }

    private static func larger(_ left: Int?, _ right: Int?) -> Int? {
        guard let left, let right else { return left ?? right }
        return Swift.max(left, right)
    }
}
