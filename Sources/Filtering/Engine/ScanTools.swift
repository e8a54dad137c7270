/// What one event loop needs to scan; never used for two scans at once.
final class ScanTools {
    let scratch = HyperscanScratch()
    let matcher = PatternMatcher()
    let hits = HitRuns()
    let words = WordHits()
    private let views = PerView { CodePointView($0) }
    /// What the classifier reads.
    let folded = CodePointView(.folded)
    private var live: [LiveKey: LiveStates] = [:]
    /// The rules that the working memory was last grown for, and those before them; kept alive so that they cannot be
    /// mistaken for others. Two, because after a reload streams under the old rules run beside requests under the new.
    private var rules: FilterRules?
    private var formerRules: FilterRules?

    private struct LiveKey: Hashable {
        var policy: ObjectIdentifier
        var side: Side
        var view: Rule.View
    }

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
        let kept = Set(policies.map(ObjectIdentifier.init))
        live = live.filter { kept.contains($0.key.policy) }
        hits.forget(allBut: policies)
        words.forget(allBut: policies.map(\.rules))
        formerRules = nil
        if !policies.contains(where: { $0.rules === rules }) { rules = nil }
    }

    /// What is known of matches under way; shared by all texts of a policy, and made with the first.
    func states(_ policy: FilterPolicy, _ side: Side, _ view: Rule.View) -> LiveStates {
        let key = LiveKey(policy: ObjectIdentifier(policy), side: side, view: view)
        if let states = live[key] { return states }
        // Policies come with each reload: forget what was, rather than collect.
        if live.count >= Self.liveMax { live.removeAll() }
        let states = LiveStates(policy, side, view)
        live[key] = states
        return states
    }

    /// Two stages, each with two views, of two sides, and as many again while streams end under an old policy: 32 MiB at
    /// most, all together, half of it but for such times.
    private static let liveMax = 16
}
