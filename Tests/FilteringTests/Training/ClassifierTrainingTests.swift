import Testing

@testable import Filtering

@Suite("Training a classifier")
struct ClassifierTrainingTests {
    static let recipe = """
        bits: 12
        epochs: 4
        averaged_epochs: 2
        seed: 1
        text_bytes_max: 1000
        damping: 1.0
        heads:
          - {name: fruit, category: test.fruit, length_sixteenths: 8, rate: 1, decay: 0.01, balance_sixteenths: 8}
          - {name: long, category: test.long, length_sixteenths: 4, judges_whole: true, rate: 1, decay: 0, balance_sixteenths: 0}
        sets: {mine: {all: 2, fruit: 0.5}}
        sources: []
        grammars: []
        mixtures: []
        counterfactuals: {name: swapped, of: [], identities: []}
        unspaced: {name: unspaced, of: [mine], share: 100, bytes_max: 100}
        thresholds: {rates: [0.1, 0.01], pools: [[mine], [grammar]], usual: [mine, grammar], calibration: [mine, grammar]}
        """
    static let grammar = """
        lists:
          fruits: [apple, pear, plum, fig]
          tools: [hammer, saw, drill, file]
          fruit_frames: ["i like a {fruits}", "{fruits} and {fruits} pie", "buy one {fruits}"]
          tool_frames: ["i like a {tools}", "{tools} and {tools} box", "buy one {tools}"]
        grammars:
          - {name: fruits, labels: {fruit: 1, long: 0}, count: 60, frames: fruit_frames}
          - {name: tools, labels: {fruit: 0, long: 0}, count: 60, frames: tool_frames}
        """

    static func texts() -> [TrainingText] {
        (0..<200).map { number in
            let isLong = number % 3 == 0
            let text = String(repeating: number % 2 == 0 ? "a ripe plum " : "a rusty file ", count: isLong ? 30 : 2)
            return TrainingText(
                text: text + "\(number)", labels: ["fruit": number % 2 == 0, "long": isLong], set: "mine",
                split: number % 5 == 0 ? .validation : .train)
        }
    }

    static func train(_ texts: [TrainingText] = texts(), _ recipe: String = recipe) throws -> ClassifierModel {
        let training = try ClassifierTraining(
            ClassifierRecipe(yaml: recipe), Grammar(files: [("g.yaml", grammar)]), texts)
        return try training.run { _ in }
    }

    @Test("gives the same bytes for the same texts, and others for others")
    func isDeterministic() throws {
        let file = try Self.train().file
        #expect(try Self.train().file == file)
        #expect(try Self.train(Self.texts().dropLast()).file != file)
        #expect(try Self.train(Self.texts(), Self.recipe.replacing("seed: 1", with: "seed: 2")).file != file)
    }

    @Test("learns what tells texts apart, by words it has seen in other texts")
    func learns() throws {
        let (model, view) = (try Self.train(), CodePointView(.folded))
        func score(_ text: String) -> Double {
            Array(text.utf8).withUnsafeBufferPointer { model.scores(of: $0, view)[0] }
        }
        #expect(score("we ate a plum and a pear") > 0)
        #expect(score("we lost the hammer and the drill") < 0)
    }

    @Test("learns nothing from a source that counts nothing, for the head that it says")
    func sources() throws {
        var texts = Self.texts()
        for index in texts.indices where texts[index].labels["fruit"] == false { texts[index].source = "tools" }
        let weighted = Self.recipe.replacing(
            "sources: []", with: "sources: [{set: mine, source: tools, weights: {fruit: 0}}]")
        let view = CodePointView(.folded)
        func scores(_ model: ClassifierModel) -> SIMD8<Double> {
            Array("a rusty file".utf8).withUnsafeBufferPointer { model.scores(of: $0, view) }
        }
        let (before, after) = (scores(try Self.train(texts)), scores(try Self.train(texts, weighted)))
        #expect(after[0] > before[0] && after[1] == before[1])
    }

