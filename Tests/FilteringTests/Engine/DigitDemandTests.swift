import Testing

@testable import Filtering

@Suite("How many digits a match has")
struct DigitDemandTests {
    @Test(
        "is told from the pattern's tree",
        arguments: [
            (#"\d{3}"#, 3, 0), (#"(?:\d[ -]?){12,18}\d\b"#, 13, 1), (#"\d{2}(?:ab|c)?\d"#, 3, 2), (#"\d|a"#, 0, 0),
            (#"x\dyy\dz"#, 2, 2), (#"(?:a\d?b){2,4}"#, 0, 6), (#"[\da]{9}"#, 0, 0), (#"\d(?:[a-f]|\d){0,5}\d"#, 2, 5),
        ])
    func tree(_ pattern: String, fewest: Int, gap: Int) throws {
        let demand = DigitDemand(
            of: try PatternParser.parse(pattern, folding: .init(view: CodePointView(.normalised), ignoresCase: false)))
        #expect(demand.fewest == fewest && demand.gap == gap, "\(demand)")
    }

    /// Catches a digit too many or a gap too narrow, for which a text would go unsearched.
    @Test("is never more than a match has, nor nearer", arguments: 0..<40 as Range<UInt64>)
    func holds(_ seed: UInt64) {
        var random = Seeded(state: seed &+ 300)
        for _ in 0..<200 {
            let pattern = Self.pattern(&random)
            let demand = DigitDemand(of: pattern)
            for _ in 0..<6 {
                let match = Self.match(of: pattern, &random)
                match.withUnsafeBufferPointer { match in
                    #expect(
                        DigitDemand.hasDigits(match, fewest: demand.fewest, gap: demand.gap),
                        "\(String(decoding: match, as: UTF8.self)) of \(pattern)")
                }
            }
        }
    }

    private static func pattern(_ random: inout Seeded, depth: Int = 0) -> Pattern {
        func parts(_ count: ClosedRange<Int>) -> [Pattern] {
            (0..<Int.random(in: count, using: &random)).map { _ in pattern(&random, depth: depth + 1) }
        }
        switch Int.random(in: 0..<(depth > 2 ? 4 : 9), using: &random) {
        case 0, 1: return .byte(.digits)
        case 2: return .byte(ByteSet("1a".utf8))
        case 3: return .byte(ByteSet("b ".utf8))
        case 4: return .choice(parts(2...3))
        case 5, 6:
            let min = Int.random(in: 0...3, using: &random)
            let max = min + Int.random(in: 0...3, using: &random)
            return .repeated(pattern(&random, depth: depth + 1), min: min, max: max)
        default: return .sequence(parts(1...4))
        }
    }

    /// One that is drawn.
    private static func match(of pattern: Pattern, _ random: inout Seeded) -> [UInt8] {
        switch pattern {
        case .byte(let set): return [set.bytes.randomElement(using: &random) ?? 0]
        case .assertion: return []
        case .sequence(let parts): return parts.flatMap { match(of: $0, &random) }
        case .choice(let parts): return parts.randomElement(using: &random).map { match(of: $0, &random) } ?? []
        case .repeated(let part, let min, let max):
            return (0..<Int.random(in: min...(max ?? min), using: &random)).flatMap { _ in match(of: part, &random) }
        }
    }
}

extension DigitDemand {
    /// Whether so many digits stand one after the other, with no more than `gap` other bytes between two.
    static func hasDigits(_ text: UnsafeBufferPointer<UInt8>, fewest: Int, gap: Int) -> Bool {
        var (count, since) = (0, 0)
        for byte in text {
            if byte &- 0x30 < 10 {
                count = since > gap ? 1 : count &+ 1
                since = 0
                if count >= fewest { return true }
            } else {
                since &+= 1
            }
        }
        return fewest <= 0
    }
}
