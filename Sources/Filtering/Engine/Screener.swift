/// Scans texts: one per event loop, since it owns the working memory of all scans. Not for two threads.
package final class Screener {
    let tools = ScanTools()

    /// What the last `screen` found must be redacted, in order: complete, also where findings were too many to keep,
    /// unless the text is blocked.
    package private(set) var redactions: [Redaction] = []

    /// Texts up to this size are scanned in one piece, if nothing is hidden in them: what takes as long as a slice of a longer one.
    private static let wholeBytesMax = SlicedScreening.sliceBytes

    package init() {}

    /// Lets go of what was kept for scans under other policies than these, once nobody is judged by those any more.
    package func forget(allBut policies: [FilterPolicy]) { tools.forget(allBut: policies) }

    /// Scans a whole text, or several in one go.
    ///
    /// - Parameter breaks: where each of several ends, in order; the last one where all do but for its separator.
    /// - Precondition: `text` is valid UTF-8.
    package func screen(
        _ text: UnsafeBufferPointer<UInt8>, _ breaks: [TextBreak] = [], side: Side, policy: FilterPolicy
    ) -> Screening {
        tools.prepare(for: policy.rules)
        let side = policy[side]
        let log: FindingLog
        if text.count <= Self.wholeBytesMax, UTF8Decoding.isPlain(text) {
            log = screenASCII(text, breaks, side, policy)
        } else if text.count <= Self.wholeBytesMax, Self.canScreenViews(of: text) {
            log = screenViews(of: text, breaks, side, policy)
        } else {
            let scan = TextScan(policy, side.side, isStreamed: false, breaks: breaks)
            scan.log.keepsRedacted = true
            scan.take(text, upTo: text.count, tools)
            scan.finish(tools)
            log = scan.log
        }
        return conclude(log, side, policy)
    }

    /// Begins to screen a long text, or several in one go, in slices.
    ///
    /// - Precondition: `text` is valid UTF-8.
    package func slices(
        of text: [UInt8], _ breaks: [TextBreak] = [], side: Side, policy: FilterPolicy
    ) -> SlicedScreening {
        SlicedScreening(self, text, TextScan(policy, side, isStreamed: false, breaks: breaks))
    }

    func conclude(_ seen: FindingLog, _ side: PolicySide, _ policy: FilterPolicy) -> Screening {
        redactions.removeAll(keepingCapacity: true)
        guard !seen.isQuiet || !seen.final.isEmpty else {
            return Screening(highest: seen.highest, unjudged: seen.unjudged)
        }
        var log = seen
        log.settle(side)
        log.close(upTo: .max, side)
        redactions = log.redactions(policy, side)
        return Screening(
            verdict: log.verdict, findings: log.findings(policy.rules, side), highest: log.highest,
            unjudged: log.unjudged)
    }

    /// The text with each redaction's marker in place of its stretch.
    ///
    /// - Precondition: the redactions are in order, do not overlap, and lie within the text.
    package static func redacting(_ text: UnsafeBufferPointer<UInt8>, _ redactions: [Redaction]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count + redactions.count * 24)
        var offset = 0
        for redaction in redactions {
            result.append(contentsOf: text[offset..<redaction.range.lowerBound])
            result.append(contentsOf: redaction.marker)
            offset = redaction.range.upperBound
        }
        result.append(contentsOf: text[offset...])
        return result
    }

    /// Begins to scan a text that comes in pieces; give it pieces on this event loop only.
    ///
    /// - Parameters:
    ///   - source: who wrote it.
    ///   - uses: what else is done with it.
    package func stream(
        side: Side = .completion, source: TextSource = .caller, policy: FilterPolicy,
        _ uses: StreamScreen.Uses = StreamScreen.Uses()
    ) -> StreamScreen {
        let scan = TextScan(policy, side, isStreamed: true)
        scan.log.sources = [TextBreak(end: .max, endsSection: false, source: source)].ofSeveralSources
        return StreamScreen(self, scan, uses)
    }

    /// How likely the classifier takes a text for each of its categories, whatever its script: the highest of all stretches
    /// of it, and of what stands encoded in it.
    ///
    /// - Precondition: `text` is valid UTF-8.
    package func probabilities(
        of text: UnsafeBufferPointer<UInt8>, by model: ClassifierModel
    ) -> [(category: Category, probability: Double)] {
        model.probabilities(of: scores(of: text, by: model, depth: 1, isRotated: false))
    }

    private func scores(
        of text: UnsafeBufferPointer<UInt8>, by model: ClassifierModel, depth: Int, isRotated: Bool
    ) -> SIMD8<Double> {
        var highest = model.scores(of: text, tools.folded)
        guard depth <= DecodedText.depthMax, EncodedScan.isPossible(in: text) else { return highest }
        var encoded = EncodedScan(depth: depth, isRotated: isRotated)
        func take(_ run: EncodedRun.Decoded) {
            let scores = run.text.withUnsafeBufferPointer {
                self.scores(of: $0, by: model, depth: depth + 1, isRotated: run.isRotated)
            }
            highest = pointwiseMax(highest, scores)
        }
        encoded.take(text, original: 0, found: take)
        encoded.finish(at: text.count, found: take)
        return highest
    }

    /// A text as rules read it.
    ///
    /// - Precondition: `text` is valid UTF-8.
    package func view(_ view: Rule.View, of text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var seen = ViewText(view)
        _ = seen.append(text, original: 0, tools.map(view), reveals: false)
        return seen.bytes
    }

    /// ASCII is byte for byte the same length in both views: no map of offsets, and a copy for the skeleton only.
    private func screenASCII(
        _ text: UnsafeBufferPointer<UInt8>, _ breaks: [TextBreak], _ side: PolicySide, _ policy: FilterPolicy
    ) -> FindingLog {
        let hasLongRun = LongRun.isFound(in: text)
        var log = begin(text, breaks, side, policy, hasLongRun: hasLongRun)
        let rules = policy.rules
        look(in: text, for: rules)
        if let search = rules.whole[.normalised], let base = text.baseAddress {
            let window = Window(bytes: base, start: 0, end: text.count, isComplete: true)
            search.run(over: window, passing: SearchGate.passed(by: text), hasLongRun: hasLongRun, with: tools)
            resolve(window, breaks, policy) { log.add(.init(rule: $0.rule, range: $0.range, decided: $0.decided)) }
        }
        guard let search = rules.whole[.skeleton],
            search.isWanted(passing: SearchGate.Set(), tools.words, hasLongRun: hasLongRun)
        else { return log }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: text.count) { bytes in
            guard let base = bytes.baseAddress else { return }
            Skeleton.write(text, to: base)
            let window = Window(bytes: base, start: 0, end: text.count, isComplete: true)
            search.run(over: window, passing: SearchGate.Set(), hasLongRun: hasLongRun, with: tools)
            resolve(window, breaks, policy) { log.add(.init(rule: $0.rule, range: $0.range, decided: $0.decided)) }
        }
        return log
    }

    /// What doesn't depend on views.
    func begin(
        _ text: UnsafeBufferPointer<UInt8>, _ breaks: [TextBreak], _ side: PolicySide, _ policy: FilterPolicy,
        hasLongRun: Bool
    ) -> FindingLog {
        var log = FindingLog()
        log.keepsRedacted = true
        log.sources = breaks.ofSeveralSources
        if let scored = side.scored { score(text, breaks, scored, side, &log) }
        if EncodedScan.isPossible(in: text, hasLongRun: hasLongRun) {
            decode(text, breaks, DecodedText(policy: policy, side: side, depth: 1), &log)
        }
        tools.hits.prepare(for: side.isActive, policy, side.side)
        return log
    }

    /// Looks for the words of both views. Only where there is a bar do they not look alike.
    private func look(in text: UnsafeBufferPointer<UInt8>, for rules: FilterRules) {
        tools.words.begin(rules.words)
        let hasBar = tools.words.look(in: text, for: rules.words, barIsLetter: false)
        if hasBar, rules.looks(at: .skeleton) {
            tools.words.look(in: text, for: rules.words, barIsLetter: true)
        }
    }

    /// Each text by itself.
    private func score(
        _ text: UnsafeBufferPointer<UInt8>, _ breaks: [TextBreak], _ scored: ScoredRules, _ side: PolicySide,
        _ log: inout FindingLog
    ) {
        var start = 0
        for end in breaks.map(\.end) + [text.count] where end >= start {
            var scan = scored.scan(begin: start)
            scan.take(UnsafeBufferPointer(rebasing: text[start..<end]), original: start, tools.folded) {
                scored.log($0, in: &log, side)
            }
            scan.finish { scored.log($0, in: &log, side) }
            start = end + TextBreak.separatorCount
        }
    }

    /// What stands encoded in each text.
    private func decode(
        _ text: UnsafeBufferPointer<UInt8>, _ breaks: [TextBreak], _ decoded: DecodedText, _ log: inout FindingLog
    ) {
        var encoded = EncodedScan(depth: 1)
        var start = 0
        for end in breaks.map(\.end) + [text.count] where end >= start {
            encoded.take(UnsafeBufferPointer(rebasing: text[start..<end]), original: start) {
                decoded.log($0, in: &log, tools)
            }
            encoded.finish(at: end) { decoded.log($0, in: &log, tools) }
            if encoded.takeExcess() { log.note(.encoded, in: start..<end, decoded.side) }
            start = end + TextBreak.separatorCount
        }
    }

    func resolve(_ window: Window, _ breaks: [TextBreak], _ policy: FilterPolicy, found: (Sighting) -> Void) {
        guard !tools.hits.runs.isEmpty else { return }
        MatchResolver(rules: policy.rules, exceptions: policy.exceptions, matcher: tools.matcher, holds: nil)
            .resolve(tools.hits.runs, window, breaks, found: found)
        tools.hits.removeAll()
    }
}
