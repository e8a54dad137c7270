internal import Filtering
internal import Judges

/// Makes a head on the vectors that a server gives of labelled texts.
struct EmbeddingTraining {
    let url: UpstreamURL
    let model: String
    let categories: [(label: String, category: Category)]

    private static let batch = 32
    /// More of a text no small embedding model reads.
    private static let charactersMax = 4_000

    /// - Throws: `CommandFailure`.
    func head(of texts: [TrainingText]) async throws -> EmbeddingHead {
        let learned = try await examples(texts.filter { $0.split == .train }, "Learning")
        let judged = try await examples(texts.filter { $0.split == .validation }, "Judging")
        guard let dimension = learned.first?.vector.count,
            (learned + judged).allSatisfy({ $0.vector.count == dimension })
        else { throw CommandFailure("There is no text to learn from, or vectors differ in length.", .noInput) }
        let training = EmbeddingHeadTraining(learned)
        var head = EmbeddingHead(model: model, dimension: dimension, outputs: [])
        for (index, (label, category)) in categories.enumerated() {
            guard let output = training.output(index, category: category) else {
                Output.warn("\(label): not every label is there, so nothing is learned of it.")
                continue
            }
            head.outputs.append(output)
            let area = Ranking.areaUnderCurve(
                judged.compactMap { example in
                    example.labels[index].map { (output.probability(of: example.vector), $0) }
                })
            Output.warn(
                "\(label): area under the ROC curve \(area.map { "\(($0 * 1_000).rounded() / 1_000)" } ?? "unknown").")
        }
        guard !head.outputs.isEmpty else { throw CommandFailure("No label is known of any text both ways.", .noInput) }
        return head
    }

    private func examples(_ texts: [TrainingText], _ what: String) async throws -> [EmbeddingHeadTraining.Example] {
        var examples: [EmbeddingHeadTraining.Example] = []
        var tenth = 0
        for start in stride(from: 0, to: texts.count, by: Self.batch) {
            let batch = Array(texts[start..<min(start + Self.batch, texts.count)])
            for (text, vector) in zip(batch, try await vectors(of: batch)) {
                var labels: [Int: Bool] = [:]
                for (index, (label, _)) in categories.enumerated() { labels[index] = text.labels[label] }
                examples.append(.init(vector: vector, labels: labels))
            }
            let done = examples.count * 10 / texts.count
            if done > tenth { Output.warn("\(what): \(done * 10) % of \(texts.count) vectors") }
            tenth = done
        }
        return examples
    }

    private func vectors(of texts: [TrainingText]) async throws -> [[Float]] {
        let place = "The server at \(url.host):\(url.port)"
        let body = EmbeddingQuestion.body(texts.map { String($0.text.prefix(Self.charactersMax)) }, model: model)
        let answer: SingleRequest.Answer
        do {
            answer = try await SingleRequest(url: url, path: EmbeddingQuestion.path, body: body, timeout: .seconds(120))
                .answer()
        } catch {
            throw CommandFailure("\(place) does not answer: \(SingleRequest.reason(error)).", .unavailable)
        }
        guard answer.status == 200 else { throw CommandFailure("\(place) answers \(answer.status).", .unavailable) }
        do {
            return try EmbeddingQuestion.vectors(in: answer.body, count: texts.count)
        } catch {
            throw CommandFailure("\(place) answers \(error.detail ?? error.code).", .unavailable)
        }
    }
}
