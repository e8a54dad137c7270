/// Finds out what a trained classifier's scores mean: on texts that it has not learned from.
struct ClassifierJudgement {
    private let recipe: ClassifierRecipe
    private let weights: QuantisedWeights
    private let judged: [TrainingText]
    /// By text and head; -∞ for a text in a script for which no rule asks.
    private let scores: [SIMD8<Double>]

    init(
        _ recipe: ClassifierRecipe, _ weights: QuantisedWeights, _ judged: [TrainingText], progress: (Int) -> Void
    ) {
        (self.recipe, self.weights, self.judged) = (recipe, weights, judged)
        let model = Self.model(recipe, weights, .init(slope: 1, offset: 0)) { _ in (0, 1, []) }
        let view = CodePointView(.folded)
        scores = judged.enumerated().map { index, text in
            if index % 4_096 == 0 { progress(index) }
            var text = text.text
            return text.withUTF8 { model.scores(of: $0, view, coveredOnly: true) }
        }
    }

    /// The model with thresholds and calibration.
    func model() throws(ClassifierTraining.Failure) -> ClassifierModel {
        var measured: [(usual: Double, unusual: Double, thresholds: [ClassifierModel.Head.Threshold])] = []
        for (index, head) in recipe.heads.enumerated() {
            let usual = harmless(index, head.name, of: recipe.thresholds.usual)
            guard !usual.isEmpty else { throw .nothing(head: head.name, label: false, split: "validation") }
            let (low, high) = (Self.quantile(usual, 0.9), Self.quantile(usual, 0.99))
            let pools = recipe.thresholds.pools.map { harmless(index, head.name, of: $0) }.filter { !$0.isEmpty }
            guard !pools.isEmpty else { throw .nothing(head: head.name, label: false, split: "validation") }
            let thresholds = recipe.thresholds.rates.map { rate in
                ClassifierModel.Head.Threshold(
                    rate: rate, score: pools.map { Self.quantile($0, 1 - rate) }.max() ?? .infinity)
            }
            measured.append((low, max(high, low + 1e-6), thresholds))
        }
        let calibration = calibration(measured.map { ($0.usual, $0.unusual) })
        return Self.model(recipe, weights, calibration) { measured[$0] }
    }

    private static func model(
        _ recipe: ClassifierRecipe, _ weights: QuantisedWeights, _ calibration: ClassifierModel.Calibration,
        _ measured: (Int) -> (usual: Double, unusual: Double, thresholds: [ClassifierModel.Head.Threshold])
    ) -> ClassifierModel {
        let heads = recipe.heads.enumerated().map { index, head in
            let (usual, unusual, thresholds) = measured(index)
            return ClassifierModel.Head(
                name: head.name, category: Category(head.category), scale: weights.scales[index],
                bias: weights.bias[index], lengthSixteenths: head.lengthSixteenths,
                judgesWhole: head.judgesWhole ?? false, usual: usual, unusual: unusual, thresholds: thresholds)
        }
        return ClassifierModel(heads: heads, calibration: calibration, bits: recipe.bits, rows: weights.rows)
    }

    /// Scores of texts of these sets that the head's label says no of, ascending.
    private func harmless(_ head: Int, _ name: String, of sets: [String]) -> [Double] {
        let sets = Set(sets)
        return zip(judged, scores).lazy.filter { text, _ in sets.contains(text.set) && text.labels[name] == false }
            .map { $1[head] }.filter(\.isFinite).sorted()
    }

    /// The smallest score that at least the share has or is below.
    private static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        sorted[min(sorted.count - 1, Int((Double(sorted.count) * share).rounded(.down)))]
    }

    /// Platt's scaling (Platt, "Probabilistic outputs for support vector machines", 1999) in units of what is usual, one for
    /// all heads: within each head what is harmful counts as much as what is not, and every head as much as another.
    private func calibration(_ usual: [(low: Double, high: Double)]) -> ClassifierModel.Calibration {
        var points: [(unit: Double, label: Double, weight: Double)] = []
        let sets = Set(recipe.thresholds.calibration)
        for (index, head) in recipe.heads.enumerated() {
            let known = zip(judged, scores).compactMap { text, scores -> (Double, Bool)? in
                guard sets.contains(text.set), scores[index].isFinite, let label = text.labels[head.name] else {
                    return nil
                }
                return ((scores[index] - usual[index].low) / (usual[index].high - usual[index].low), label)
            }
            let positives = known.count { $0.1 }
            guard positives > 0, positives < known.count else { continue }
            points += known.map { unit, label in
                (unit, label ? 1 : 0, 0.5 / Double(label ? positives : known.count - positives))
            }
        }
        return Self.fit(points)
    }

    /// Newton's method on the two parameters, damped a little so that it ends where classes are apart.
    private static func fit(_ points: [(unit: Double, label: Double, weight: Double)]) -> ClassifierModel.Calibration {
        var (slope, offset) = (1.0, 0.0)
        for _ in 0..<50 {
            var (gradient, curvature) = ((0.0, 0.0), (1e-6, 0.0, 1e-6))
            for point in points {
                let likelihood = Sigmoid.of(slope * point.unit + offset)
                let residue = point.weight * (likelihood - point.label)
                let spread = point.weight * likelihood * (1 - likelihood)
                gradient.0 += residue * point.unit
                gradient.1 += residue
                curvature.0 += spread * point.unit * point.unit
                curvature.1 += spread * point.unit
                curvature.2 += spread
            }
            let determinant = curvature.0 * curvature.2 - curvature.1 * curvature.1
            guard determinant > 1e-12 else { break }
            let steps = (
                (curvature.2 * gradient.0 - curvature.1 * gradient.1) / determinant,
                (curvature.0 * gradient.1 - curvature.1 * gradient.0) / determinant
            )
            slope = max(0.01, slope - max(-1, min(1, steps.0)))
            offset -= max(-1, min(1, steps.1))
            if abs(steps.0) + abs(steps.1) < 1e-9 { break }
        }
        return ClassifierModel.Calibration(slope: slope, offset: offset)
    }
}
