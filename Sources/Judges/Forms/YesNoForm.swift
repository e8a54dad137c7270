internal import Filtering
internal import JSON

/// ShieldGemma and Granite Guardian: asked clause by clause, in our words, whether a text breaks it.
///
/// How the question is laid out is done by the models' own chat templates, which take the rule as an argument: ShieldGemma's
/// as `guideline`; Granite Guardian's in `guardian_config`, as `risk_definition` up to 3.2 and as `custom_criteria` since
/// 3.3. Both say yes where the rule is broken.
///
/// Sources: model cards of ShieldGemma, and of Granite Guardian 3.1 and 3.3.
struct YesNoForm: JudgeDialect {
    let judge: Judge

    func requests(_ question: JudgeQuestion, _ clauses: [JudgedClause]) -> [JudgeRequest] {
        clauses.map { clause in
            let body = ChatQuestion(judge: judge, question: question).body { writer in
                writer.key("chat_template_kwargs" as StaticString)
                writer.object { writer in
                    if judge.form == .shieldGemma {
                        writer.key("guideline" as StaticString)
                        writer.string("\"\(clause.title)\": \(clause.text)")
                    } else {
                        writer.key("guardian_config" as StaticString)
                        writer.object { writer in
                            writer.key("risk_name" as StaticString)
                            writer.string(clause.id)
                            for member in ["risk_definition", "custom_criteria"] as [StaticString] {
                                writer.key(member)
                                writer.string(clause.text)
                            }
                        }
                    }
                }
            }
            return JudgeRequest(path: ChatQuestion.path, body: body, clauses: [clause])
        }
    }

    func findings(
        in answer: JSONDocument, to request: JudgeRequest, _ question: JudgeQuestion
    ) throws(JudgeFailure) -> [JudgeFinding] {
        var text = try answer.chatAnswer()
        if let opening = text.range(of: "<score>") {
            guard let closing = text.range(of: "</score>"), opening.upperBound <= closing.lowerBound else {
                throw .malformed("a score that does not end")
            }
            text = String(text[opening.upperBound..<closing.lowerBound]).trimmed
        }
        switch text.prefix(while: \.isLetter).lowercased() {
        case "yes": return request.clauses.map { JudgeFinding($0.category) }
        case "no": return []
        default: throw .malformed("neither yes nor no")
        }
    }
}
