/// What the rules of one view look for in texts at hand as a whole.
final class WholeSearch: Sendable {
    /// Patterns that are searched for where a text passes their gate.
    struct Gated: Sendable {
        let gate: SearchGate
        let database: HyperscanDatabase
    }

    let databases: [Gated]
    private let runs: PatternRuns?

    init(_ databases: [Gated], _ runs: PatternRuns?) {
        self.databases = databases
        self.runs = runs
    }

    /// Reports the ends of all that a text, whole in its view, may have.
    func run(over window: Window, passing gates: SearchGate.Set, with tools: ScanTools) {
        let text = UnsafeBufferPointer(start: window.bytes, count: window.end)
        // By index: an element taken out is counted.
        for index in databases.indices where gates.contains(databases[index].gate) {
            tools.scratch.scan(text, databases[index].database, tools.hits)
        }
        if let runs { tools.hits.add(runs, window, after: 0) }
    }
}
