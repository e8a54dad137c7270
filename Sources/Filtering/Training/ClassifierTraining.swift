/// Makes a classifier from a recipe, grammars and labelled texts.
package struct ClassifierTraining {
    package enum Step: Sendable {
        /// Texts of all kinds that will be learned from and judged by; sentences left out, since a test has them too.
        case texts(learned: Int, judged: Int, leftOut: Int)
        case reading(done: Int, of: Int)
        case learning(done: Int, of: Int)
        case judging(done: Int, of: Int)
    }

    package enum Failure: Error, Hashable {
        /// Nothing of a kind is there: no text that is (or that is not) what the head judges.
        case nothing(head: String, label: Bool, split: String)
        /// A label, or a set of the recipe, names what is not there.
        case unknown(String)
    }

    private let recipe: ClassifierRecipe
    private let texts: [TrainingText]
    private let leftOut: Int

    package init(_ recipe: ClassifierRecipe, _ grammar: Grammar, _ given: [TrainingText]) throws(Failure) {
        self.recipe = recipe
        let all = TrainingTexts(given, grammar, recipe)
        (texts, leftOut) = (all.texts, all.leftOut)
        let heads = Set(recipe.heads.map(\.name))
        for text in texts {
            for name in text.labels.keys where !heads.contains(name) {
                throw .unknown("label `\(name)` of \(text.set)")
            }
        }
        let grammars = Set(grammar.productions.map(\.name))
        for name in recipe.mixtures.flatMap(\.grammars) where !grammars.contains(name) {
            throw .unknown("grammar `\(name)`")
        }
        let sets = Set(texts.map(\.set))
        let named = recipe.sets.keys.sorted() + recipe.thresholds.pools.joined() + recipe.thresholds.usual
        let varied = recipe.counterfactuals.of + recipe.unspaced.of
        for set in named + recipe.thresholds.calibration + varied where !sets.contains(set) {
            throw .unknown("set `\(set)`")
        }
        let sources = Set(texts.map { "\($0.set)/\($0.source)" })
        for source in recipe.sources.map({ "\($0.set)/\($0.source)" }) where !sources.contains(source) {
            throw .unknown("source `\(source)`")
        }
    }

    package func run(progress: (Step) -> Void) throws(Failure) -> ClassifierModel {
        let learned = texts.filter { $0.split == .train }
        let judged = texts.filter { $0.split == .validation }
        progress(.texts(learned: learned.count, judged: judged.count, leftOut: leftOut))
        let targets = try targets(of: learned)
        var documents = TrainingDocuments(bits: recipe.bits, bytesMax: recipe.textBytesMax)
        for (index, text) in learned.enumerated() {
            if index % 8_192 == 0 { progress(.reading(done: index, of: learned.count)) }
            documents.append(text.text)
        }
        var trainer = ClassifierTrainer(recipe)
        trainer.learn(documents, targets) { progress(.learning(done: $0, of: learned.count * recipe.epochs)) }
        let quantised = QuantisedWeights(trainer, recipe)
        let judgement = ClassifierJudgement(recipe, quantised, judged) { done in
            progress(.judging(done: done, of: judged.count))
        }
        return try judgement.model()
    }

    /// What each text teaches, and how much it counts: by its set, and rare labels more.
    private func targets(of learned: [TrainingText]) throws(Failure) -> [ClassifierTrainer.Target] {
        let sources = Dictionary(
            recipe.sources.map { ("\($0.set)/\($0.source)", $0.weights) }, uniquingKeysWith: { $1 })
        var targets = learned.map { text in
            var target = ClassifierTrainer.Target()
            let weights = [recipe.sets[text.set] ?? [:], sources["\(text.set)/\(text.source)"] ?? [:]]
            for (index, head) in recipe.heads.enumerated() {
                guard let label = text.labels[head.name] else { continue }
                target.label[index] = label ? 1 : 0
                target.weight[index] = weights.reduce(1) { $0 * ($1["all"] ?? 1) * ($1[head.name] ?? 1) }
            }
            return target
        }
        for (index, head) in recipe.heads.enumerated() {
            let (positive, negative) = targets.reduce(into: (0.0, 0.0)) { sums, target in
                let weight = Double(target.weight[index])
                if target.label[index] == 1 { sums.0 += weight } else { sums.1 += weight }
            }
            guard positive > 0 else { throw .nothing(head: head.name, label: true, split: "train") }
            guard negative > 0 else { throw .nothing(head: head.name, label: false, split: "train") }
            let factor = Float(Roots(max(1, negative / positive)).power(sixteenths: head.balanceSixteenths))
            for text in targets.indices where targets[text].label[index] == 1 { targets[text].weight[index] *= factor }
        }
        return targets
    }
}

/// Weights in one byte each.
struct QuantisedWeights {
    let rows: [SIMD8<Int8>]
    /// By head: what a weight of one counts.
    let scales: [Double]
    let bias: [Double]

    /// Of all weights, so many keep their size; larger ones are cut.
    private static let share = 0.99999

    init(_ trainer: ClassifierTrainer, _ recipe: ClassifierRecipe) {
        let scales = recipe.heads.indices.map { head in
            let sizes = trainer.weights.map { abs($0[head]) }.sorted()
            let size = Double(sizes[Int(Double(sizes.count - 1) * Self.share)])
            return max(size / 127, .leastNormalMagnitude)
        }
        rows = trainer.weights.map { weights in
            var row = SIMD8<Int8>()
            for (head, scale) in scales.enumerated() {
                row[head] = Int8(max(-127, min(127, (Double(weights[head]) / scale).rounded(.toNearestOrEven))))
            }
            return row
        }
        self.scales = scales
        bias = recipe.heads.indices.map { Double(trainer.bias[$0]) }
    }
}
