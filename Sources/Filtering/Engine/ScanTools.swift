/// What one event loop needs to scan; never used for two scans at once.
final class ScanTools {
    let scratch = HyperscanScratch()
    let matcher = PatternMatcher()
    let hits = HitRuns()
    let words = WordHits()
    private let views = PerView { CodePointView($0) }
    /// What the classifier reads.
    let folded = CodePointView(.folded)
    private var live: [HeldRules: LiveStates] = [:]
    /// The rules that the working memory was last grown for, and those before them; kept alive so that they cannot be
    /// mistaken for others. Two, because after a reload streams under the old rules run beside requests under the new.
    private var rules: FilterRules?
    private var formerRules: FilterRules?

    func map(_ view: Rule.View) -> CodePointView { views[view] }

    /// Grows the working memory for rules not met before, such as after a reload.
    func prepare(for rules: FilterRules) {
        guard self.rules !== rules else { return }
        if formerRules !== rules {
            for database in rules.databases { scratch.grow(for: database) }
        }
        formerRules = self.rules
        self.rules = rules
    }

    /// Lets go of what was made for other policies; what these need and is not there is made when it is needed.
    func forget(allBut policies: [FilterPolicy]) {
        let kept = Set(
            policies.flatMap { policy in
                Side.allCases.flatMap { side in Rule.View.allCases.map { policy[side].held[$0] } }
            })
        live = live.filter { kept.contains($0.key) }
        hits.forget(allBut: policies)
        words.forget(allBut: policies.map(\.rules))
        formerRules = nil
        if !policies.contains(where: { $0.rules === rules }) { rules = nil }
    }

    /// What is known of matches under way; shared by all texts under policies that hold text back for the same rules, and made
    /// with the first. What policies of former configurations had is let go with them.
    func states(of held: HeldRules) -> LiveStates {
        if let states = live[held] { return states }
        let states = LiveStates(held)
        live[held] = states
        return states
    }
}
