import Filtering
import Testing

@testable import Judges

struct EmbeddingHeadTrainingTests {
    /// Vectors around two directions, with noise; a third dimension says nothing.
    private func examples(_ count: Int, labelled: Bool = true) -> [EmbeddingHeadTraining.Example] {
        var state: UInt64 = 7
        func noise() -> Float {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) / Float(1 << 24) - 0.5
        }
        return (0..<count).compactMap { index in
            let isOne = index % 5 == 0
            let raw = [isOne ? 1 + noise() : noise(), isOne ? noise() : 1 + noise(), noise()]
            return EmbeddingHead.normalised(raw).map { .init(vector: $0, labels: labelled ? [0: isOne] : [:]) }
        }
    }

    @Test("a head tells apart what its examples tell apart, the same each time")
    func learns() throws {
        let training = EmbeddingHeadTraining(examples(200))
        let output = try #require(training.output(0, category: Category("hate")))
        let scored = examples(200).map { (score: output.probability(of: $0.vector), label: $0.labels[0] ?? false) }
        #expect(try #require(Ranking.areaUnderCurve(scored)) > 0.97)
        // Both kinds count alike, though one is four times as common.
        #expect(scored.count { ($0.score > 0.5) == $0.label } > 185)
        #expect(training.output(0, category: Category("hate")) == output)
    }

    @Test("of a label that says nothing nothing is learned")
    func refuses() {
        #expect(EmbeddingHeadTraining(examples(20, labelled: false)).output(0, category: Category("hate")) == nil)
        #expect(EmbeddingHeadTraining([]).output(0, category: Category("hate")) == nil)
    }

    @Test("the area under the curve is that of the pairs, ties counting half")
    func area() {
        #expect(Ranking.areaUnderCurve([(0.1, false), (0.4, false), (0.35, true), (0.8, true)]) == 0.75)
        #expect(Ranking.areaUnderCurve([(0.5, false), (0.5, true)]) == 0.5)
        #expect(Ranking.areaUnderCurve([(0.5, true), (0.6, true)]) == nil)
        #expect(Ranking.areaUnderCurve([]) == nil)
    }
}
