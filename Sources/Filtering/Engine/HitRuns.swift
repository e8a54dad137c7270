/// The ends that Hyperscan reported in one scan, gathered so that dense hits take little room.
final class HitRuns {
    struct Run {
        var rule: Int
        var first: Int
        var last: Int
    }

    private(set) var runs: [Run] = []
    /// Where the text begins that is scanned.
    var offset = 0
    /// The latest run of each rule; -1 without one.
    private var latest: [Int32] = []
    /// Rules that are looked at; hits of others are dropped.
    private var isActive: [Bool] = []
    private var owner: FilterPolicy?
    private var side: Side?
    /// Ends that lie this near go into one run.
    private static let gap = 128

    /// - Parameter owner: whose rules these are; a call with the same rules as before costs nothing.
    func prepare(for isActive: [Bool], _ owner: FilterPolicy, _ side: Side) {
        guard self.owner !== owner || self.side != side else { return }
        self.owner = owner
        self.side = side
        self.isActive = isActive
        removeAll()
        if latest.count < isActive.count { latest = [Int32](repeating: -1, count: isActive.count) }
    }

    /// Between two scans: keeps none but these alive.
    func forget(allBut policies: [FilterPolicy]) {
        if !policies.contains(where: { $0 === owner }) { owner = nil }
    }

    /// Adds what Hyperscan found, counted from where the text begins that is scanned.
    func add(found rule: Int, end: Int) { add(rule, end: offset + end) }

    func add(_ rule: Int, end: Int) {
        guard isActive[rule] else { return }
        let index = Int(latest[rule])
        if index >= 0, end >= runs[index].first, end <= runs[index].last + Self.gap {
            if end > runs[index].last { runs[index].last = end }
            return
        }
        latest[rule] = Int32(runs.count)
        runs.append(Run(rule: rule, first: end, last: end))
    }

    /// Adds what rules find by length, beyond `scanned`.
    ///
    /// - Parameter words: those of the text; `nil` where it isn't known yet as a whole.
    func add(_ runs: PatternRuns, _ window: Window, after scanned: Int, _ words: WordHits? = nil) {
        guard window.end >= runs.any.length else { return }
        runs.any.forEachStretch(window, after: scanned, lengthMax: runs.lengthMax) { stretch in
            for rule in runs.rules where isActive[rule.rule] {
                if let words, let target = rule.target, !words.isOpen(target) { continue }
                rule.run.scan(window, stretch, after: scanned) { add(rule.rule, end: $0) }
            }
        }
    }

    /// The ends that lie in a text.
    static func within(_ text: Window, _ runs: [Run]) -> [Run] {
        runs.compactMap { run in
            let (first, last) = (max(run.first, text.textStart + 1), min(run.last, text.end))
            return first <= last ? Run(rule: run.rule, first: first, last: last) : nil
        }
    }

    /// Drops the hits of some rules.
    func drop(where isDropped: (_ rule: Int) -> Bool) {
        var kept = 0
        for index in runs.indices {
            let run = runs[index]
            if isDropped(run.rule) {
                latest[run.rule] = -1
            } else {
                runs[kept] = run
                kept += 1
            }
        }
        // No hit is added before all are removed: so the places in `latest` need not be mended.
        runs.removeLast(runs.count - kept)
    }

    func removeAll() {
        for run in runs { latest[run.rule] = -1 }
        runs.removeAll(keepingCapacity: true)
    }
}
