extension ClassifierRecipe {
    /// What nothing could be trained by, and what could be written instead.
    var problems: [String] {
        Self.outOfRange("bits", bits, ClassifierModel.bitsRange) + Self.outOfRange("epochs", epochs, 1...1_000)
            + Self.outOfRange("averaged_epochs", averagedEpochs, 0...max(epochs, 0))
            + Self.outOfRange("text_bytes_max", textBytesMax, 1...1_000_000)
            + Self.outOfRange("damping", damping, 1e-6...1e6) + headProblems + weightProblems + variationProblems
            + thresholdProblems
    }

    private static func outOfRange<Value: Comparable>(_ name: String, _ value: Value, _ range: ClosedRange<Value>)
        -> [String]
    {
        // What is not a number lies in no range.
        range.contains(value)
            ? [] : ["`\(name)` is \(value); \(range.lowerBound) to \(range.upperBound) are possible."]
    }

    private var headProblems: [String] {
        var problems = Self.outOfRange("heads", heads.count, 1...ClassifierModel.headsMax)
        for head in heads {
            problems += Self.outOfRange("length_sixteenths", head.lengthSixteenths, 0...31)
            problems += Self.outOfRange("balance_sixteenths", head.balanceSixteenths, 0...31)
            problems +=
                Self.outOfRange("rate", head.rate, 1e-6...1_000) + Self.outOfRange("decay", head.decay, 0...1_000)
            if !ClassifierModel.Head.isName(head.name) || !ClassifierModel.Head.isName(head.category) {
                problems.append("`\(head.name)` or its category is no name: write small letters, digits, `_` and `.`.")
            }
        }
        if Set(heads.map(\.name)).count != heads.count { problems.append("Two heads have one name.") }
        return problems
    }

    private var weightProblems: [String] {
        let known = Set(heads.map(\.name)).union(["all"])
        var problems: [String] = []
        let named =
            sets.sorted { $0.key < $1.key }.map { ("sets.\($0.key)", $0.value) }
            + sources.map { ("sources.\($0.set)/\($0.source)", $0.weights) }
        for (path, weights) in named {
            for (name, weight) in weights.sorted(by: { $0.key < $1.key }) {
                if !known.contains(name) {
                    problems.append("`\(path)` names `\(name)`, which is no head, nor `all`.")
                }
                problems += Self.outOfRange("\(path).\(name)", weight, 0...1_000_000)
            }
        }
        return problems
    }

    private var variationProblems: [String] {
        var problems = mixtures.flatMap { mixture in
            Self.outOfRange("count", mixture.count, 0...1_000_000)
                + Self.outOfRange("sentences_min", mixture.sentencesMin, 1...1_000)
                + Self.outOfRange(
                    "sentences_max", mixture.sentencesMax,
                    max(mixture.sentencesMin, 1)...max(mixture.sentencesMin, 1_000))
        }
        problems += Self.outOfRange("unspaced.share", unspaced.share, 0...1_000)
        problems += Self.outOfRange("unspaced.bytes_max", unspaced.bytesMax, 0...1_000_000)
        if counterfactuals.identities.contains(where: \.isEmpty) { problems.append("A list of `identities` is empty.") }
        return problems
    }

    private var thresholdProblems: [String] {
        let rates = thresholds.rates
        guard !rates.isEmpty, zip(rates, rates.dropFirst()).allSatisfy({ $0 > $1 }) else {
            return ["`thresholds.rates` must be shares that descend, such as [0.01, 0.001]."]
        }
        return rates.flatMap { Self.outOfRange("thresholds.rates", $0, 1e-6...0.5) }
    }
}
