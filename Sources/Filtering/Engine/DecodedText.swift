/// Screens what stands encoded in a text, as a text of its own.
///
/// What is found there lies in all of the stretch, and is known where that ends; its scores count as those of the text around.
/// A rule that redacts is left out: of a stretch that may have left, no part could be taken out.
struct DecodedText {
    let policy: FilterPolicy
    let side: PolicySide
    /// How many encodings lie around it.
    let depth: Int

    static let depthMax = 3
    /// Of how many stretches a text is read: what is itself encoded has room for few.
    static func countMax(depth: Int) -> Int { depth == 1 ? 64 : 8 }

    func log(_ run: EncodedRun.Decoded, in log: inout FindingLog, _ tools: ScanTools) {
        guard depth <= Self.depthMax else { return log.note(.encoded, in: run.range, decided: run.decided, side) }
        let scan = TextScan(policy, side.side, isStreamed: false, depth: depth, isRotated: run.isRotated)
        run.text.withUnsafeBufferPointer { scan.take($0, upTo: $0.count, tools) }
        scan.finish(tools)
        scan.log.settle(side)
        scan.log.close(upTo: .max, side)
        log.note(scan.log.highest)
        log.note(scan.log.unjudged, in: run.range, decided: run.decided, side)
        let source = log.sources.source(at: run.range.lowerBound)
        for entry in scan.log.final where side.enforced(entry.rule, in: source).enforcement.verdict != .redact {
            log.add(
                .init(
                    rule: entry.rule, range: run.range, decided: run.decided, score: entry.score,
                    isHeld: false))
        }
    }
}
