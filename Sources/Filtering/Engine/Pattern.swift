/// A rule's pattern as a tree over the bytes of its view.
///
/// Three machines are made of it: the expression that Hyperscan searches for, a program by which `PatternMatcher` finds
/// where a match starts, and, of all programs together, the automaton of `LiveStates`, which follows what a text's tail
/// may still become.
indirect enum Pattern: Sendable, Hashable {
    case byte(ByteSet)
    case sequence([Pattern])
    case choice([Pattern])
    /// `max == nil` has no bound; such a pattern is refused later, with its rule's name.
    case repeated(Pattern, min: Int, max: Int?)
    case assertion(Assertion)

    enum Assertion: UInt8, Sendable, Hashable {
        case wordBoundary, notWordBoundary, lineStart, lineEnd, textStart, textEnd

        /// Whether it must see the byte that follows.
        var looksAhead: Bool {
            switch self {
            case .wordBoundary, .notWordBoundary, .lineEnd, .textEnd: true
            case .lineStart, .textStart: false
            }
        }
    }

    static let empty = Pattern.sequence([])

    static func text(_ bytes: some Sequence<UInt8>) -> Pattern {
        .sequence(bytes.map { .byte(ByteSet(CollectionOfOne($0))) })
    }

    /// The fewest and most bytes of a match; `max` is `nil` without a bound. Neither is told above `sizeMax`.
    var width: (min: Int, max: Int?) {
        switch self {
        case .byte: (1, 1)
        case .assertion: (0, 0)
        case .sequence(let parts):
            parts.reduce((0, 0)) { sum, part in
                let width = part.width
                return (Self.bounded(sum.0 + width.min), Self.sum(sum.1, width.max))
            }
        case .choice(let parts): Self.choiceWidth(parts)
        case .repeated(let part, let min, let max): Self.repeatedWidth(part.width, min: min, max: max)
        }
    }

    /// Far above what any pattern may have, and so far below the largest number that two of them can be multiplied.
    private static let sizeMax = 1 << 20

    private static func bounded(_ size: Int) -> Int { min(size, sizeMax) }

    private static func sum(_ a: Int?, _ b: Int?) -> Int? {
        guard let a, let b else { return nil }
        return bounded(a + b)
    }

    private static func repeatedWidth(_ width: (min: Int, max: Int?), min: Int, max: Int?) -> (min: Int, max: Int?) {
        guard let max, let widthMax = width.max else { return (bounded(width.min * min), nil) }
        return (bounded(width.min * min), bounded(widthMax * max))
    }

    private static func choiceWidth(_ parts: [Pattern]) -> (min: Int, max: Int?) {
        let widths = parts.map(\.width)
        let longest = widths.contains { $0.max == nil } ? nil : widths.compactMap(\.max).max() ?? 0
        return (widths.map(\.min).min() ?? 0, longest)
    }

    /// Whether an assertion stands in it that must see the byte after it.
    var looksAhead: Bool {
        switch self {
        case .byte: false
        case .assertion(let assertion): assertion.looksAhead
        case .sequence(let parts), .choice(let parts): parts.contains(where: \.looksAhead)
        case .repeated(let part, _, _): part.looksAhead
        }
    }

    /// Whether every match has a sign of assignment, and more behind it than the padding of base64, which is no such sign.
    var demandsAssignment: Bool {
        guard case .sequence(let parts) = self,
            let sign = parts.firstIndex(where: { $0.demands(SecretValue.assignmentSigns) })
        else { return false }
        return parts[(sign + 1)...].contains(where: \.demandsValue)
    }

    /// Whether every match has more bytes in a row than the padding of base64, none of which is a quote.
    private var demandsValue: Bool {
        switch self {
        case .byte, .assertion: false
        case .repeated(.byte(let set), let min, _):
            min > SecretValue.paddingMax && set.intersection(SecretValue.quotes).isEmpty
        case .repeated(let part, let min, _): min > 0 && part.demandsValue
        case .sequence(let parts): parts.contains(where: \.demandsValue)
        case .choice(let parts): parts.allSatisfy(\.demandsValue)
        }
    }

    /// Whether a byte of `set` stands in every match.
    func demands(_ set: ByteSet) -> Bool {
        switch self {
        case .byte(let own): own.union(set) == set
        case .assertion: false
        case .sequence(let parts): parts.contains { $0.demands(set) }
        case .choice(let parts): parts.allSatisfy { $0.demands(set) }
        case .repeated(let part, let min, _): min > 0 && part.demands(set)
        }
    }

    /// How many byte sets stand in it once its repeats are written out.
    var expandedSize: Int {
        switch self {
        case .byte, .assertion: 1
        case .sequence(let parts), .choice(let parts): parts.reduce(1) { Self.bounded($0 + $1.expandedSize) }
        case .repeated(let part, let min, let max): Self.bounded(part.expandedSize * Swift.max(max ?? min + 1, 1))
        }
    }
}
