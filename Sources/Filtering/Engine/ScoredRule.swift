/// A rule on a score of the classifier, made ready.
struct ScoredRule: Sendable {
    /// In `FilterRules.rules`.
    let index: Int
    let head: Int
    let threshold: Double

    static func make(
        _ score: Rule.Score, of rule: Rule, index: Int, _ classifier: ClassifierModel?
    ) -> Result<ScoredRule, FilterError.Problem> {
        func problem(_ reason: String) -> Result<ScoredRule, FilterError.Problem> {
            .failure(.init(rule: rule.id, reason: reason))
        }
        guard let classifier else { return problem("it asks for a score, but there is no classifier") }
        guard let head = classifier.heads.firstIndex(where: { $0.name == score.head }) else {
            let names = classifier.heads.map { "`\($0.name)`" }.joined(separator: ", ")
            return problem("the classifier has no head `\(score.head)`: known are \(names)")
        }
        guard let threshold = classifier.heads[head].threshold(falsePositives: score.falsePositives) else {
            let rates = classifier.heads[head].thresholds.map { "\($0.rate)" }.joined(separator: ", ")
            return problem(
                "no threshold was measured for false positives of \(score.falsePositives): write one of \(rates)")
        }
        return .success(ScoredRule(index: index, head: head, threshold: threshold))
    }
}

/// The rules of one side that ask for scores.
struct ScoredRules: Sendable {
    let classifier: ClassifierModel
    private let rules: [ScoredRule]
    /// By head, the lowest threshold of any rule.
    private let lowest: SIMD8<Double>
    /// Which heads any rule asks for.
    private let isAsked: SIMDMask<SIMD8<Int64>>
    /// Whether one of them judges a text as a whole.
    private let asksWhole: Bool

    /// `nil` where no rule asks.
    init?(_ rules: [ScoredRule], _ classifier: ClassifierModel?) {
        guard let classifier, !rules.isEmpty else { return nil }
        self.classifier = classifier
        self.rules = rules
        var lowest = SIMD8<Double>(repeating: .infinity)
        var isAsked = SIMDMask<SIMD8<Int64>>()
        for rule in rules {
            lowest[rule.head] = min(lowest[rule.head], rule.threshold)
            isAsked[rule.head] = true
        }
        (self.lowest, self.isAsked) = (lowest, isAsked)
        asksWhole = any(isAsked .& classifier.judgesWhole)
    }

    /// Scores a text that begins at an offset of the original.
    func scan(begin: Int = 0) -> ClassifierScan { ClassifierScan(classifier, begin: begin, judgesWhole: asksWhole) }

    /// Whether a score lies so near to a rule's threshold that people may well see it otherwise.
    func isUnsure(_ highest: SIMD8<Double>) -> Bool {
        rules.contains { rule in
            let score = highest[rule.head]
            guard score.isFinite else { return false }
            let distance =
                classifier.probability(rule.head, score: score)
                - classifier.probability(rule.head, score: rule.threshold)
            return abs(distance) <= Self.unsureDistance
        }
    }

    /// Of probabilities.
    private static let unsureDistance = 0.1

    /// Logs each rule that a stretch fulfils. Of scripts in which scores mean little, none does.
    func log(_ stretch: ClassifierScan.Stretch, in log: inout FindingLog, _ side: PolicySide) {
        guard stretch.isCovered else {
            if stretch.hasText { log.note(.script, in: stretch.range, side) }
            return
        }
        log.note(stretch.scores.replacing(with: -.infinity, where: .!isAsked))
        guard any(stretch.scores .>= lowest) else { return }
        for rule in rules where stretch.scores[rule.head] >= rule.threshold {
            let score = classifier.probability(rule.head, score: stretch.scores[rule.head])
            log.add(
                .init(
                    rule: rule.index, range: stretch.range, decided: stretch.range.upperBound, score: score,
                    isHeld: false))
        }
    }
}
