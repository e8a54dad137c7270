internal import Access
internal import Filtering
internal import JSON

/// A request whose text was judged, as it will be sent.
///
/// A class, as `Parsed` is.
final class Screened: Sendable {
    let admitted: Admitted
    /// The body for the upstream, but for what differs between upstreams.
    let edits: JSONEdits
    /// What the answer is judged by: the policy of when the request came.
    let policy: Policy
    /// The end of what was asked, where judges of answers want it.
    let promptTail: [UInt8]
    /// What was taken out of it and is to be given back in the answer.
    let placeholders: Placeholders

    init(
        admitted: Admitted, edits: JSONEdits, policy: Policy, promptTail: [UInt8] = [],
        placeholders: Placeholders = Placeholders()
    ) {
        self.placeholders = placeholders
        self.admitted = admitted
        self.edits = edits
        self.policy = policy
        self.promptTail = promptTail
    }
}

/// Judges all text of a request in one scan, and takes out what must not reach the model.
///
/// `@unchecked Sendable`: the screener is working memory of one event loop, on which the stage is called.
struct ScreenStage: @unchecked Sendable {
    let policy: Policy
    let screener: Screener
    let judge: JudgeStage
    let sampler: TextSampler?
    let observesOnly: Bool
    let executor: LoopExecutor

    func screen(_ request: Budgeted, trace: Trace) async throws(PathExit) -> Screened {
        let parsed = request.admitted.request
        let filter = policy.filter(for: parsed.caller.key)
        let passage = Passage(
            of: parsed.document, as: parsed.dialect.traits.requestPlaces, skipping: parsed.facts.data)
        let exchange = parsed.caller.exchange
        var turn = ScreeningTurn()
        var screening = try await screener.screen(
            passage.bytes, passage.breaks, side: .prompt, policy: filter, &turn
        ) {
            () async throws(PathExit) in try await executor.letOthersRun(for: exchange)
        }
        // Before anybody else screens, who may while judges are asked.
        var redactions = screener.redactions
        var review: JudgeReview?
        var promptTail: [UInt8] = []
        if !judge.panel.isEmpty {
            let text = JudgedText(side: .prompt, bytes: passage.bytes, screening: screening, redactions: redactions)
            if judge.mayReview(.completion) { promptTail = JudgeStage.tail(of: text.redacted) }
            review = await judge.review(text, for: parsed.caller, trace: trace)
        }
        if let review { (screening, redactions) = (review.screening, review.redactions) }
        trace.prompt = ScreeningSummary(screening)
        sampler?.take(passage.bytes, screening, side: .prompt, under: filter, key: parsed.caller.key, trace: trace)
        if review != nil, !exchange.isAwaited() { throw .clientLeft }
        try judge.require(review, trace: trace)
        // Text in front of an image was judged; the whole prompt was not.
        if !request.admitted.unscreened.isEmpty, screening.verdict == .allow { trace.prompt.verdict = .notEvaluated }
        var edits = JSONEdits()
        var placeholders = Placeholders()
        if !observesOnly {
            switch screening.verdict {
            case .block:
                throw .refused(Self.refusal(of: screening.findings, side: .prompt))
            case .redact:
                if filter.markers.restoresAny { placeholders = Placeholders(besides: passage.bytes) }
                let isRedacted = passage.redact(redactions, into: &edits) { redaction, original in
                    guard filter.markers.isRestored(redaction.category), !parsed.dialect.traits.answersInNumbers else {
                        return nil
                    }
                    return placeholders.placeholder(for: Array(original), redaction.category)
                }
                guard isRedacted else {
                    throw .refused(Self.refusal(of: screening.findings, side: .prompt))
                }
            default: break
            }
        }
        return Screened(
            admitted: request.admitted, edits: edits, policy: policy,
            promptTail: promptTail, placeholders: placeholders)
    }

    static func refusal(of findings: [Finding], side: Side) -> Refusal {
        let deciding = ScreeningSummary.deciding(findings)
        return Refusal(
            .guideline(deciding?.category ?? Category("unknown"), side: side), clause: deciding?.clause)
    }
}

extension Passage {
    /// Puts redacted text in place of every piece that a redaction touches.
    ///
    /// - Parameter marker: what stands in place of a text, where that is not the redaction's own marker.
    /// - Returns: `false` if one stands in a key, or an id or number of the protocol, which can't be rewritten without
    ///   changing what it means.
    func redact(
        _ redactions: [Redaction], into edits: inout JSONEdits,
        marker: (Redaction, Slice<UnsafeBufferPointer<UInt8>>) -> [UInt8]? = { _, _ in nil }
    ) -> Bool {
        var byNode: [JSONNode: [Redaction]] = [:]
        for redaction in redactions {
            let (start, end) = (redaction.range.lowerBound, redaction.range.upperBound)
            // Pieces are in order of their place, so those that a range touches stand together.
            var index = pieces.partitionPoint { $0.end <= start }
            while index < pieces.count, pieces[index].start < end {
                let piece = pieces[index]
                if piece.isFixed { return false }
                var local = redaction
                let shift = piece.offset - piece.start
                local.range =
                    piece.isWhole ? 0..<Int.max : max(start, piece.start) + shift..<min(end, piece.end) + shift
                byNode[piece.node, default: []].append(local)
                index += 1
            }
        }
        // In their order, so that placeholders count from the beginning.
        for (node, redactions) in byNode.sorted(by: { $0.key < $1.key }) {
            edits.replace(node, withString: redacted(node, redactions, marker))
        }
        return true
    }

    private func redacted(
        _ node: JSONNode, _ redactions: [Redaction],
        _ marker: (Redaction, Slice<UnsafeBufferPointer<UInt8>>) -> [UInt8]?
    ) -> [UInt8] {
        var text: [UInt8] = []
        appendText(of: node, to: &text)
        return text.withUnsafeBufferPointer { text in
            var redactions = Self.merged(redactions)
            for index in redactions.indices {
                redactions[index].range = redactions[index].range.clamped(to: text.indices)
                redactions[index].marker =
                    marker(redactions[index], text[redactions[index].range]) ?? redactions[index].marker
            }
            return Screener.redacting(text, redactions)
        }
    }

    /// What placeholders of an answer stand for, each to be put in its place. Those that stand across texts, in keys or in
    /// numbers are left alone.
    func restorations(_ placeholders: Placeholders) -> [Redaction] {
        var (found, restored): ([Redaction], Int) = ([], 0)
        if placeholders.isEmpty { return [] }
        for piece in pieces where !piece.isFixed && !piece.isWhole && !piece.isName {
            placeholders.forEach(in: bytes[piece.start..<piece.end]) { place, original in
                restored += original.count
                guard restored <= Placeholders.restoredBytesMax else { return }
                found.append(Redaction(range: place, category: Redaction.restored, marker: original))
            }
        }
        return found
    }

    /// In order and without overlaps: a joined text part is judged twice.
    private static func merged(_ redactions: [Redaction]) -> [Redaction] {
        var merged: [Redaction] = []
        for redaction in redactions.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            if let last = merged.last, last.range.upperBound > redaction.range.lowerBound {
                let end = max(last.range.upperBound, redaction.range.upperBound)
                // What is given back must not hide what is taken out.
                if last.category == Redaction.restored { merged[merged.count - 1] = redaction }
                merged[merged.count - 1].range = last.range.lowerBound..<end
            } else {
                merged.append(redaction)
            }
        }
        return merged
    }
}
