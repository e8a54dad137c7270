/// What the rules of one view look for in texts at hand as a whole.
final class WholeSearch: Sendable {
    /// Patterns that are searched for where a text passes their gate.
    struct Gated: Sendable {
        let gate: SearchGate
        /// What words must have opened before.
        let target: Int?
        /// Whether they are searched for near those words only.
        let isNear: Bool
        let database: HyperscanDatabase
    }

    let databases: [Gated]
    /// Of `databases`, those without a target.
    private let untargeted: [Gated]
    /// Of those.
    private let gates: SearchGate.Set
    /// By target, if it is of this view.
    private let targeted: [Gated?]
    private let runs: PatternRuns?

    init(_ databases: [Gated], _ runs: PatternRuns?, targetCount: Int) {
        self.databases = databases
        untargeted = databases.filter { $0.target == nil }
        gates = SearchGate.Set(only: untargeted.map(\.gate))
        var targeted = [Gated?](repeating: nil, count: targetCount)
        for gated in databases { if let target = gated.target { targeted[target] = gated } }
        self.targeted = targeted
        self.runs = runs
    }

    /// Whether there is anything to search for in a text.
    func isWanted(passing gates: SearchGate.Set, _ words: WordHits, hasLongRun: Bool) -> Bool {
        (runs != nil && hasLongRun) || gates.overlaps(self.gates) || words.opened.contains { targeted[$0] != nil }
    }

    /// Reports the ends of all that a text, whole in its view, may have.
    func run(over window: Window, passing gates: SearchGate.Set, hasLongRun: Bool, with tools: ScanTools) {
        let text = UnsafeBufferPointer(start: window.bytes, count: window.end)
        if gates.overlaps(self.gates) {
            // By index: an element taken out is counted.
            for index in untargeted.indices where gates.contains(untargeted[index].gate) {
                tools.scratch.scan(text, untargeted[index].database, tools.hits)
            }
        }
        if !tools.words.opened.isEmpty { runTargeted(over: text, passing: gates, with: tools) }
        if hasLongRun, let runs { tools.hits.add(runs, window, after: 0, tools.words) }
    }

    private func runTargeted(
        over text: UnsafeBufferPointer<UInt8>, passing gates: SearchGate.Set, with tools: ScanTools
    ) {
        for target in tools.words.opened {
            guard let gated = targeted[target], !gated.isNear, gates.contains(gated.gate) else { continue }
            tools.scratch.scan(text, gated.database, tools.hits)
        }
        for stretch in tools.words.stretches {
            guard let gated = targeted[stretch.target] else { continue }
            let part = UnsafeBufferPointer(rebasing: text[stretch.range])
            tools.scratch.scan(part, at: stretch.range.lowerBound, gated.database, tools.hits)
        }
    }
}
