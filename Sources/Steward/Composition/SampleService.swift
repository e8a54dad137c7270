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
        var (roundsLeft, isFailing, isFull) = (0, false, false)
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            if roundsLeft > 0 { roundsLeft -= 1 } else if await erase(logger) { roundsLeft = Self.roundsPerErasure }
            do {
                let hasRoom = try await write()
                if !hasRoom, !isFull {
                    logger.warning("There are as many texts of samples as samples.texts_max allows; more are dropped.")
                }
                (isFailing, isFull) = (false, !hasRoom)
            } catch {
                // What was drawn meanwhile is lost: no request waits for it.
                if !isFailing { logger.error("Samples can't be written.", metadata: ["error": "\(error)"]) }
                isFailing = true
            }
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.interval) }
        }
        _ = try? await write()
    }

    /// - Returns: whether it could; if not, the next round tries again.
    private func erase(_ logger: Logger) async -> Bool {
        do {
            let count = try await store.forget(before: Timestamp.now.adding(.zero - retention))
            if count > 0 { logger.notice("Texts of samples were erased.", metadata: ["count": "\(count)"]) }
            return true
        } catch {
            logger.error("Texts of samples whose time is over can't be erased.", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// - Returns: whether there was room for all.
    private func write() async throws -> Bool {
        let drawn = sampler.takeAll()
        if drawn.isEmpty { return true }
        var kept = 0
        defer { sampler.note(kept: kept, dropped: drawn.count - kept) }
        kept = try await store.add(drawn.map { (Sample($0), $0.text) }, under: seal, countMax: textsMax)
        return kept == drawn.count
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
