import Filtering
import Guidelines
import Judges
import Testing

@testable import Gateway

/// What a screening and the opinions of judges come to.
struct JudgeReviewTests {
    private static let policy = Result {
        try Policy(
            guidelines: .shipped(),
            rules: FilterRules(ShippedRules.load().filter { $0.score != nil }, classifier: .shipped()),
            categories: .shipped())
    }

    private func seat(_ clauses: [String], _ change: (inout Judge) -> Void = { _ in }) throws -> SeatedJudge {
        var judge = Judge(name: "a", form: .hook, clauses: clauses)
        change(&judge)
        let server = UpstreamSettings(name: JudgeSettings.serverName("a"), host: "127.0.0.1", port: 1)
        let panel = try JudgePanel([JudgeSettings(judge: judge, server: server)], Self.policy.get())
        return try #require(panel.seats(judge.sides.first ?? .prompt, .production).first)
    }

    private func opinion(
        _ seat: SeatedJudge, _ findings: [JudgeFinding] = [], _ failure: JudgeFailure? = nil
    ) throws -> JudgeOpinion {
        JudgeOpinion(
            seat: seat, clauses: seat.due(Screening(unjudged: .script), try Self.policy.get().rules.classifier),
            findings: findings, failure: failure)
    }

    private func score(_ category: String, _ verdict: Verdict, _ score: Double) -> Finding {
        Finding(
            rule: "score/\(category)", category: Category(category), clause: nil, verdict: verdict, range: 0..<9,
            score: score)
    }

    private func review(
        _ findings: [Finding], _ opinions: [JudgeOpinion], isStreamed: Bool = false, overrides: PolicyOverrides = .none,
        application: String? = nil
    ) -> JudgeReview {
        JudgeReview(
            Screening(findings: findings), [], opinions, isStreamed: isStreamed,
            scoredRules: Set(findings.map(\.rule).filter { $0.hasPrefix("score/") }), overrides: overrides,
            application: application)
    }

    @Test("nothing found clears a score of which the classifier is unsure, and no other finding")
    func clears() throws {
        let seat = try seat(["crime"])
        let unsure = score("illicit", .block, 0.9)
        #expect(review([unsure], [try opinion(seat)]).screening.verdict == .allow)
        #expect(review([score("illicit", .block, 0.96)], [try opinion(seat)]).screening.verdict == .block)
        #expect(review([score("hate", .flag, 0.5)], [try opinion(seat)]).screening.verdict == .flag)
        var pattern = unsure
        pattern.rule = "harm/illicit"
        #expect(review([pattern], [try opinion(seat)]).screening.verdict == .block)
        let many = (0..<64).map { _ in unsure }
        #expect(review(many, [try opinion(seat)]).screening.verdict == .block)
    }

    @Test("what was found before a judge failed counts; on the rest the policy decides")
    func partial() throws {
        let found = [JudgeFinding(Category("illicit"))]
        for policy in Judge.FailurePolicy.allCases {
            let seat = try seat(["crime", "self-harm"]) { $0.onFailure = policy }
            let review = review([], [try opinion(seat, found, .timeout)])
            #expect(review.screening.verdict == .block)
            #expect((review.missing != nil) == (policy == .closed))
            let verdicts = review.screening.findings.map { ($0.clause, $0.verdict) }
            #expect(verdicts.contains { $0 == ("self-harm", .notEvaluated) })
            #expect(!verdicts.contains { $0 == ("crime", .notEvaluated) })
        }
        let none = review([score("illicit", .flag, 0.5)], [try opinion(seat(["crime"]), [], .timeout)])
        // A score is not cleared by who said nothing.
        #expect(none.screening.verdict == .flag)
        #expect(review([], [try opinion(seat(["crime"]), [], .timeout)]).screening.verdict == .notEvaluated)
    }

    @Test("of judges that disagree one that finds something is enough")
    func disagreement() throws {
        let seat = try seat(["crime"])
        let yes = try opinion(seat, [JudgeFinding(Category("illicit"))])
        #expect(review([], [yes, try opinion(seat)]).screening.verdict == .block)
        #expect(review([], [try opinion(seat), yes]).screening.verdict == .block)
    }

    @Test("a shadow, and who judges what has left, only records")
    func records() throws {
        let shadow = try seat(["crime"]) { $0.isShadow = true }
        let seen = review(
            [score("illicit", .block, 0.9)],
            [try opinion(shadow), try opinion(shadow, [JudgeFinding(Category("illicit"))], .timeout)])
        #expect(seen.screening.verdict == .block && seen.missing == nil)
        let passing = try seat(["violence-and-weapons"]) {
            ($0.sides, $0.streams, $0.occasion.isAlways) = ([.completion], .pass, true)
        }
        let weapon = try opinion(passing, [JudgeFinding(Category("weapons.indiscriminate"))])
        #expect(review([], [weapon], isStreamed: true).screening.verdict == .flag)
        #expect(review([], [weapon]).screening.verdict == .block)
    }

    @Test("an application that wants a category stricter has it so from judges too")
    func tightened() throws {
        let own = "app_01jdb3k6y8v4m2n7q9r5s1t3w6"
        let overrides = try PolicyOverrides(
            yaml: "applications: [{id: \(own), enforcement: [{categories: [hate], prompt: block, completion: block}]}]",
            file: "p.yaml", beside: .shipped())
        let found = try opinion(seat(["harassment-and-hate"]), [JudgeFinding(Category("hate"))])
        let before = review([], [found], overrides: overrides, application: "app_other").screening.verdict
        #expect(before == .flag)
        #expect(review([], [found], overrides: overrides, application: own).screening.verdict == .block)
    }

    @Test("who tells clauses alone says the mildest of what falls under them")
    func mildest() throws {
        let clause = try #require(
            JudgedClause(
                "violence-and-weapons", of: .shipped(), .shipped(), side: .prompt, isSandbox: false))
        #expect(clause.category == Category("violence"))
    }

    @Test("a judge is refused for clauses that it can't tell, or about which no score says when to ask")
    func refusals() throws {
        #expect(throws: JudgeProblems.self) {
            try seat(["spam"]) { ($0.form, $0.occasion.isAlways) = (.llamaGuard, true) }
        }
        #expect(throws: JudgeProblems.self) {
            try seat(["crime"]) { ($0.form, $0.occasion.isAlways) = (.presidio, true) }
        }
        // Of answers nobody scores attacks.
        #expect(throws: JudgeProblems.self) { try seat(["circumventing-safeguards"]) { $0.sides = [.completion] } }
        #expect(throws: Never.self) { try seat(["circumventing-safeguards"]) }
    }

    @Test("silence clears only what a form can tell")
    func tellable() throws {
        let guardModel = try seat(["harassment-and-hate"]) { $0.form = .llamaGuard }
        let findings = [score("hate", .flag, 0.5), score("toxicity", .flag, 0.5)]
        let seen = review(findings, [try opinion(guardModel)])
        #expect(seen.screening.findings[0].verdict == .allow && seen.screening.findings[1].verdict == .flag)
    }
}
