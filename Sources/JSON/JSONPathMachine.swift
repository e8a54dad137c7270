/// The patterns of `JSONPaths` as a machine that may be in several positions at once; used once, to make the tables.
struct JSONPathMachine {
    /// Before part `part` of a pattern.
    struct Position: Hashable {
        var pattern: Int
        var part: Int
        /// At a `**` that has taken a part already.
        var isWithinRest = false
    }

    private let patterns: [(parts: [String], label: UInt8)]

    init(_ patterns: [(pattern: String, label: UInt8)]) {
        self.patterns = patterns.map { ($0.pattern.split(separator: "/").map(String.init), $0.label) }
    }

    var start: Set<Position> { Set(patterns.indices.map { Position(pattern: $0, part: 0) }) }

    private func part(at position: Position) -> String? {
        let parts = patterns[position.pattern].parts
        return position.part < parts.count ? parts[position.part] : nil
    }

    /// The names that lead somewhere, sorted.
    func names(from state: Set<Position>) -> [String] {
        Set(state.compactMap { part(at: $0) }).filter { $0 != "*" && $0 != "**" }.sorted()
    }

    /// The positions behind a member of that name; `nil`: of a name that no pattern has, or an element.
    func advance(_ state: Set<Position>, by name: String?) -> Set<Position> {
        var next: Set<Position> = []
        for position in state {
            switch part(at: position) {
            case nil: break
            case "**": next.insert(Position(pattern: position.pattern, part: position.part, isWithinRest: true))
            case "*": next.insert(Position(pattern: position.pattern, part: position.part + 1))
            case let wanted where wanted == name:
                next.insert(Position(pattern: position.pattern, part: position.part + 1))
            default: break
            }
        }
        return next
    }

    /// The label of the most particular pattern that ends here; 0 if none does.
    func label(of state: Set<Position>) -> UInt8 {
        let ended = state.filter { $0.isWithinRest || part(at: $0) == nil }.map(\.pattern)
        let best = ended.min { left, right in
            let (first, second) = (generality(of: left), generality(of: right))
            return first == second ? left > right : first.lexicographicallyPrecedes(second)
        }
        return best.map { patterns[$0].label } ?? 0
    }

    private func generality(of pattern: Int) -> [Int] {
        patterns[pattern].parts.map { $0 == "**" ? 2 : $0 == "*" ? 1 : 0 }
    }
}
