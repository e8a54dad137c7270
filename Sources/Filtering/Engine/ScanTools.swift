/// What one event loop needs to scan; never used for two scans at once.
final class ScanTools {
    let scratch = HyperscanScratch()
    let matcher = PatternMatcher()
    let hits = HitRuns()
    private let views = PerView(CodePointView.init)
    private var live: [LiveKey: LiveStates] = [:]
    /// The rules that the working memory was last grown for; kept alive so that they cannot be mistaken for others.
    private var rules: FilterRules?

    private struct LiveKey: Hashable {
        var policy: ObjectIdentifier
        var side: Side
        var view: Rule.View
    }

    func map(_ view: Rule.View) -> CodePointView { views[view] }

    /// Grows the working memory for rules not met before, such as after a reload.
    func prepare(for rules: FilterRules) {
        guard self.rules !== rules else { return }
        for database in rules.databases { scratch.grow(for: database) }
        live.removeAll()
        self.rules = rules
    }

    /// What is known of matches under way; shared by all texts of a policy, and made with the first.
    func states(_ policy: FilterPolicy, _ side: Side, _ view: Rule.View) -> LiveStates {
        let key = LiveKey(policy: ObjectIdentifier(policy), side: side, view: view)
        if let states = live[key] { return states }
        // Policies come with each reload of the guidelines: forget what was, rather than collect.
        if live.count >= Self.liveMax { live.removeAll() }
        let states = LiveStates(policy, side, view)
        live[key] = states
        return states
    }

    /// Two stages, each with two views, of two sides; 16 MiB at most, all together.
    private static let liveMax = 8
}
