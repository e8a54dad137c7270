internal import Limits

/// Which of a model's upstreams is asked next.
///
/// Of those with the best priority that are worth asking, two are drawn by weight, and the one with less to do for its
/// weight is taken: idle upstreams share by weight, busy ones by load, and no loop needs to know what the others do.
/// Source: M. Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 1996.
struct UpstreamChoice {
    struct Candidate {
        let index: Int
        var priority: Int
        var weight: Int
        var outstanding: Int
        var worth: UpstreamState.Worth
        var hasRoom: Bool

        /// How well it suits, less being better: one that has room, one in whose queue we would wait, one that asked to be
        /// left alone. `nil` if it may not be asked.
        fileprivate var rank: Int? {
            switch worth {
            case .good: hasRoom ? 0 : 1
            case .cooling: 2
            case .broken, .unhealthy: nil
            }
        }
    }

    /// The index of the candidate to ask; `nil` if there is none.
    static func pick(_ candidates: [Candidate], _ generator: inout some RandomNumberGenerator) -> Int? {
        let ranked = candidates.compactMap { candidate in candidate.rank.map { ($0, candidate) } }
        guard let best = ranked.map({ ($0.0, $0.1.priority) }).min(by: <) else { return nil }
        let suited = ranked.filter { ($0.0, $0.1.priority) == best }.map(\.1)
        let first = draw(suited, &generator)
        guard suited.count > 1 else { return first.index }
        let second = draw(suited.filter { $0.index != first.index }, &generator)
        // Compared by multiplication: outstanding / weight.
        return second.outstanding * first.weight < first.outstanding * second.weight ? second.index : first.index
    }

    /// - Precondition: there is one.
    private static func draw(_ candidates: [Candidate], _ generator: inout some RandomNumberGenerator) -> Candidate {
        var rest = Int.random(in: 0..<max(1, candidates.reduce(0) { $0 + $1.weight }), using: &generator)
        for candidate in candidates {
            rest -= candidate.weight
            if rest < 0 { return candidate }
        }
        return candidates[candidates.count - 1]
    }
}
