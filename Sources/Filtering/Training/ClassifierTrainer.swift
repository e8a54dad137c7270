/// Learns a row of weights for each feature by logistic regression, all heads at once, text by text.
///
/// Steps are Adagrad's (Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011), with sums that begin at `damping`.
/// All arithmetic is of IEEE 754's basic operations in a fixed order, so that the same texts give the same weights on every
/// machine.
struct ClassifierTrainer {
    typealias Lanes = SIMD8<Float>

    private let recipe: ClassifierRecipe
    private let rate: Lanes
    private let decay: Lanes
    private(set) var weights: [Lanes]
    private var squares: [Lanes]
    private(set) var bias = Lanes()
    private var biasSquares: Lanes
    /// 1 for heads that judge a text as a whole, 0 for others.
    private let judgesWhole: Lanes

    /// What is known of one text, by head: 1 or 0, and how much it counts; 0 where nothing is known.
    struct Target {
        var label = Lanes()
        var weight = Lanes()
    }

    init(_ recipe: ClassifierRecipe) {
        self.recipe = recipe
        rate = Self.lanes(recipe.heads.map(\.rate))
        decay = Self.lanes(recipe.heads.map(\.decay))
        weights = Array(repeating: Lanes(), count: 1 << recipe.bits)
        squares = Array(repeating: Lanes(repeating: recipe.damping), count: 1 << recipe.bits)
        biasSquares = Lanes(repeating: recipe.damping)
        judgesWhole = Self.lanes(recipe.heads.map { $0.judgesWhole ?? false ? 1 : 0 })
    }

    static func lanes(_ values: [Float]) -> Lanes {
        var lanes = Lanes()
        for (index, value) in values.enumerated() { lanes[index] = value }
        return lanes
    }

    /// - Parameter progress: gets how many of all epochs' texts are done.
    mutating func learn(_ documents: TrainingDocuments, _ targets: [Target], progress: (Int) -> Void) {
        var random = SplitMix64(seed: recipe.seed)
        let scales = zip(documents.sizes, documents.wholeSizes).map { size, wholeSize in
            let (roots, wholeRoots) = (Roots(Double(max(size, 1))), Roots(Double(max(wholeSize, 1))))
            return Self.lanes(
                recipe.heads.map { head in
                    Float(1 / (head.judgesWhole ?? false ? wholeRoots : roots).power(sixteenths: head.lengthSixteenths))
                })
        }
        var average = WeightAverage(rows: weights.count)
        for epoch in 0..<recipe.epochs {
            var order = Array(0..<documents.count)
            random.shuffle(&order)
            for (done, text) in order.enumerated() {
                if done % 8_192 == 0 { progress(epoch * documents.count + done) }
                learn(documents, documents.starts[text]..<documents.starts[text + 1], targets[text], scales[text])
                let isQuarter = (done + 1) * 4 / documents.count != done * 4 / documents.count
                if isQuarter, epoch >= recipe.epochs - recipe.averagedEpochs { average.add(weights, bias) }
            }
        }
        if let (weights, bias) = average.value { (self.weights, self.bias) = (weights, bias) }
    }

    private mutating func learn(
        _ documents: TrainingDocuments, _ entries: Range<Int>, _ target: Target, _ scale: Lanes
    ) {
        var sum = Lanes()
        let judgesWhole = judgesWhole
        documents.entries.withUnsafeBufferPointer { all in
            weights.withUnsafeMutableBufferPointer { weights in
                squares.withUnsafeMutableBufferPointer { squares in
                    for entry in all[entries] { sum += entry.counts(judgesWhole) * weights[Int(entry.row)] }
                    let score = sum * scale + bias
                    var slope = Lanes()
                    for head in recipe.heads.indices where target.weight[head] > 0 {
                        let likelihood = Float(Sigmoid.of(Double(score[head])))
                        slope[head] = (likelihood - target.label[head]) * target.weight[head]
                    }
                    biasSquares += slope * slope
                    bias -= rate * slope / biasSquares.squareRoot()
                    slope *= scale
                    let drawn = (decay * scale).replacing(with: 0, where: target.weight .<= 0)
                    for entry in all[entries] {
                        let row = Int(entry.row)
                        let step = (slope + drawn * weights[row]) * entry.counts(judgesWhole)
                        squares[row] += step * step
                        weights[row] -= rate * step / squares[row].squareRoot()
                    }
                }
            }
        }
    }

}

extension TrainingDocuments.Entry {
    /// By head.
    @inline(__always)
    fileprivate func counts(_ judgesWhole: ClassifierTrainer.Lanes) -> ClassifierTrainer.Lanes {
        judgesWhole * (wholeCount - count) + count
    }
}

/// The mean of weights at several moments.
private struct WeightAverage {
    private var weights: [ClassifierTrainer.Lanes]
    private var bias = ClassifierTrainer.Lanes()
    private var count: Float = 0

    init(rows: Int) {
        weights = Array(repeating: ClassifierTrainer.Lanes(), count: rows)
    }

    mutating func add(_ weights: [ClassifierTrainer.Lanes], _ bias: ClassifierTrainer.Lanes) {
        for row in weights.indices { self.weights[row] += weights[row] }
        self.bias += bias
        count += 1
    }

    /// `nil` where there were none.
    var value: (weights: [ClassifierTrainer.Lanes], bias: ClassifierTrainer.Lanes)? {
        count > 0 ? (weights.map { $0 / count }, bias / count) : nil
    }
}