    @Test("sets thresholds above which no more harmless texts lie than was asked, in any pool")
    func thresholds() throws {
        let model = try Self.train()
        let head = try #require(model.heads.first)
        #expect(head.thresholds.map(\.rate) == [0.1, 0.01])
        #expect(head.thresholds[0].score <= head.thresholds[1].score)
        let harmless = Self.texts().filter { $0.split == .validation && $0.labels["fruit"] == false }
        let view = CodePointView(.folded)
        let above = harmless.count { text in
            Array(text.text.utf8).withUnsafeBufferPointer { model.scores(of: $0, view)[0] } > head.thresholds[0].score
        }
        #expect(Double(above) <= 0.1 * Double(harmless.count))
    }

    @Test("refuses what it can't learn from, and says what is missing")
    func refuses() throws {
        var unknown = Self.texts()
        unknown[0].labels["vegetable"] = true
        #expect(throws: ClassifierTraining.Failure.unknown("label `vegetable` of mine")) { try Self.train(unknown) }
        #expect(throws: ClassifierTraining.Failure.unknown("set `mine`")) { try Self.train([]) }
        let source = Self.recipe.replacing("sources: []", with: "sources: [{set: mine, source: a, weights: {all: 1}}]")
        #expect(throws: ClassifierTraining.Failure.unknown("source `mine/a`")) { try Self.train(Self.texts(), source) }
        let none = Self.texts().map { text in
            var text = text
            text.labels["long"] = nil
            return text
        }
        #expect(throws: ClassifierTraining.Failure.nothing(head: "long", label: true, split: "train")) {
            try Self.train(none)
        }
        #expect(throws: ClassifierRecipe.ReadError.self) { try ClassifierRecipe(yaml: "bits: 12") }
        let many = Self.recipe.replacing("bits: 12", with: "bits: 60")
        #expect(throws: ClassifierRecipe.ReadError(message: "`bits` is 60; 8 to 22 are possible.")) {
            try ClassifierRecipe(yaml: many)
        }
    }

    @Test(
        "refuses a recipe that nothing could be trained by, and says what is possible",
        arguments: [
            ("epochs: 4", "epochs: -1", "`epochs` is -1; 1 to 1000 are possible."),
            ("damping: 1.0", "damping: .nan", "`damping` is nan"), ("rate: 1,", "rate: .inf,", "`rate` is inf"),
            ("decay: 0.01", "decay: -1", "`decay` is -1.0"),
            ("length_sixteenths: 8", "length_sixteenths: 40", "0 to 31"),
            ("text_bytes_max: 1000", "text_bytes_max: 0", "`text_bytes_max` is 0"),
            ("rates: [0.1, 0.01]", "rates: [2.0]", "`thresholds.rates` is 2.0"),
            ("rates: [0.1, 0.01]", "rates: [0.01, 0.1]", "descend"), ("rates: [0.1, 0.01]", "rates: []", "descend"),
            ("all: 2,", "al: 2,", "names `al`, which is no head"), ("all: 2,", "all: -2,", "`sets.mine.all` is -2.0"),
            (
                "sources: []", "sources: [{set: mine, source: a, weights: {al: 1}}]",
                "`sources.mine/a` names `al`, which is no head"
            ),
            ("share: 100", "share: 1001", "`unspaced.share` is 1001"), ("name: fruit", "name: ''", "is no name"),
            ("category: test.long", "category: \"a\\n\"", "is no name"), ("name: long", "name: fruit", "one name"),
            (
                "mixtures: []",
                "mixtures: [{name: m, grammars: [g], count: 1, sentences_min: 1, sentences_max: 9223372036854775807, joint: ''}]",
                "`sentences_max` is 9223372036854775807"
            ),
        ])
    func problems(part: String, broken: String, reason: String) {
        #expect(Self.recipe.contains(part))
        do throws(ClassifierRecipe.ReadError) {
            _ = try ClassifierRecipe(yaml: Self.recipe.replacing(part, with: broken))
            Issue.record("\(broken) was accepted.")
        } catch {
            #expect(error.message.contains(reason), "\(error.message)")
        }
    }

    @Test("never learns from a sentence that a test has")
    func leavesOut() throws {
        let recipe = try ClassifierRecipe(yaml: Self.recipe)
        let grammar = try Grammar(files: [("g.yaml", Self.grammar)])
        let tested = TrainingText(text: "BUY one  fig!", labels: [:], set: "test", split: .test)
        let (with, without) = (TrainingTexts([tested], grammar, recipe), TrainingTexts([], grammar, recipe))
        #expect(without.texts.contains { $0.key == tested.key })
        #expect(with.leftOut > 0 && !with.texts.contains { $0.key == tested.key })
    }

    @Test("reads a line of a set, or says what is wrong with it")
    func lines() throws {
        let line = #"{"text": "a", "labels": {"fruit": 1}, "set": "mine", "split": "validation", "else": []}"#
        let text = try TrainingText(line: Array(line.utf8))
        #expect(text.labels == ["fruit": true] && text.set == "mine" && text.split == .validation)
        for bad in [
            #"[]"#, #"{"text": 1}"#, #"{"text": "a", "labels": {"fruit": 2}}"#, #"{"text": "a", "split": "x"}"#, "{",
        ] {
            #expect(throws: TrainingText.LineError.self) { try TrainingText(line: Array(bad.utf8)) }
        }
    }
}

