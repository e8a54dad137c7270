/// All texts that a classifier learns from: those given, sentences of grammars, and varied copies.
struct TrainingTexts {
    private let recipe: ClassifierRecipe
    private(set) var texts: [TrainingText]
    /// Of texts that only tests use.
    private let tested: Set<String>
    /// Sentences of grammars that equalled a tested text.
    private(set) var leftOut = 0

    private static let sentenceSet = "grammar"

    init(_ given: [TrainingText], _ grammar: Grammar, _ recipe: ClassifierRecipe) {
        self.recipe = recipe
        texts = given.filter { $0.split != .test }
        tested = Set(given.lazy.filter { $0.split == .test }.map(\.key))
        var random = SplitMix64(seed: recipe.seed)
        addSentences(of: grammar, &random)
        addMixtures(of: grammar, &random)
        addCopies(&random)
    }

    private mutating func addSentences(of grammar: Grammar, _ random: inout SplitMix64) {
        var seen: Set<String> = []
        for production in grammar.productions {
            let labels = production.labels.mapValues { $0 != 0 }
            for _ in 0..<production.count {
                let sentence = grammar.sentence(of: production, &random)
                let text = grammar.decorating(sentence.text, &random)
                guard seen.insert(text).inserted else { continue }
                // Sentences of one origin go to one split, so that thresholds are taken from others than were learned.
                let split: TrainingText.Split = FNV1a.hash(sentence.origin) % 10 == 0 ? .validation : .train
                add(
                    TrainingText(
                        text: text, labels: labels, set: Self.sentenceSet, source: production.name, split: split))
            }
        }
    }

    private mutating func addMixtures(of grammar: Grammar, _ random: inout SplitMix64) {
        for mixture in recipe.mixtures {
            let productions = mixture.grammars.compactMap { name in grammar.productions.first { $0.name == name } }
            guard !productions.isEmpty else { continue }
            for _ in 0..<mixture.count {
                let production = random.pick(productions)
                let count = mixture.sentencesMin + random.below(mixture.sentencesMax - mixture.sentencesMin + 1)
                let sentences = (0..<count).map { _ in grammar.sentence(of: production, &random).text }
                let split: TrainingText.Split = random.below(10) == 0 ? .validation : .train
                add(
                    TrainingText(
                        text: sentences.joined(separator: mixture.joint),
                        labels: production.labels.mapValues { $0 != 0 },
                        set: mixture.name, source: production.name, split: split))
            }
        }
    }

    private mutating func add(_ text: TrainingText) {
        if !tested.isEmpty, tested.contains(text.key) { leftOut += 1 } else { texts.append(text) }
    }

    private mutating func addCopies(_ random: inout SplitMix64) {
        let swap = IdentitySwap(recipe.counterfactuals.identities)
        let (swapped, unspaced) = (Set(recipe.counterfactuals.of), Set(recipe.unspaced.of))
        for text in texts where text.split == .train {
            if swapped.contains(text.set), let copy = swap.counterfactual(of: text.text, &random) {
                texts.append(text.copied(copy, as: recipe.counterfactuals.name))
            }
            guard unspaced.contains(text.set), text.text.utf8.count < recipe.unspaced.bytesMax,
                random.below(1_000) < recipe.unspaced.share
            else { continue }
            let words = text.text.split(whereSeparator: \.isWhitespace)
            let copy =
                random.below(2) == 0
                ? words.map { $0.map(String.init).joined(separator: ".") }.joined(separator: " ") : words.joined()
            texts.append(text.copied(copy, as: recipe.unspaced.name))
        }
    }
}

extension TrainingText {
    fileprivate func copied(_ text: String, as set: String) -> TrainingText {
        TrainingText(text: text, labels: labels, set: set, source: self.set, split: split)
    }
}

extension Grammar {
    /// As people begin and end what they ask, now and then; with a capital letter.
    fileprivate func decorating(_ sentence: String, _ random: inout SplitMix64) -> String {
        var sentence = sentence
        switch random.below(10) {
        case 0: sentence = (word(of: "openings", &random) ?? "") + sentence
        case 1:
            while let last = sentence.last, last == "." || last == "?" { sentence.removeLast() }
            sentence += word(of: "endings", &random) ?? ""
        default: break
        }
        return sentence.prefix(1).uppercased() + sentence.dropFirst()
    }
}

/// Swaps words that name groups of people for others of their list.
struct IdentitySwap {
    private let lists: [[String]]
    /// By word, the list that it is swapped within: the first one that has it.
    private let places: [String: Int]

    init(_ lists: [[String]]) {
        self.lists = lists
        places = Dictionary(
            lists.enumerated().flatMap { index, list in list.map { ($0, index) } },
            uniquingKeysWith: { first, _ in first })
    }

    /// The text in lower case with each such word swapped, one word always for the same; `nil` if nothing changes.
    func counterfactual(of text: String, _ random: inout SplitMix64) -> String? {
        let bytes = text.utf8.map { $0 | ($0 &- 0x41 < 26 ? 0x20 : 0) }
        var swaps: [String: String] = [:]
        var copy: [UInt8] = []
        var start = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count, Self.isWord(bytes[end]) { end += 1 }
            let word = String(decoding: bytes[start..<end], as: UTF8.self)
            if let list = places[word] {
                let swap = swaps[word] ?? random.pick(lists[list])
                swaps[word] = swap
                copy += swap.utf8
            } else {
                copy += bytes[start..<end]
            }
            if end < bytes.count { copy.append(bytes[end]) }
            start = end + 1
        }
        return !swaps.isEmpty && copy != bytes ? String(decoding: copy, as: UTF8.self) : nil
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        byte &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x5F || byte >= 0x80
    }
}

/// A hash that is the same everywhere (http://www.isthe.com/chongo/tech/comp/fnv/).
enum FNV1a {
    static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
