/// A stretch of text to take out, and the marker's word.
package struct Redaction: Sendable, Hashable {
    /// UTF-8 offsets in the original text.
    package var range: Range<Int>
    package var category: Category

    package init(range: Range<Int>, category: Category) {
        self.range = range
        self.category = category
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
    }

    /// Of the piece being scanned.
    private var fresh: [Entry] = []
    /// May still grow.
    private(set) var open: [Entry] = []
    private(set) var final: [Entry] = []
    /// Findings that were not kept, since `findingsMax` of their verdict already were.
    private(set) var surplusCount = 0
    private(set) var verdict = Verdict.allow
    private var counts = [0, 0, 0, 0, 0]
    /// Final ranges that are redacted, where they are asked for.
    private var redacted: [Entry] = []
    /// By rule: no range of it, so far, ends later.
    private var ends: [Int] = []
    /// Whether to keep every redacted range: for texts that are scanned as a whole.
    var keepsRedacted = false

    /// How many findings of one verdict are kept of a text.
    static let findingsMax = 64

    var isQuiet: Bool { fresh.isEmpty && open.isEmpty }

    mutating func add(_ entry: Entry) {
        if let last = fresh.last, last.rule == entry.rule, last.decided <= entry.decided,
            last.range.contains(entry.range.lowerBound), last.range.upperBound >= entry.range.upperBound
        {
            return
        }
        fresh.append(entry)
    }

    /// The first moment at which a fresh match blocks.
    func firstBlock(_ side: PolicySide) -> Int? {
        fresh.lazy.filter { side.enforcements[$0.rule].verdict == .block }.map(\.decided).min()
    }

    /// Where the first match begins that blocks at `moment`.
    func blockStart(_ moment: Int, _ side: PolicySide) -> Int? {
        fresh.lazy.filter { $0.decided <= moment && side.enforcements[$0.rule].verdict == .block }
            .map(\.range.lowerBound).min()
    }

    /// Where the first match begins that was not known yet at `moment`.
    func lowestStart(decidedAfter moment: Int) -> Int? {
        fresh.lazy.filter { $0.decided > moment }.map(\.range.lowerBound).min()
    }

    /// Takes over the fresh matches that are known by `moment`; forgets the others.
    mutating func settle(by moment: Int = .max, _ side: PolicySide) {
        guard !fresh.isEmpty else { return }
        if ends.isEmpty { ends = [Int](repeating: -1, count: side.enforcements.count) }
        for entry in fresh where entry.decided <= moment {
            verdict = verdict.combined(with: side.enforcements[entry.rule].verdict)
            merge(entry)
        }
        fresh.removeAll(keepingCapacity: true)
    }

    private mutating func merge(_ entry: Entry) {
        var entry = entry
        var index = entry.range.lowerBound > ends[entry.rule] ? -1 : open.count - 1
        ends[entry.rule] = max(ends[entry.rule], entry.range.upperBound)
        while index >= 0 {
            let other = open[index]
            if other.rule == entry.rule, other.range.upperBound >= entry.range.lowerBound,
                entry.range.upperBound >= other.range.lowerBound
            {
                entry.range =
                    min(
                        entry.range.lowerBound, other.range.lowerBound)..<max(
                        entry.range.upperBound, other.range.upperBound)
                open.remove(at: index)
            }
            index -= 1
        }
        open.append(entry)
    }

    /// Makes final what ends at or before `offset`.
    mutating func close(upTo offset: Int, _ side: PolicySide) {
        guard !open.isEmpty else { return }
        let closing = open.filter { $0.range.upperBound <= offset }
        guard !closing.isEmpty else { return }
        open.removeAll { $0.range.upperBound <= offset }
        for entry in closing.sorted(by: Self.endsBefore) {
            let verdict = side.enforcements[entry.rule].verdict
            if keepsRedacted, verdict == .redact { redacted.append(entry) }
            guard counts[Int(verdict.rawValue)] < Self.findingsMax else {
                surplusCount += 1
                continue
            }
            counts[Int(verdict.rawValue)] += 1
            final.append(entry)
        }
    }

    private static func endsBefore(_ left: Entry, _ right: Entry) -> Bool {
        (left.range.upperBound, left.rule, left.range.lowerBound) < (
            right.range.upperBound, right.rule, right.range.lowerBound
        )
    }

    static func startsBefore(_ left: Entry, _ right: Entry) -> Bool {
        (left.range.lowerBound, left.rule, left.range.upperBound) < (
            right.range.lowerBound, right.rule, right.range.upperBound
        )
    }

    /// All findings so far, in order of their start.
    func findings(_ rules: FilterRules, _ side: PolicySide) -> [Finding] {
        (final + open).sorted(by: Self.startsBefore).map { entry in
            let rule = rules.rules[entry.rule]
            let enforcement = side.enforcements[entry.rule]
            return Finding(
                rule: rule.id, category: rule.category, severity: rule.severity, clause: enforcement.clause,
                verdict: enforcement.verdict, range: entry.range)
        }
    }

    /// All redacted stretches of a closed log, each once, in order.
    func redactions(_ rules: FilterRules) -> [Redaction] {
        redacted.sorted(by: Self.startsBefore).reduce(into: []) { result, entry in
            if let last = result.indices.last, entry.range.lowerBound <= result[last].range.upperBound {
                let end = max(result[last].range.upperBound, entry.range.upperBound)
                result[last].range = result[last].range.lowerBound..<end
            } else {
                result.append(Redaction(range: entry.range, category: rules.rules[entry.rule].category))
            }
        }
    }
}
