internal import Filtering
internal import JSON

/// An embedding model: `{"model", "input"}` in, `{"data": [{"embedding": […]}]}` out; a head of ours decides on the vector.
///
/// Source: OpenAI API reference, embeddings.
struct EmbeddingForm: JudgeDialect {
    let judge: Judge
    let head: EmbeddingHead?

    func requests(_ question: JudgeQuestion, _ clauses: [JudgedClause]) -> [JudgeRequest] {
        [JudgeRequest(path: Self.path, body: Self.body([question.text], model: judge.model), clauses: clauses)]
    }

    static let path = "/v1/embeddings"

    static func body(_ texts: [[UInt8]], model: String?) -> [UInt8] {
        var writer = JSONWriter(capacity: texts.reduce(256) { $0 + $1.count })
        writer.object { writer in
            if let model {
                writer.key("model" as StaticString)
                writer.string(model)
            }
            writer.key("input" as StaticString)
            writer.array { writer in for text in texts { writer.string(utf8: text) } }
        }
        return writer.bytes
    }

    func findings(
        in answer: JSONDocument, to request: JudgeRequest, _ question: JudgeQuestion
    ) throws(JudgeFailure) -> [JudgeFinding] {
        guard let head else { throw .malformed("a vector, but there is no head") }
        let vectors = try Self.vectors(in: answer, count: 1, dimension: head.dimension)
        let asked = Set(request.clauses.flatMap(\.categories).map(\.id))
        return head.outputs.filter { asked.contains($0.category) }.map {
            JudgeFinding($0.category, score: $0.probability(of: vectors[0]))
        }
    }

    /// The vectors of an answer, each of length 1.
    static func vectors(
        in answer: JSONDocument, count: Int, dimension: Int?
    ) throws(JudgeFailure) -> [[Float]] {
        guard let data = answer.member("data", of: answer.root), answer.count(of: data) == count else {
            throw .malformed("another number of vectors")
        }
        var vectors: [[Float]] = []
        for (index, item) in answer.elements(of: data).enumerated() {
            if let place = answer.member("index", of: item).flatMap(answer.int), place != index {
                throw .malformed("vectors in another order")
            }
            guard let node = answer.member("embedding", of: item), answer.kind(node) == .array,
                answer.count(of: node) == dimension ?? answer.count(of: node), answer.count(of: node) > 0
            else { throw .malformed("no vector of the right length") }
            let values = answer.elements(of: node).compactMap { answer.double($0).map { Float($0) } }
            guard values.count == answer.count(of: node), let vector = EmbeddingHead.normalised(values) else {
                throw .malformed("a vector that is none")
            }
            vectors.append(vector)
        }
        return vectors
    }
}

/// What an embedding model is asked and answers, for who makes a head.
package enum EmbeddingQuestion {
    package static var path: String { EmbeddingForm.path }

    package static func body(_ texts: [String], model: String) -> [UInt8] {
        EmbeddingForm.body(texts.map { Array($0.utf8) }, model: model)
    }

    /// The vectors of so many texts, in their order.
    package static func vectors(in answer: [UInt8], count: Int) throws(JudgeFailure) -> [[Float]] {
        guard let document = try? JSONDocument(parsing: answer, limits: JSONLimits(nodesMax: 1 << 22)) else {
            throw .malformed("no JSON")
        }
        return try EmbeddingForm.vectors(in: document, count: count, dimension: nil)
    }
}
