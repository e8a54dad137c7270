internal import Filtering
internal import JSON

/// WildGuard: three lines, of which the first says whether the request is harmful, the last whether the answer is.
///
/// Source: README of allenai/wildguard. The model comes without a chat template: its server needs one that lays its
/// instruction around the messages.
struct WildGuardForm: JudgeDialect {
    let judge: Judge

    func requests(_ question: JudgeQuestion, _ clauses: [JudgedClause]) -> [JudgeRequest] {
        [
            JudgeRequest(
                path: ChatQuestion.path, body: ChatQuestion(judge: judge, question: question).body(), clauses: clauses)
        ]
    }

    func findings(
        in answer: JSONDocument, to request: JudgeRequest, _ question: JudgeQuestion
    ) throws(JudgeFailure) -> [JudgeFinding] {
        let asked = question.side == .prompt ? "harmful request" : "harmful response"
        let said = try answer.chatAnswer().sayingLines.compactMap { line -> String? in
            let parts = line.split(separator: ":", maxSplits: 1).map { String($0).trimmed.lowercased() }
            return parts.count == 2 && parts[0] == asked ? parts[1] : nil
        }
        switch said {
        case ["yes"]: return request.clauses.map { JudgeFinding($0.category) }
        case ["no"]: return []
        default: throw .malformed("no line that says whether it is a \(asked)")
        }
    }
}
