internal import Filtering
internal import Gateway
internal import Logging
internal import Moderation
internal import ServiceLifecycle
internal import Storage

/// Writes down what the gateway drew for people to judge, and erases texts whose time is over.
struct SampleService: Service {
    let sampler: TextSampler
    let store: SampleStore
    let seal: SampleSeal
    let textsMax: Int
    let retention: Duration

    private static let interval: Duration = .seconds(1)
    /// How many rounds pass between two that erase.
    private static let roundsPerErasure = 600

    func run() async throws {
        let logger = Logger(label: "steward.samples")
        var (round, failures) = (0, 0)
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                if round % Self.roundsPerErasure == 0 {
                    let count = try await store.forget(before: Timestamp.now.adding(.zero - retention))
                    if count > 0 { logger.notice("Texts of samples were erased.", metadata: ["count": "\(count)"]) }
                }
                try await write(logger)
                failures = 0
            } catch {
                failures += 1
                // What was drawn meanwhile is lost: no request waits for it.
                if failures == 1 {
                    logger.error("Samples can't be written.", metadata: ["error": "\(error)"])
                }
            }
            round += 1
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.interval) }
        }
        try? await write(logger)
    }

    private func write(_ logger: Logger) async throws {
        let drawn = sampler.takeAll()
        guard !drawn.isEmpty else { return }
        let kept = try await store.add(
            drawn.map { (Sample($0), $0.text) }, under: seal, countMax: textsMax)
        if kept < drawn.count {
            logger.warning(
                "There are as many texts of samples as samples.texts_max allows.",
                metadata: ["dropped": "\(drawn.count - kept)"])
        }
    }
}

extension Sample {
    fileprivate init(_ text: SampledText) {
        self.init(
            id: SampleID(at: text.at), record: text.record, at: text.at, application: text.application,
            stage: Int(text.stage), side: text.side.name, reason: text.reason.rawValue, probability: text.probability,
            verdict: Int(text.verdict.rawValue),
            findings: text.findings.map { finding in
                Finding(
                    rule: finding.rule, category: finding.category.rawValue, clause: finding.clause,
                    verdict: finding.verdict.name, score: finding.score, start: finding.range.lowerBound,
                    end: finding.range.upperBound)
            },
            scores: Dictionary(text.scores.map { ($0.category.rawValue, $0.probability) }) { first, _ in first },
            isCut: text.isCut)
    }
}
