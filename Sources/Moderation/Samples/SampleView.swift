internal import Access
internal import Filtering

/// A sample as commands print it and the API answers it.
package struct SampleView: Sendable, Encodable {
    package struct Label: Sendable, Encodable {
        package let category: String
        package let reviewer: String
        package let judgement: String
    }

    package let id: String
    package let record: String
    package let application: String
    package let stage: String
    package let side: String
    package let reason: String
    package let probability: Double
    package let verdict: String
    package let categories: [String]
    package let findings: [Sample.Finding]
    package let scores: [String: Double]
    package let labels: [Label]
    package let isCut: Bool
    /// As it is, or blurred; absent once it is erased, and in lists.
    package private(set) var text: String?
    package private(set) var isBlurred: Bool?

    private enum CodingKeys: String, CodingKey {
        case id, record, application, stage, side, reason, probability, verdict, categories, findings, scores, labels,
            text
        case isCut = "is_cut"
        case isBlurred = "is_blurred"
    }

    package init(_ sample: Sample, _ labels: [SampleLabel]) {
        id = sample.id.description
        record = sample.record.description
        application = sample.application.description
        stage = Stage(recordValue: UInt8(clamping: sample.stage))?.rawValue ?? "unknown"
        (side, reason, probability) = (sample.side, sample.reason, sample.probability)
        verdict = Verdict(rawValue: UInt8(clamping: sample.verdict))?.name ?? "unknown"
        (categories, findings, scores, isCut) = (sample.categories, sample.findings, sample.scores, sample.isCut)
        self.labels = labels.map {
            Label(category: $0.category, reviewer: $0.reviewer, judgement: $0.judgement.rawValue)
        }
    }

    /// The same with its text.
    ///
    /// - Parameter isOpened: whether as it is; else its shape alone, where words and lines are.
    package func showing(_ text: String, isOpened: Bool) -> SampleView {
        var view = self
        view.text = isOpened ? text : Self.blurred(text)
        view.isBlurred = !isOpened
        return view
    }

    private static func blurred(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.isWhitespace ? $0 : "░" }))
    }
}

/// A rule's precision as commands print it and the API answers it.
package struct PrecisionView: Sendable, Encodable {
    package let rule: String
    package let category: String
    package let samples: Int
    package let judged: Int
    package let precision: Double?
    package let low: Double
    package let high: Double
    package let proposesShadow: Bool

    private enum CodingKeys: String, CodingKey {
        case rule, category, samples, judged, precision, low, high
        case proposesShadow = "proposes_shadow"
    }

    init(_ rule: RulePrecision) {
        (self.rule, category, samples) = (rule.rule, rule.category, rule.samples)
        (judged, precision) = (rule.estimate.judged, rule.estimate.precision)
        (low, high, proposesShadow) = (rule.estimate.low, rule.estimate.high, rule.isForShadow)
    }
}

/// A threshold as commands print it and the API answers it.
package struct ThresholdView: Sendable, Encodable {
    package let falsePositives: Double
    package let score: Double
    package let judged: Int
    package let precision: Double?
    package let low: Double
    package let high: Double
    package let recall: Double?

    private enum CodingKeys: String, CodingKey {
        case score, judged, precision, low, high, recall
        case falsePositives = "false_positives"
    }

    init(_ rate: Double, _ threshold: ThresholdPrecision) {
        (falsePositives, score, recall) = (rate, threshold.threshold, threshold.recall)
        (judged, precision) = (threshold.estimate.judged, threshold.estimate.precision)
        (low, high) = (threshold.estimate.low, threshold.estimate.high)
    }
}
