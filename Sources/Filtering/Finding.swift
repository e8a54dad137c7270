/// Something that a rule found in a text.
package struct Finding: Sendable, Hashable {
    /// The rule's id.
    package var rule: String
    package var category: Category
    /// The guideline clause under which the verdict is given.
    package var clause: String?
    package var verdict: Verdict
    /// UTF-8 offsets in the original text (for a stream: in all text fed so far).
    package var range: Range<Int>
    /// How sure the filter is, from 0 to 1: 1 for a pattern, what the classifier says for a score.
    package var score: Double

    package init(
        rule: String, category: Category, clause: String?, verdict: Verdict, range: Range<Int>, score: Double = 1
    ) {
        self.rule = rule
        self.category = category
        self.clause = clause
        self.verdict = verdict
        self.range = range
        self.score = score
    }
}

/// What one scan said of one text.
package struct Screening: Sendable, Hashable {
    /// The strictest verdict among the findings.
    package var verdict: Verdict
    /// How many findings of one verdict are kept of a text.
    package static let findingsMax = 64

    /// In order of their start, at most `findingsMax` of each verdict (those that end first); overlaps are possible.
    package var findings: [Finding]
    /// The highest score of each of the classifier's heads that rules ask for, in any stretch of a script that they ask for;
    /// -∞ where nothing was scored. See `ClassifierModel.probabilities`.
    package var highest: SIMD8<Double>
    /// What of the text was not judged.
    package var unjudged: Unjudged

    package init(
        verdict: Verdict = .allow, findings: [Finding] = [], highest: SIMD8<Double> = .init(repeating: -.infinity),
        unjudged: Unjudged = []
    ) {
        self.verdict = verdict
        self.findings = findings
        self.highest = highest
        self.unjudged = unjudged
    }
}

/// What of a text nobody looked at as closely as at the rest.
package struct Unjudged: OptionSet, Sendable, Hashable {
    /// Some is mostly in a script of which the classifier says nothing.
    package static let script = Unjudged(rawValue: 1)
    /// More stands encoded in it, longer or deeper, than is read.
    package static let encoded = Unjudged(rawValue: 2)

    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// What says of it that it was not judged, and by which category clauses may say what follows.
    package static let rules: [(what: Unjudged, rule: Rule)] = [
        (.script, Rule(id: "score/coverage", category: Category("language"), pattern: "")),
        (.encoded, Rule(id: "encoded/bounds", category: Category("encoding"), pattern: "")),
    ]

    /// The rules that say so.
    package var findings: [Rule] { Self.rules.filter { contains($0.what) }.map(\.rule) }
}
