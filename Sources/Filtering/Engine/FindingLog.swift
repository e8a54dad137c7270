/// A stretch of text to take out, and the marker's word.
package struct Redaction: Sendable, Hashable {
    /// UTF-8 offsets in the original text.
    package var range: Range<Int>
    package var category: Category
    /// What stands in its place.
    package var marker: [UInt8]

    /// What is no finding: a placeholder, of which the original is put in its place.
    package static let restored = Category("restored")

    package init(range: Range<Int>, category: Category, marker: [UInt8]) {
        self.range = range
        self.category = category
        self.marker = marker
    }
}

/// What rules saw in one text, merged rule by rule: a rule's matches that touch or overlap are one finding.
///
/// Matches come in any order but from a bounded stretch before the text's end; what lies before that is final. So the
/// result depends on the text only, never on how it was cut.
struct FindingLog {
    struct Entry {
        var rule: Int
        /// In the original text.
        var range: Range<Int>
        /// The original offset by which a reader of the text could know.
        var decided: Int
        /// How sure it is, from 0 to 1; a pattern is.
        var score = 1.0
        /// Whether a stream held back its text until it was known.
        var isHeld = true
        /// Who wrote the text in which it begins.
        var source = TextSource.caller
    }

    /// Where texts end of which others wrote some.
    var sources: [TextBreak] = []

    /// Of the piece being scanned.
    private var fresh: [Entry] = []
    /// May still grow. By rule, those of one rule in order and apart; empty before the first.
    private var open: [[Entry]] = []
    /// Rules that have any.
    private var openRules: [Int] = []
    private(set) var final: [Entry] = []
    private(set) var verdict = Verdict.allow
    /// The highest score of each of the classifier's heads so far; -∞ without one.
    private(set) var highest = SIMD8<Double>(repeating: -.infinity)
    private(set) var unjudged: Unjudged = []
    /// Of each verdict.
    private var counts = InlineArray<5, Int>(repeating: 0)
    /// Whether `findingsMax` of any verdict are final.
    private(set) var hasEnough = false
    /// Final ranges that are redacted, where they are asked for.
    private var redacted: [Entry] = []
    /// Whether to keep every redacted range: for texts that are scanned as a whole.
    var keepsRedacted = false

    /// How many findings of one verdict are kept of a text.
    static let findingsMax = Screening.findingsMax

    var isQuiet: Bool { fresh.isEmpty && openRules.isEmpty }
    /// Whether any finding may still grow.
    var hasOpen: Bool { !openRules.isEmpty }

    /// Whether more findings of a verdict would change nothing: none is kept, and nothing is to be taken out for them.
    func hasEnough(of enforced: Verdict) -> Bool {
        counts[Int(enforced.rawValue)] >= Self.findingsMax && (enforced != .redact || verdict == .block)
    }

    /// Takes note of scores that the classifier gave to a stretch of text.
    mutating func note(_ scores: SIMD8<Double>) {
        highest = pointwiseMax(highest, scores)
    }

    /// Takes note of a stretch that nobody judges, of which the policy may say what follows.
    ///
    /// - Parameter decided: the offset by which that was known; the stretch's end unless it is said.
    mutating func note(_ unjudged: Unjudged, in stretch: Range<Int>, decided: Int? = nil, _ side: PolicySide) {
        self.unjudged.formUnion(unjudged)
        for rule in side.unjudged where unjudged.contains(rule.what) {
            add(Entry(rule: rule.index, range: stretch, decided: decided ?? stretch.upperBound, isHeld: false))
        }
    }

    mutating func add(_ new: Entry) {
        var entry = new
        if !sources.isEmpty { entry.source = sources.source(at: entry.range.lowerBound) }
        if let last = fresh.last, last.rule == entry.rule, last.decided <= entry.decided,
            last.range.contains(entry.range.lowerBound), last.range.upperBound >= entry.range.upperBound,
            last.score >= entry.score, last.isHeld == entry.isHeld
        {
            return
        }
        fresh.append(entry)
    }

    /// The first moment at which a fresh match blocks.
    func firstBlock(_ side: PolicySide) -> Int? {
        fresh.lazy.filter { side[$0].verdict == .block }.map(\.decided).min()
    }

    /// Where the first match begins that blocks at `moment`.
    func blockStart(_ moment: Int, _ side: PolicySide) -> Int? {
        // Nothing of what was not held back is kept from leaving.
        fresh.lazy.filter { $0.decided <= moment && side[$0].verdict == .block }
            .map { $0.isHeld ? $0.range.lowerBound : $0.decided }.min()
    }