@Suite("Grammars of training sentences")
struct GrammarTests {
    private static func grammar(_ lists: String) throws -> Grammar {
        try Grammar(files: [("g.yaml", "lists: {\(lists)}\ngrammars: []")])
    }

    @Test("fill every name by one of its list, however deep")
    func fills() throws {
        let grammar = try Grammar(files: [
            ("a.yaml", "lists: {f: ['say {x} to {who}'], who: ['the {kind} man'], kind: [old, young]}"),
            (
                "b.yaml",
                "lists: {words: [hello, '{kind} things']}\ngrammars: [{name: g, labels: {}, count: 1, frames: f, fill: words}]"
            ),
        ])
        var (random, seen) = (SplitMix64(seed: 1), Set<String>())
        for _ in 0..<200 { seen.insert(grammar.sentence(of: grammar.productions[0], &random).text) }
        #expect(
            seen == [
                "say hello to the old man", "say hello to the young man", "say old things to the old man",
                "say old things to the young man", "say young things to the old man",
                "say young things to the young man",
            ])
    }

    @Test("are refused where a name stands for nothing or for itself")
    func refuses() {
        #expect(throws: Grammar.ReadError(message: "`{b}` in `a` names no list.")) { try Self.grammar("a: ['{b}']") }
        #expect(throws: Grammar.ReadError(message: "The list `a` stands for itself.")) {
            try Self.grammar("a: ['{b}'], b: ['{a}']")
        }
    }
}

@Suite("Identity counterfactuals")
struct IdentitySwapTests {
    private static let swap = IdentitySwap([["jews", "muslims", "women"], ["gay", "old"]])

    @Test("swap whole words within their list, one word always for the same, and leave the rest")
    func swaps() throws {
        var random = SplitMix64(seed: 3)
        for _ in 0..<50 {
            guard let copy = Self.swap.counterfactual(of: "Women and women, gayest of OLD womens'", &random) else {
                continue
            }
            let words = copy.split(separator: " ").map(String.init)
            #expect(words[0] + "," == words[2])
            #expect(["jews", "muslims", "women"].contains(words[0]) && ["gay", "old"].contains(words[5]))
            #expect(words[1] == "and" && words[3] == "gayest" && words[6] == "womens'")
        }
        #expect(Self.swap.counterfactual(of: "nothing to swap", &random) == nil)
    }
}
