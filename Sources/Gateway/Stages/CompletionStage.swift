internal import Access
internal import Filtering
internal import JSON

/// A whole answer that was judged, as it may leave.
struct Judged: Sendable {
    let body: [UInt8]
    let ending: Ending
}

/// Judges an answer that is no stream, and takes out what must not reach the caller.
///
/// `@unchecked Sendable`: the screener is working memory of one event loop, on which the stage is called.
struct CompletionStage: @unchecked Sendable {
    let screener: Screener
    let observesOnly: Bool
    let executor: LoopExecutor
    let answerBytesMax: Int

    /// Each value takes 16 bytes; embeddings of 32 MiB, the largest answer unless told otherwise, have fewer.
    private static let limits = JSONLimits(nodesMax: 2_000_000)

    func judge(_ answer: Forwarded, trace: Trace) async throws(PathExit) -> Judged {
        let document = try await receive(answer, trace: trace)
        let request = answer.request
        let tree = CompletionTree(dialect: request.dialect, document: document)
        do throws(UpstreamFailure) {
            try tree.check(choicesExpected: request.facts.choices)
        } catch {
            throw .upstream(error)
        }
        if let usage = tree.usage { trace.usage = usage }
        let passage = Passage(of: document, as: request.dialect == .embeddings ? .embeddings : .completion)
        trace.usage.outputBytes = passage.textBytes
        let filter = answer.screened.policy.filter(for: request.caller.key.stage)
        let screening = await screener.screen(
            passage.bytes, side: .completion, policy: filter, yieldingOn: executor)
        trace.completion = ScreeningSummary(screening)
        var edits = JSONEdits()
        if !observesOnly, screening.verdict == .redact || screening.verdict == .block {
            guard screening.verdict == .redact, passage.redact(screener.redactions, into: &edits) else {
                return try withhold(tree, request, screening, filter)
            }
            tree.dropLogProbabilities(besides: &edits)
        } else if !observesOnly {
            tree.dropStrangeLogProbabilities(besides: &edits)
        }
        if let name = answer.renamed, document.member("model", of: document.root) != nil {
            var writer = JSONWriter()
            writer.string(name)
            edits.setMember("model", raw: writer.bytes, of: document.root)
        }
        var body: [UInt8] = []
        body.reserveCapacity(document.bytes.count + 64)
        document.serialise(into: &body, edits: edits)
        return Judged(body: body, ending: Ending(outcome: .answered, status: 200))
    }

    private func receive(_ answer: Forwarded, trace: Trace) async throws(PathExit) -> JSONDocument {
        guard answer.head.isMediaType("application/json") else {
            answer.exchange.cancel()
            throw .upstream(.malformed("a media type other than application/json"))
        }
        let body: [UInt8]
        do throws(UpstreamFailure) {
            trace.firstTokenAt = .now
            body = try await answer.exchange.receiveBody(bytesMax: answerBytesMax)
        } catch {
            throw answer.request.caller.exchange.clientLeft ? .clientLeft : .upstream(error)
        }
        do throws(JSONError) {
            return try JSONDocument(parsing: body, limits: Self.limits)
        } catch {
            throw .upstream(.malformed("\(error.problem.rawValue) at byte \(error.offset)"))
        }
    }

    private func withhold(
        _ tree: CompletionTree, _ request: Parsed, _ screening: Screening, _ filter: FilterPolicy
    ) throws(PathExit) -> Judged {
        let refusal = ScreenStage.refusal(of: screening.findings, side: .completion)
        let body = tree.withheld(model: request.facts.model) { word in
            let verdict = tree.document.withUTF8(of: word) {
                screener.screen($0, side: .completion, policy: filter).verdict
            }
            return verdict != .redact && verdict != .block
        }
        guard let body else { throw .refused(refusal) }
        return Judged(body: body, ending: Ending(blocked: refusal))
    }
}

extension Ending {
    /// How an exchange ended whose answer was withheld, or broken off, under a guideline.
    init(blocked refusal: Refusal) {
        self.init(
            outcome: .blocked, status: 200, refusal: "\(refusal.explanation.code)", clause: refusal.clause)
    }
}