    /// Where the first match begins for which text is held back, and that was not known yet at `moment`.
    func lowestStart(decidedAfter moment: Int, _ side: PolicySide) -> Int? {
        fresh.lazy.filter { $0.decided > moment && $0.isHeld && side.holds[$0.rule] }.map(\.range.lowerBound).min()
    }

    /// Takes over the fresh matches that are known by `moment`; forgets the others.
    mutating func settle(by moment: Int = .max, _ side: PolicySide) {
        guard !fresh.isEmpty else { return }
        if open.isEmpty { open = [[Entry]](repeating: [], count: side.ruleCount) }
        for entry in fresh where entry.decided <= moment && side.enforced(entry.rule, in: entry.source).isActive {
            verdict = verdict.combined(with: side[entry].verdict)
            merge(entry)
        }
        fresh.removeAll(keepingCapacity: true)
    }

    /// Nearly always the last of its rule, so it is looked for from there.
    private mutating func merge(_ entry: Entry) {
        var (start, end) = (entry.range.lowerBound, entry.range.upperBound)
        var score = entry.score
        var behind = open[entry.rule].count
        while behind > 0, open[entry.rule][behind - 1].range.lowerBound > end { behind -= 1 }
        var first = behind
        while first > 0, open[entry.rule][first - 1].range.upperBound >= start {
            first -= 1
            start = min(start, open[entry.rule][first].range.lowerBound)
            end = max(end, open[entry.rule][first].range.upperBound)
            score = max(score, open[entry.rule][first].score)
        }
        let merged = Entry(
            rule: entry.rule, range: start..<end, decided: entry.decided, score: score, source: entry.source)
        if open[entry.rule].isEmpty { openRules.append(entry.rule) }
        open[entry.rule].replaceSubrange(first..<behind, with: CollectionOfOne(merged))
    }

    /// Makes final what ends at or before `offset`.
    mutating func close(upTo offset: Int, _ side: PolicySide) {
        var closing: [Entry] = []
        for rule in openRules {
            let count = open[rule].firstIndex { $0.range.upperBound > offset } ?? open[rule].count
            closing += open[rule].prefix(count)
            open[rule].removeFirst(count)
        }
        guard !closing.isEmpty else { return }
        openRules.removeAll { open[$0].isEmpty }
        for entry in closing.sorted(by: Self.endsBefore) {
            let verdict = side[entry].verdict
            if keepsRedacted, verdict == .redact { redacted.append(entry) }
            guard counts[Int(verdict.rawValue)] < Self.findingsMax else { continue }
            counts[Int(verdict.rawValue)] += 1
            final.append(entry)
            if counts[Int(verdict.rawValue)] == Self.findingsMax { hasEnough = true }
        }
    }

    private static func endsBefore(_ left: Entry, _ right: Entry) -> Bool {
        (left.range.upperBound, left.rule, left.range.lowerBound) < (
            right.range.upperBound, right.rule, right.range.lowerBound
        )
    }

    private static func startsBefore(_ left: Entry, _ right: Entry) -> Bool {
        (left.range.lowerBound, left.rule, left.range.upperBound) < (
            right.range.lowerBound, right.rule, right.range.upperBound
        )
    }

    /// What is redacted in a part of the text and may still grow, in order of its start.
    func openRedactions(in part: Range<Int>, _ side: PolicySide) -> [Entry] {
        var entries: [Entry] = []
        for rule in openRules {
            entries += open[rule].lazy.filter {
                $0.range.upperBound > part.lowerBound && $0.range.lowerBound < part.upperBound
                    && side[$0].verdict == .redact
            }
        }
        return entries.sorted(by: Self.startsBefore)
    }

    /// All findings so far, in order of their start.
    func findings(_ rules: FilterRules, _ side: PolicySide) -> [Finding] {
        (final + openRules.flatMap { open[$0] }).sorted(by: Self.startsBefore).map { entry in
            let enforcement = side[entry]
            return Finding(
                rule: rules.id(of: entry.rule), category: side.category(of: entry), clause: enforcement.clause,
                verdict: enforcement.verdict,
                range: entry.range, score: entry.score)
        }
    }

    /// All redacted stretches of a closed log, each once, in order.
    func redactions(_ policy: FilterPolicy, _ side: PolicySide) -> [Redaction] {
        redacted.sorted(by: Self.startsBefore).reduce(into: []) { result, entry in
            if let last = result.indices.last, entry.range.lowerBound <= result[last].range.upperBound {
                let end = max(result[last].range.upperBound, entry.range.upperBound)
                result[last].range = result[last].range.lowerBound..<end
            } else {
                let category = side.category(of: entry)
                result.append(
                    Redaction(range: entry.range, category: category, marker: policy.markers.marker(category)))
            }
        }
    }
}
