internal import Filtering
internal import JSON

/// A program of the operator's own, in the form that `docs/reference/judge-hook.md` describes.
struct HookForm: JudgeDialect {
    let judge: Judge

    func requests(_ question: JudgeQuestion, _ clauses: [JudgedClause]) -> [JudgeRequest] {
        var writer = JSONWriter(capacity: question.text.count + question.prompt.count + 512)
        writer.object { writer in
            writer.key("judge" as StaticString)
            writer.string(judge.name)
            writer.key("side" as StaticString)
            writer.string(question.side.name)
            writer.key("text" as StaticString)
            writer.string(utf8: question.text)
            if question.side == .completion {
                writer.key("prompt" as StaticString)
                writer.string(utf8: question.prompt)
            }
            writer.key("clauses" as StaticString)
            writer.array { writer in for clause in clauses { Self.write(clause, into: &writer) } }
        }
        return [JudgeRequest(path: "", body: writer.bytes, clauses: clauses)]
    }

    private static func write(_ clause: JudgedClause, into writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("id" as StaticString)
            writer.string(clause.id)
            writer.key("title" as StaticString)
            writer.string(clause.title)
            writer.key("categories" as StaticString)
            writer.array { writer in for entry in clause.categories { writer.string(entry.id.rawValue) } }
        }
    }

    func findings(
        in answer: JSONDocument, to request: JudgeRequest, _ question: JudgeQuestion
    ) throws(JudgeFailure) -> [JudgeFinding] {
        guard let list = answer.member("findings", of: answer.root), answer.kind(list) == .array else {
            throw .malformed("no list of findings")
        }
        let asked = Set(request.clauses.flatMap(\.categories).map(\.id))
        let places = CharacterPlaces(question.text)
        var findings: [JudgeFinding] = []
        for node in answer.elements(of: list) {
            guard let name = answer.member("category", of: node).flatMap(answer.string),
                let score = answer.member("score", of: node)
            else { throw .malformed("a finding without category or score") }
            guard asked.contains(Category(name)) else { throw .malformed("a category that was not asked about") }
            let hasPlace = answer.member("start", of: node) != nil || answer.member("end", of: node) != nil
            findings.append(
                JudgeFinding(
                    Category(name), score: try answer.share(score),
                    range: hasPlace ? try places.range(of: node, in: answer) : nil))
        }
        return findings
    }
}
