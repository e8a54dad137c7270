internal import Access
internal import Filtering
internal import Guidelines
package import Judges
internal import Limits
internal import Snapshots

/// A judge and where it is.
package struct JudgeSettings: Sendable, Equatable {
    package var judge: Judge
    package var server: UpstreamSettings
    /// Of a judge by embeddings.
    package var head: EmbeddingHead?

    package init(judge: Judge, server: UpstreamSettings, head: EmbeddingHead? = nil) {
        (self.judge, self.server, self.head) = (judge, server, head)
    }

    /// The name by which its server is told from those of models.
    package static func serverName(_ judge: String) -> String { "judge/\(judge)" }
}

/// Why judges don't fit to the guidelines: a sentence each.
package struct JudgeProblems: Error, CustomStringConvertible {
    package let problems: [String]
    package var description: String { problems.joined(separator: "\n") }
}

/// All judges of one configuration, and what they are asked about.
///
/// The same for all event loops; what is remembered of a judge goes on from one configuration to the next for as long as
/// nothing about that judge changes.
package final class JudgePanel: Sendable {
    private let seats: [SeatedJudge]
    private let dockets: [String: (settings: JudgeSettings, docket: JudgeDocket)]
    /// The rules whose findings are scores of the classifier.
    let scoredRules: Set<String>
    /// What applications want stricter.
    let overrides: PolicyOverrides

    /// - Parameter former: the panel before.
    /// - Throws: `JudgeProblems` for clauses that the guidelines don't have, or that a judge can't be asked about.
    package init(_ judges: [JudgeSettings], _ policy: Policy, after former: JudgePanel? = nil) throws(JudgeProblems) {
        overrides = policy.overrides
        scoredRules = Set(policy.rules.rules.filter { $0.score != nil }.map(\.id))
        var seats: [SeatedJudge] = []
        var dockets: [String: (settings: JudgeSettings, docket: JudgeDocket)] = [:]
        var problems: [String] = []
        for settings in judges {
            let judge = settings.judge
            var docket = JudgeDocket(judge)
            if let before = former?.dockets[judge.name], before.settings == settings { docket = before.docket }
            dockets[judge.name] = (settings, docket)
            for id in judge.clauses where policy.guidelines.clause(id) == nil {
                problems.append("The judge “\(judge.name)” names a clause “\(id)”, which the guidelines don't have.")
            }
            for side in Side.allCases where judge.sides.contains(side) {
                for stage in Stage.allCases {
                    let (seat, complaints) = SeatedJudge.make(settings, docket, side, stage, policy)
                    seats.append(seat)
                    problems += complaints.filter { !problems.contains($0) }
                }
            }
        }
        guard problems.isEmpty else { throw JudgeProblems(problems: problems) }
        self.seats = seats
        self.dockets = dockets
    }

    /// Those that may be asked of one side in one stage.
    func seats(_ side: Side, _ stage: Stage) -> [SeatedJudge] {
        seats.isEmpty ? [] : seats.filter { $0.side == side && $0.stage == stage }
    }

    var isEmpty: Bool { seats.isEmpty }

    /// Whether any is asked about one side.
    func judges(_ side: Side) -> Bool { seats.contains { $0.side == side } }
}

/// A clause, and what tells whether to ask about it and what an answer says.
struct AskedClause: Sendable {
    let clause: JudgedClause
    /// The heads of the classifier that score it there.
    let heads: [Int]
    /// The categories that the judge can tell.
    let tellable: Set<Filtering.Category>

    func problem(of judge: Judge) -> String? {
        if heads.isEmpty, !judge.occasion.isAlways {
            return
                "The judge “\(judge.name)” is to be asked where the classifier is unsure of the clause “\(clause.id)”, of "
                + "which no score says anything there. Write `ask_always: true`."
        }
        if tellable.isEmpty {
            return "The judge “\(judge.name)” can't tell anything of the clause “\(clause.id)”."
        }
        return nil
    }
}

/// A judge at work: for one side of the exchanges of one stage.
struct SeatedJudge: Sendable {
    let settings: JudgeSettings
    let docket: JudgeDocket
    let side: Side
    let stage: Stage
    private let asked: [AskedClause]
    /// What follows from a finding.
    private let enforcements: [Filtering.Category: Enforcement]

