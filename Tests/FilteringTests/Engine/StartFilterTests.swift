import Testing

@testable import Filtering

@Suite("Where matches may start")
struct StartFilterTests {
    /// Where matches of a pattern end that start in `starts`: by going through the tree, as its definition says.
    static func ends(_ pattern: Pattern, _ window: Window, from starts: Set<Int>) -> Set<Int> {
        switch pattern {
        case .byte(let set):
            return Set(starts.filter { $0 < window.end && set.contains(window[$0]) }.map { $0 + 1 })
        case .assertion(let assertion): return starts.filter { window.holds(assertion, at: $0) == true }
        case .sequence(let parts): return parts.reduce(starts) { ends($1, window, from: $0) }
        case .choice(let parts): return parts.reduce(into: []) { $0.formUnion(ends($1, window, from: starts)) }
        case .repeated(let part, let min, let max):
            var (current, all) = (starts, min == 0 ? starts : [])
            for count in 1...Swift.max(max ?? 0, 1) where count <= max ?? 0 {
                current = ends(part, window, from: current)
                if count >= min { all.formUnion(current) }
            }
            return all
        }
    }

    static func pattern(_ random: inout Seeded, depth: Int = 0) -> Pattern {
        switch Int.random(in: 0..<(depth > 2 ? 4 : 10), using: &random) {
        case 0, 1: return .text([Array("abc ".utf8).randomElement(using: &random) ?? 0])
        case 2: return .byte(ByteSet("ab1".utf8))
        case 3:
            let kinds: [Pattern.Assertion] = [
                .wordBoundary, .notWordBoundary, .lineStart, .lineEnd, .textStart, .textEnd,
            ]
            return .assertion(kinds.randomElement(using: &random) ?? .wordBoundary)
        case 4, 5:
            return .choice((0..<Int.random(in: 2...3, using: &random)).map { _ in pattern(&random, depth: depth + 1) })
        case 6:
            let min = Int.random(in: 0...2, using: &random)
            return .repeated(
                pattern(&random, depth: depth + 1), min: min, max: min + Int.random(in: 0...2, using: &random))
        default:
            return .sequence(
                (0..<Int.random(in: 1...4, using: &random)).map { _ in pattern(&random, depth: depth + 1) })
        }
    }

    @Test(
        "the matcher finds all that the pattern's definition does, with its leftmost start",
        arguments: 0..<40 as Range<UInt64>)
    func findsAll(_ seed: UInt64) {
        var random = Seeded(state: seed &+ 77)
        let matcher = PatternMatcher()
        var filtered = 0
        for _ in 0..<60 {
            let pattern = Self.pattern(&random)
            guard pattern.width.min > 0 else { continue }
            let program = PatternProgram(pattern)
            if program.start.length > 0 { filtered += 1 }
            for _ in 0..<8 {
                let text = (0..<Int.random(in: 1...24, using: &random)).map { _ in
                    Array("aabbc 1\n".utf8).randomElement(using: &random) ?? 0
                }
                text.withUnsafeBufferPointer { bytes in
                    guard let base = bytes.baseAddress else { return }
                    let window = Window(bytes: base, start: 0, end: bytes.count, isComplete: true)
                    var expected: [Int: Int] = [:]
                    for start in bytes.indices.reversed() {
                        for end in Self.ends(pattern, window, from: [start]) { expected[end] = start }
                    }
                    var found: [Int: Int] = [:]
                    matcher.run(program, window, from: 0, to: window.end) { found[$1] = $0 }
                    #expect(found == expected, "\(pattern.expression) in \(text)")
                }
            }
        }
        #expect(filtered > 5)
    }

    @Test("a pattern whose beginning can be passed in too many ways has no filter, soon", .timeLimit(.minutes(10)))
    func manyWays() throws {
        let optional = String(repeating: "(?:a?)?", count: 60)
        let rules = try FilterRules([Rule(id: "many", category: Category("c"), pattern: "\\b\(optional)bc\\b")])
        #expect(rules.compiled[0].program.start.length == 0)
        let policy = try FilterPolicy(rules) { _, _ in Enforcement(.redact) }
        #expect(Screener().screened("x aaabc bc abx", policy).1 == "x [redacted:c] [redacted:c] abx")
    }
}
