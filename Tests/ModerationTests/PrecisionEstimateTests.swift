import Storage
import Testing

@testable import Moderation

@Suite("What samples tell of a rule")
struct PrecisionEstimateTests {
    private static func near(_ value: Double?, _ expected: Double) -> Bool { abs((value ?? -1) - expected) < 5e-5 }

    /// Wilson's interval without correction. Source: R. G. Newcombe, "Two-sided confidence intervals for the single
    /// proportion" (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    @Test(
        "of equal shares has Wilson's interval",
        arguments: [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)])
    func wilson(right: Int, of count: Int, low: Double, high: Double) {
        for probability in [1, 0.01] {
            let estimate = PrecisionEstimate((0..<count).map { ($0 < right, probability) })
            #expect(Self.near(estimate.precision, Double(right) / Double(count)))
            #expect(Self.near(estimate.low, low) && Self.near(estimate.high, high), "\(estimate)")
        }
    }

    /// One of ten thousand that stands for many outweighs those that stand for few.
    @Test("of unequal shares counts each for as many as it stands for")
    func weights() {
        let estimate = PrecisionEstimate([(true, 1), (true, 1), (false, 0.1)])
        #expect(Self.near(estimate.precision, 2.0 / 12))
        // Kish: (1 + 1 + 10)² / (1 + 1 + 100) = 1.412 samples.
        let (low, high) = PrecisionEstimate.wilson(2.0 / 12, of: 144.0 / 102)
        #expect(Self.near(estimate.low, low) && Self.near(estimate.high, high))
        let none = PrecisionEstimate([])
        #expect(none.precision == nil && none.low == 0 && none.high == 1)
    }

    /// A made population: a rule finds 30 % of texts with precision 0.8, sampled at two shares by something that goes with
    /// being right. The estimate is near in most seeds, where the plain share is off in nearly all.
    @Test("is right on the whole, where the plain share is not", arguments: 0..<4 as Range<UInt64>)
    func unbiased(seed: UInt64) {
        var state = seed &+ 1
        func draw() -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 11) * 0x1p-53
        }
        var (covered, plainNear) = (0, 0)
        for _ in 0..<200 {
            var judged: [(isRight: Bool, probability: Double)] = []
            for _ in 0..<4_000 {
                let isRight = draw() < 0.8
                let probability = isRight ? 0.02 : 0.2
                if draw() < probability { judged.append((isRight, probability)) }
            }
            let estimate = PrecisionEstimate(judged)
            if estimate.low <= 0.8, 0.8 <= estimate.high { covered += 1 }
            let plain = Double(judged.count(where: \.isRight)) / Double(judged.count)
            if abs(plain - 0.8) < 0.2 { plainNear += 1 }
        }
        #expect(covered > 180, "\(covered)")
        #expect(plainNear == 0)
    }

    private static let application = ApplicationID(at: Timestamp(microseconds: 0))

    private static func sample(_ number: Int, _ rules: [String], scores: [String: Double] = [:]) -> Sample {
        let at = Timestamp(microseconds: Int64(number) * 1_000_000)
        return Sample(
            id: SampleID(at: at), record: RecordID(at: at), at: at, application: application, stage: 0, side: "prompt",
            reason: "found", probability: 0.5, verdict: 1,
            findings: rules.map {
                .init(rule: $0, category: "hate", clause: nil, verdict: "flag", score: 1, start: 0, end: 1)
            }, scores: scores, isCut: false)
    }

    private static func label(
        _ sample: Sample, _ judgement: SampleLabel.Judgement, by reviewer: String = "jane", of category: String = "hate"
    ) -> SampleLabel {
        SampleLabel(sample: sample.id, category: category, reviewer: reviewer, judgement: judgement, at: sample.at)
    }

    @Test("leaves out what nobody is sure of, has declined, or agrees about")
    func disagreement() {
        let samples = (0..<5).map { Self.sample($0, ["a/b", "a/b", "c/d"]) }
        let labels = [
            Self.label(samples[0], .yes), Self.label(samples[1], .yes), Self.label(samples[1], .no, by: "joe"),
            Self.label(samples[2], .unsure), Self.label(samples[3], .declined), Self.label(samples[3], .no, by: "joe"),
            Self.label(samples[4], .yes, of: "toxicity"),
        ]
        let rules = RulePrecision.all(samples, labels)
        #expect(rules.map(\.rule) == ["a/b", "c/d"] && rules.map(\.samples) == [5, 5])
        #expect(rules[0].estimate.judged == 2 && rules[0].estimate.precision == 0.5)
    }

    @Test("proposes the shadow for rules that are wrong more often than right, once enough was judged")
    func shadow() {
        func isForShadow(right: Int, wrong: Int) -> Bool {
            let samples = (0..<right + wrong).map { Self.sample($0, ["a/b"]) }
            let labels = samples.enumerated().map { Self.label($1, $0 < right ? .yes : .no) }
            return RulePrecision.all(samples, labels)[0].isForShadow
        }
        #expect(isForShadow(right: 1, wrong: 19) && !isForShadow(right: 10, wrong: 10))
        #expect(!isForShadow(right: 0, wrong: 9) && isForShadow(right: 0, wrong: 10))
    }

    @Test("tells of each threshold what it would find, and how much of that is right")
    func thresholds() {
        let samples = (0..<10).map { Self.sample($0, [], scores: ["hate": Double($0) / 10]) }
        let labels = samples.enumerated().map { Self.label($1, [5, 7, 8, 9].contains($0) ? .yes : .no) }
        let estimates = ThresholdPrecision.all("hate", [0.8, 0.5, 0.95], samples, labels)
        #expect(estimates.map(\.estimate.judged) == [2, 5, 0])
        #expect(estimates.map(\.estimate.precision) == [1, 0.8, nil])
        #expect(estimates.map(\.recall) == [0.5, 1, 0])
    }
}