    /// With what is wrong, a sentence each.
    static func make(
        _ settings: JudgeSettings, _ docket: JudgeDocket, _ side: Side, _ stage: Stage, _ policy: Policy
    ) -> (seat: SeatedJudge, problems: [String]) {
        let judge = settings.judge
        let scored = policy.scoredHeads(side, stage)
        var problems: [String] = []
        let asked = judge.clauses.compactMap { id -> AskedClause? in
            let clause = JudgedClause(
                id, of: policy.guidelines, policy.categories, side: side, isSandbox: stage == .sandbox)
            guard let clause else {
                if policy.guidelines.clause(id) != nil {
                    problems.append(
                        "The judge “\(judge.name)” names the clause “\(id)”, under which no category of the \(side.name) is "
                            + "enforced. Give it one in the guidelines.")
                }
                return nil
            }
            let heads = scored.filter { head in clause.categories.contains { $0.id == head.category } }.map(\.index)
            let asked = AskedClause(
                clause: clause, heads: heads, tellable: judge.tellable(of: clause, head: settings.head))
            problems += [asked.problem(of: judge)].compactMap(\.self)
            return asked
        }
        return (SeatedJudge(settings, docket, side, stage, asked, policy.guidelines), problems)
    }

    private init(
        _ settings: JudgeSettings, _ docket: JudgeDocket, _ side: Side, _ stage: Stage, _ asked: [AskedClause],
        _ guidelines: Guidelines
    ) {
        (self.settings, self.docket, self.side, self.stage, self.asked) = (settings, docket, side, stage, asked)
        var enforcements: [Filtering.Category: Enforcement] = [:]
        for entry in asked.flatMap(\.clause.categories) {
            enforcements[entry.id] =
                guidelines.enforcement(for: entry.id, side: side, isSandbox: stage == .sandbox) ?? Enforcement(.flag)
        }
        self.enforcements = enforcements
    }

    var judge: Judge { settings.judge }
    /// The rule that its findings are recorded under.
    var rule: String { JudgeSettings.serverName(judge.name) }

    func enforcement(of category: Filtering.Category) -> Enforcement { enforcements[category] ?? Enforcement(.flag) }

    /// The clauses on which its opinion is wanted of a text that was screened so.
    func due(_ screening: Screening, _ classifier: ClassifierModel?) -> [AskedClause] {
        let occasion = judge.occasion
        if occasion.isAlways { return asked }
        guard let classifier else { return [] }
        return asked.filter { asked in
            if occasion.isForUncovered, !screening.unjudged.isEmpty { return true }
            return asked.heads.contains { head in
                let probability = classifier.probability(head, score: screening.highest[head])
                return probability >= occasion.from && probability < occasion.below
            }
        }
    }
}

/// What is known of one judge, whichever event loop asks.
final class JudgeDocket: Sendable {
    let cache: JudgeCache
    /// When all that was asked so far has drained, in nanoseconds.
    private let drained = Lock(Int64.min)
    private let interval: Int64

    private static let period: Int64 = 60_000_000_000

    init(_ judge: Judge) {
        cache = JudgeCache(entries: judge.cacheEntries, time: judge.cacheTime)
        interval = Self.period / Int64(max(1, judge.questionsPerMinute))
    }

    /// Whether one more may be asked: a rate, of which a minute's may be asked at once.
    func admits(at now: Moment) -> Bool {
        drained.withLock { drained in
            let next = max(drained, now.nanoseconds) + interval
            guard next - now.nanoseconds <= Self.period else { return false }
            drained = next
            return true
        }
    }
}

extension Policy {
    /// The heads of the classifier that give scores on one side in one stage, since a rule asks for them.
    fileprivate func scoredHeads(_ side: Side, _ stage: Stage) -> [(index: Int, category: Filtering.Category)] {
        let asked = Set(
            rules.rules.compactMap { rule -> String? in
                guard let score = rule.score else { return nil }
                let enforcement = guidelines.enforcement(of: rule, side: side, isSandbox: stage == .sandbox)
                return [.flag, .redact, .block].contains(rule.limiting(enforcement).verdict) ? score.head : nil
            })
        return (rules.classifier?.heads ?? []).enumerated().filter { asked.contains($1.name) }.map {
            (index: $0, category: $1.category)
        }
    }
}
