internal import Filtering
internal import JSON

/// A moderation API like OpenAI's: `{"model", "input"}` in, `{"results": [{"categories", "category_scores"}]}` out.
///
/// Source: OpenAI API reference, moderations.
struct ModerationForm: JudgeDialect {
    let judge: Judge

    func requests(_ question: JudgeQuestion, _ clauses: [JudgedClause]) -> [JudgeRequest] {
        var writer = JSONWriter()
        writer.object { writer in
            judge.writeModel(into: &writer)
            writer.key("input" as StaticString)
            writer.string(utf8: question.text)
        }
        return [JudgeRequest(path: "/v1/moderations", body: writer.bytes, clauses: clauses)]
    }

    func findings(
        in answer: JSONDocument, to request: JudgeRequest, _ question: JudgeQuestion
    ) throws(JudgeFailure) -> [JudgeFinding] {
        guard let results = answer.member("results", of: answer.root), answer.count(of: results) == 1,
            let result = answer.elements(of: results).first(where: { _ in true }),
            let categories = answer.member("categories", of: result), answer.kind(categories) == .object
        else { throw .malformed("no result with categories") }
        let scores = answer.member("category_scores", of: result)
        var findings: [JudgeFinding] = []
        var known: Set<Category> = []
        for entry in request.clauses.flatMap(\.categories) {
            // The most special of its names is its own.
            guard let name = entry.moderation.last, let flag = answer.member(name, of: categories) else { continue }
            guard let isFlagged = answer.bool(flag) else {
                throw .malformed("a category that is neither true nor false")
            }
            known.insert(entry.id)
            var score = isFlagged ? 1.0 : 0
            if let node = scores.flatMap({ answer.member(name, of: $0) }) {
                score = isFlagged ? max(try answer.share(node), judge.threshold) : try answer.share(node)
            }
            if score > 0 { findings.append(JudgeFinding(entry.id, score: score)) }
        }
        for clause in request.clauses {
            let named = clause.categories.filter { !$0.moderation.isEmpty }.map(\.id)
            guard named.isEmpty || !known.isDisjoint(with: named) else {
                throw .malformed("none of the categories of \(clause.id)")
            }
        }
        return findings
    }
}

extension Judge {
    func writeModel(into writer: inout JSONWriter) {
        guard let model else { return }
        writer.key("model" as StaticString)
        writer.string(model)
    }
}

extension JSONDocument {
    /// A number from 0 to 1.
    func share(_ node: JSONNode) throws(JudgeFailure) -> Double {
        guard let share = double(node), (0...1).contains(share) else {
            throw .malformed("a score that is not from 0 to 1")
        }
        return share
    }
}
