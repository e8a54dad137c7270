internal import Filtering
internal import Judges

/// What one judge said of one text.
struct JudgeOpinion: Sendable {
    let seat: SeatedJudge
    /// What it was asked about.
    let clauses: [AskedClause]
    /// Offsets in the whole text. What was found before a failure counts.
    var findings: [JudgeFinding] = []
    /// Why it has not said all.
    var failure: JudgeFailure?
}

/// What a screening and the opinions of judges come to together.
///
/// - A finding of a judge counts as one of a rule: the clause of its category says what follows.
/// - Where a judge was asked about a clause and finds nothing, the classifier's own findings of what the judge can tell of it
///   are cleared, if their scores are those of which it is unsure. What a pattern found stays: that is no opinion.
/// - Where there is no opinion, the text is not evaluated, or goes no further.
struct JudgeReview: Sendable {
    private(set) var screening: Screening
    /// What is to be taken out, in any order.
    private(set) var redactions: [Redaction]
    /// The first judge without which nothing goes on, and the clause that it was asked about.
    private(set) var missing: Missing?
    private let overrides: PolicyOverrides
    private let application: String?

    struct Missing: Sendable {
        let judge: String
        let clause: String?
    }

    /// - Parameters:
    ///   - isStreamed: whether what was judged may have left already, where a judge lets it.
    ///   - scoredRules: those whose findings are scores of the classifier.
    ///   - application: whose exchange it is.
    init(
        _ screening: Screening, _ redactions: [Redaction], _ opinions: [JudgeOpinion], isStreamed: Bool = false,
        scoredRules: Set<String>, overrides: PolicyOverrides = .none, application: String? = nil
    ) {
        (self.overrides, self.application) = (overrides, application)
        self.screening = screening
        self.redactions = redactions
        for opinion in opinions {
            let judge = opinion.seat.judge
            let onlyRecords = judge.isShadow || isStreamed && judge.streams == .pass
            take(opinion, onlyRecords: onlyRecords, scoredRules)
            if opinion.failure != nil, judge.onFailure == .closed, !onlyRecords, missing == nil {
                missing = Missing(judge: judge.name, clause: opinion.clauses.first?.clause.id)
            }
        }
        self.screening.verdict = Self.verdict(of: self.screening.findings)
    }

    private mutating func take(_ opinion: JudgeOpinion, onlyRecords: Bool, _ scoredRules: Set<String>) {
        for finding in opinion.findings { take(finding, of: opinion.seat, onlyRecords: onlyRecords) }
        for asked in opinion.clauses {
            let categories = Set(asked.clause.categories.map(\.id))
            guard !opinion.findings.contains(where: { categories.contains($0.category) }) else { continue }
            guard opinion.failure == nil else {
                note(.notEvaluated, asked.clause, of: opinion.seat)
                continue
            }
            note(.allow, asked.clause, of: opinion.seat)
            if !onlyRecords { clear(asked.tellable, below: opinion.seat.judge.occasion.below, scoredRules) }
        }
    }

    private mutating func take(_ finding: JudgeFinding, of seat: SeatedJudge, onlyRecords: Bool) {
        let enforcement = overrides.tightened(
            seat.enforcement(of: finding.category), of: finding.category, side: seat.side, application: application)
        var verdict = enforcement.verdict
        if onlyRecords, verdict != .allow { verdict = .flag }
        if verdict == .redact {
            // What stands where can be taken out of a request alone: of an answer, it may have left.
            if seat.judge.form.tellsPlaces, seat.side == .prompt, let range = finding.range {
                redactions.append(
                    Redaction(
                        range: range, category: finding.category, marker: overrides.markers.marker(finding.category)))
            } else {
                verdict = .flag
            }
        }
        screening.findings.append(
            Finding(
                rule: seat.rule, category: finding.category, clause: enforcement.clause, verdict: verdict,
                range: finding.range ?? 0..<0, score: finding.score))
    }

    private mutating func note(_ verdict: Verdict, _ clause: JudgedClause, of seat: SeatedJudge) {
        screening.findings.append(
            Finding(
                rule: seat.rule, category: clause.category, clause: clause.id, verdict: verdict, range: 0..<0, score: 0)
        )
    }

    /// Clears findings of the classifier. Where more were found than are kept, one that is not may stand for itself.
    private mutating func clear(_ categories: Set<Category>, below: Double, _ scoredRules: Set<String>) {
        for index in screening.findings.indices {
            let finding = screening.findings[index]
            guard scoredRules.contains(finding.rule), categories.contains(finding.category), finding.score < below,
                screening.findings.count(where: { $0.verdict == finding.verdict }) < Screening.findingsMax
            else { continue }
            screening.findings[index].verdict = .allow
        }
    }

    /// The strictest of all; that nobody could tell says more than that others found nothing.
    private static func verdict(of findings: [Finding]) -> Verdict {
        let verdict = findings.reduce(Verdict.allow) { $0.combined(with: $1.verdict) }
        return verdict == .allow && findings.contains { $0.verdict == .notEvaluated } ? .notEvaluated : verdict
    }
}
