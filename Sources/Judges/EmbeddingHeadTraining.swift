package import Filtering
internal import Glibc

/// Fits a head to vectors with labels: for each output a logistic regression with an L2 penalty.
///
/// By gradient descent in full batches with Nesterov's momentum, so that the same vectors give the same head. Sources: of the
/// loss, Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 4.4.1; of the momentum, Sutskever et al., On the
/// importance of initialization and momentum in deep learning, 2013.
package struct EmbeddingHeadTraining {
    /// A text's vector, and what is known of it by output: 1 or 0.
    package struct Example: Sendable {
        package var vector: [Float]
        package var labels: [Int: Bool]

        package init(vector: [Float], labels: [Int: Bool]) {
            (self.vector, self.labels) = (vector, labels)
        }
    }

    private let examples: [Example]
    private let dimension: Int

    private static let rounds = 300
    private static let rate: Float = 4
    private static let momentum: Float = 0.9
    /// Of the mean loss: vectors have length 1, so weights grow large.
    private static let penalty: Float = 1e-5

    /// - Precondition: all vectors have the same length.
    package init(_ examples: [Example]) {
        self.examples = examples
        dimension = examples.first?.vector.count ?? 0
        precondition(examples.allSatisfy { $0.vector.count == dimension }, "Vectors of one model have one length.")
    }

    /// One output, both kinds of label counting alike; `nil` where one of them is not there.
    package func output(_ index: Int, category: Category) -> EmbeddingHead.Output? {
        let known = examples.compactMap { example in example.labels[index].map { (example.vector, $0) } }
        let positive = known.count(where: \.1)
        guard positive > 0, positive < known.count else { return nil }
        let share = (Float(0.5) / Float(positive), Float(0.5) / Float(known.count - positive))
        var weights = [Float](repeating: 0, count: dimension)
        var (speed, bias, biasSpeed) = (weights, Float(0), Float(0))
        for _ in 0..<Self.rounds {
            // At where the momentum leads.
            let ahead = zip(weights, speed).map { $0 + Self.momentum * $1 }
            let biasAhead = bias + Self.momentum * biasSpeed
            var gradient = ahead.map { $0 * Self.penalty }
            var biasGradient: Float = 0
            for (vector, label) in known {
                var sum = biasAhead
                for place in 0..<dimension { sum += ahead[place] * vector[place] }
                let error = (1 / (1 + exp(-sum)) - (label ? 1 : 0)) * (label ? share.0 : share.1)
                for place in 0..<dimension { gradient[place] += error * vector[place] }
                biasGradient += error
            }
            for place in 0..<dimension {
                speed[place] = Self.momentum * speed[place] - Self.rate * gradient[place]
                weights[place] += speed[place]
            }
            biasSpeed = Self.momentum * biasSpeed - Self.rate * biasGradient
            bias += biasSpeed
        }
        return EmbeddingHead.Output(category, bias: bias, weights: weights)
    }
}

/// How well scores tell what is from what is not.
package enum Ranking {
    /// The share of pairs of one that is and one that is not in which the former has the higher score; ties count half.
    ///
    /// Source: Hanley and McNeil, 1982: the Wilcoxon statistic is the area under the ROC curve. `nil` without pairs.
    package static func areaUnderCurve(_ scored: [(score: Double, label: Bool)]) -> Double? {
        let sorted = scored.sorted { $0.score < $1.score }
        let positive = scored.count(where: \.label)
        guard positive > 0, positive < scored.count else { return nil }
        var (ranks, index) = (0.0, 0)
        while index < sorted.count {
            var end = index
            while end < sorted.count, sorted[end].score == sorted[index].score { end += 1 }
            let middle = Double(index + end + 1) / 2
            ranks += middle * Double(sorted[index..<end].count(where: \.label))
            index = end
        }
        let (first, other) = (Double(positive), Double(scored.count - positive))
        return (ranks - first * (first + 1) / 2) / (first * other)
    }
}
