internal import Foundation

/// How often what a rule finds is right, told from samples that were drawn at known shares.
///
/// Each counts for as many as it stands for: by the inverse of the probability with which it was drawn (D. Horvitz and
/// D. Thompson, 1952; as a ratio, J. Hájek, 1971). The interval is Wilson's (1927) for as many samples as have the same
/// variance without weights (L. Kish, 1965: the square of the sum of weights through the sum of their squares).
package struct PrecisionEstimate: Sendable, Hashable {
    /// Samples that were judged.
    package let judged: Int
    /// From 0 to 1; `nil` where none was.
    package let precision: Double?
    /// Of 95 %.
    package let low: Double
    package let high: Double

    /// - Parameter judged: whether each was right, and how likely it was drawn.
    package init(_ judged: [(isRight: Bool, probability: Double)]) {
        self.judged = judged.count
        let weights = judged.map { 1 / $0.probability }
        let sum = weights.reduce(0, +)
        guard sum > 0 else {
            (precision, low, high) = (nil, 0, 1)
            return
        }
        let right = zip(judged, weights).reduce(0) { $0 + ($1.0.isRight ? $1.1 : 0) }
        let share = right / sum
        let effective = sum * sum / weights.reduce(0) { $0 + $1 * $1 }
        precision = share
        (low, high) = Self.wilson(share, of: effective)
    }

    /// Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
    static func wilson(_ share: Double, of count: Double) -> (low: Double, high: Double) {
        let z = 1.959963984540054
        let middle = (share + z * z / (2 * count)) / (1 + z * z / count)
        let half = z / (1 + z * z / count) * (share * (1 - share) / count + z * z / (4 * count * count)).squareRoot()
        return (max(0, middle - half), min(1, middle + half))
    }
}

/// What labels say of each rule.
package struct RulePrecision: Sendable, Hashable {
    package let rule: String
    package let category: String
    /// Samples in which it found something.
    package let samples: Int
    package let estimate: PrecisionEstimate

    /// Whether it is wrong often enough to be tried out before it goes on: more likely than not at the upper end.
    package var isForShadow: Bool { estimate.judged >= Self.judgedMin && estimate.high < Self.precisionMin }

    private static let judgedMin = 10
    private static let precisionMin = 0.5

    /// Of all rules that found something, by id. What reviewers do not agree about counts for neither; one who is unsure or
    /// has declined says nothing.
    package static func all(_ samples: [Sample], _ labels: [SampleLabel]) -> [RulePrecision] {
        let said = Dictionary(grouping: labels) { Said(sample: $0.sample.description, category: $0.category) }
        struct Rule: Hashable {
            var id: String
            var category: String
        }
        var found: [Rule: (samples: Int, judged: [(isRight: Bool, probability: Double)])] = [:]
        for sample in samples {
            for rule in Set(sample.findings.map({ Rule(id: $0.rule, category: $0.category) })) {
                found[rule, default: (0, [])].samples += 1
                let labels = said[Said(sample: sample.id.description, category: rule.category)] ?? []
                let judgements = Set(labels.map(\.judgement)).intersection([.yes, .no])
                guard judgements.count == 1, let judgement = judgements.first else { continue }
                found[rule, default: (0, [])].judged.append((judgement == .yes, sample.probability))
            }
        }
        return found.map { rule, counts in
            RulePrecision(
                rule: rule.id, category: rule.category, samples: counts.samples,
                estimate: PrecisionEstimate(counts.judged))
        }.sorted { ($0.rule, $0.category) < ($1.rule, $1.category) }
    }

    private struct Said: Hashable {
        var sample: String
        var category: String
    }
}

/// What labels say of a threshold of one category's score.
package struct ThresholdPrecision: Sendable, Hashable {
    package let category: String
    package let threshold: Double
    /// Of the samples at or above it.
    package let estimate: PrecisionEstimate
    /// Of all texts that are of the category, the share at or above it, as far as samples tell; `nil` where none is.
    package let recall: Double?

    /// Of some thresholds, in their order.
    package static func all(
        _ category: String, _ thresholds: [Double], _ samples: [Sample], _ labels: [SampleLabel]
    ) -> [ThresholdPrecision] {
        let said = Dictionary(grouping: labels.filter { $0.category == category }, by: \.sample)
        let judged = samples.compactMap { sample -> (score: Double, isRight: Bool, probability: Double)? in
            let judgements = Set((said[sample.id] ?? []).map(\.judgement)).intersection([.yes, .no])
            guard judgements.count == 1, let score = sample.scores[category] else { return nil }
            return (score, judgements.contains(.yes), sample.probability)
        }
        let positives = judged.filter(\.isRight)
        let all = positives.reduce(0) { $0 + 1 / $1.probability }
        return thresholds.map { threshold in
            let above = positives.filter { $0.score >= threshold }.reduce(0) { $0 + 1 / $1.probability }
            return ThresholdPrecision(
                category: category, threshold: threshold,
                estimate: PrecisionEstimate(
                    judged.filter { $0.score >= threshold }.map { ($0.isRight, $0.probability) }),
                recall: all > 0 ? above / all : nil)
        }
    }
}
