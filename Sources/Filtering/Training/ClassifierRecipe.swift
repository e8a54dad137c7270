internal import Yams

/// How a classifier is trained: what it judges, how it learns, what each set counts, and how texts are varied.
package struct ClassifierRecipe: Codable, Sendable {
    /// Rows of weights: 2 to the power of it.
    var bits: Int
    /// How often all texts are gone through.
    var epochs: Int
    /// Of so many last epochs, the weights at every quarter are averaged: what single steps add at random cancels out.
    var averagedEpochs: Int
    var seed: UInt64
    /// Of a text, so many folded bytes are learned from.
    var textBytesMax: Int
    /// What Adagrad's sums of squares begin with: the larger, the more it is like plain descent.
    var damping: Float
    var heads: [Head]
    /// By set: how much its texts count, for all heads and for some. Factors multiply; a set that is absent counts 1.
    var sets: [String: [String: Float]]
    /// Sources of sets whose texts count more or less.
    var sources: [Source]
    /// Files of grammars, beside the recipe.
    package var grammars: [String]
    var mixtures: [Mixture]
    var counterfactuals: Counterfactuals
    var unspaced: Unspaced
    var thresholds: Thresholds

    /// What is judged: names of labels, and the category of each.
    package var categories: [(label: String, category: Category)] { heads.map { ($0.name, Category($0.category)) } }

    struct Head: Codable, Sendable {
        var name: String
        var category: String
        /// See `ClassifierModel.Head`.
        var lengthSixteenths: Int
        var judgesWhole: Bool?
        var rate: Float
        /// How strongly weights are drawn to nothing, of those that a text has.
        var decay: Float
        /// Rare labels count (others / them) to the power of so many sixteenths.
        var balanceSixteenths: Int
    }

    struct Source: Codable, Sendable {
        var set: String
        var source: String
        /// As those of a set, by which they are multiplied.
        var weights: [String: Float]
    }

    /// Longer texts made of sentences of grammars.
    struct Mixture: Codable, Sendable {
        var name: String
        /// Each text takes all its sentences from one of them.
        package var grammars: [String]
        var count: Int
        var sentencesMin: Int
        var sentencesMax: Int
        var joint: String
    }

    /// Copies of texts in which each word of one of the lists is another of the same list, so that no group is a sign of
    /// anything.
    struct Counterfactuals: Codable, Sendable {
        /// The set that they become.
        var name: String
        var of: [String]
        var identities: [[String]]
    }

    /// Copies of short texts without blanks, or with points between the letters.
    struct Unspaced: Codable, Sendable {
        var name: String
        var of: [String]
        /// Of a thousand.
        var share: Int
        var bytesMax: Int
    }

    struct Thresholds: Codable, Sendable {
        /// Shares of harmless texts that may lie above a threshold; descending.
        var rates: [Double]
        /// Groups of sets; a threshold is the highest that any of them asks for.
        var pools: [[String]]
        /// Sets on whose harmless texts heads are compared.
        var usual: [String]
        /// What calibration counts, for each head, as often as what is harmless: of these sets.
        var calibration: [String]
    }

    /// Why a text is no recipe.
    package struct ReadError: Error, Hashable {
        package let message: String
    }

    /// - Throws: `ReadError` that says what is wrong where.
    package init(yaml: String) throws(ReadError) {
        do {
            self = try YAMLDecoder().decode(Self.self, from: yaml)
        } catch {
            throw ReadError(message: Self.reason(error))
        }
        if let problem = problems.first { throw ReadError(message: problem) }
    }

    /// Why a text of YAML can't be read.
    static func reason(_ error: any Error) -> String {
        func path(_ context: DecodingError.Context) -> String {
            context.codingPath.map(\.stringValue).joined(separator: ".")
        }
        return switch error {
        case DecodingError.keyNotFound(let key, let context):
            "`\(key.stringValue)` is missing\(context.codingPath.isEmpty ? "" : " in `\(path(context))`")."
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            "`\(path(context))`: \(context.debugDescription)"
        default: "\(error)"
        }
    }

    private enum CodingKeys: String, CodingKey {
        case bits, epochs, seed, damping, heads, sets, sources, grammars, mixtures, counterfactuals, unspaced,
            thresholds
        case textBytesMax = "text_bytes_max"
        case averagedEpochs = "averaged_epochs"
    }
}

extension ClassifierRecipe.Head {
    private enum CodingKeys: String, CodingKey {
        case name, category, rate, decay
        case lengthSixteenths = "length_sixteenths"
        case judgesWhole = "judges_whole"
        case balanceSixteenths = "balance_sixteenths"
    }
}

extension ClassifierRecipe.Mixture {
    private enum CodingKeys: String, CodingKey {
        case name, grammars, count, joint
        case sentencesMin = "sentences_min"
        case sentencesMax = "sentences_max"
    }
}

extension ClassifierRecipe.Unspaced {
    private enum CodingKeys: String, CodingKey {
        case name, of, share
        case bytesMax = "bytes_max"
    }
}
