internal import Filtering
internal import Moderation
internal import Storage

/// A sample as commands print it.
struct SampleView: Encodable {
    struct Label: Encodable {
        let category: String
        let reviewer: String
        let judgement: String
    }

    let id: String
    let record: String
    let application: String
    let stage: String
    let side: String
    let reason: String
    let probability: Double
    let verdict: String
    let categories: [String]
    let findings: [Sample.Finding]
    let scores: [String: Double]
    let labels: [Label]
    let isCut: Bool
    /// As it is, or blurred; absent once it is erased.
    var text: String?
    var isBlurred: Bool?

    private enum CodingKeys: String, CodingKey {
        case id, record, application, stage, side, reason, probability, verdict, categories, findings, scores, labels,
            text
        case isCut = "is_cut"
        case isBlurred = "is_blurred"
    }

    init(_ sample: Sample, _ labels: [SampleLabel]) {
        id = sample.id.description
        record = sample.record.description
        application = sample.application.description
        stage = RecordText.stage(UInt8(clamping: sample.stage))
        (side, reason, probability) = (sample.side, sample.reason, sample.probability)
        verdict = Verdict(rawValue: UInt8(clamping: sample.verdict))?.name ?? "unknown"
        (categories, findings, scores, isCut) = (sample.categories, sample.findings, sample.scores, sample.isCut)
        self.labels = labels.map {
            Label(category: $0.category, reviewer: $0.reviewer, judgement: $0.judgement.rawValue)
        }
    }
}

/// Prints one sample with its text.
struct SamplePrinter {
    let open: OpenStore
    let isOpened: Bool
    let json: Bool

    func print(_ sample: Sample, _ labels: [SampleLabel]) async throws {
        var view = SampleView(sample, labels)
        if let text = try await text(of: sample) {
            view.text = isOpened ? text : Self.blurred(text)
            view.isBlurred = !isOpened
        }
        Output.print(json ? try Output.json(view) : Self.sheet(view))
    }

    /// `nil` once it is erased.
    private func text(of sample: Sample) async throws -> String? {
        guard let seal = try open.settings.sampleSeal() else {
            throw CommandFailure(
                "Texts of samples are sealed. Name their key under samples.key_env or samples.key_file.", .configuration
            )
        }
        do {
            return String(decoding: try await open.samples.text(of: sample.id, under: seal), as: UTF8.self)
        } catch SampleError.textGone {
            return nil
        }
    }

    /// Its shape alone: where words and lines are.
    private static func blurred(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.isWhitespace ? $0 : "░" }))
    }

    private static func sheet(_ view: SampleView) -> String {
        var lines = [
            "\(view.id): \(view.side), \(view.stage), \(view.application), drawn as \(view.reason) "
                + "(1 of \(Int((1 / view.probability).rounded()))); verdict \(view.verdict)"
        ]
        for finding in view.findings {
            lines.append(
                "  \(finding.category) by \(finding.rule), \(finding.verdict), from \(finding.start) to \(finding.end)")
        }
        for label in view.labels {
            lines.append("  \(Table.visible(label.reviewer)) says of \(label.category): \(label.judgement)")
        }
        lines.append("")
        if let text = view.text {
            // A terminal must not obey what somebody wrote.
            lines.append(
                text.split(separator: "\n", omittingEmptySubsequences: false).map { Table.visible(String($0)) }
                    .joined(separator: "\n"))
            if view.isCut { lines.append("… (there was more)") }
            if view.isBlurred == true { lines += ["", "Open it with --open."] }
        } else {
            lines.append("Its text is erased.")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

/// A rule's precision as commands print it.
struct PrecisionView: Encodable {
    let rule: String
    let category: String
    let samples: Int
    let judged: Int
    let precision: Double?
    let low: Double
    let high: Double
    let proposesShadow: Bool

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

/// A threshold as commands print it.
struct ThresholdView: Encodable {
    let falsePositives: Double
    let score: Double
    let judged: Int
    let precision: Double?
    let low: Double
    let high: Double
    let recall: Double?

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

/// Shares for tables.
enum EstimateText {
    /// Precision and its interval.
    static func cells(_ estimate: PrecisionEstimate) -> [String] {
        guard let precision = estimate.precision else { return ["", ""] }
        return [share(precision), "\(share(estimate.low)) to \(share(estimate.high))"]
    }

    /// With three digits behind the point.
    static func share(_ value: Double) -> String {
        let thousandths = Int((value * 1_000).rounded())
        let digits = String(thousandths % 1_000)
        return "\(thousandths / 1_000)." + String(repeating: "0", count: 3 - digits.utf8.count) + digits
    }
}
