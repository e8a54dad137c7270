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
    let answerBytesMax: Int

    func judge(_ answer: Forwarded, trace: Trace) async throws(PathExit) -> Judged {
        let document = try await receive(answer, trace: trace)
        let request = answer.screened.limited.admitted.request
        let tree = CompletionTree(dialect: request.dialect, document: document)
        if tree.saysError { throw .upstream(.malformed("an error with status 200")) }
        if let usage = tree.usage { trace.usage = usage }
        let passage = Passage(of: document)
        trace.usage.outputBytes = passage.bytes.count
        let filter = answer.screened.policy.filter(for: request.caller.key.stage)
        let screening = passage.bytes.withUnsafeBufferPointer {
            screener.screen($0, side: .completion, policy: filter)
        }
        trace.completion = ScreeningSummary(screening)
        var edits = JSONEdits()
        var ending = Ending(outcome: .answered, status: 200)
        if !observesOnly {
            enforce(screening, on: passage, tree, into: &edits, &ending)
        }
        rename(answer, document, into: &edits)
        var body: [UInt8] = []
        body.reserveCapacity(document.bytes.count + 64)
        document.serialise(into: &body, edits: edits)
        return Judged(body: body, ending: ending)
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
            throw answer.screened.limited.admitted.request.caller.exchange.clientLeft ? .clientLeft : .upstream(error)
        }
        do throws(JSONError) {
            return try JSONDocument(parsing: body)
        } catch {
            throw .upstream(.malformed("\(error.problem.rawValue) at byte \(error.offset)"))
        }
    }

    private func enforce(
        _ screening: Screening, on passage: Passage, _ tree: CompletionTree, into edits: inout JSONEdits,
        _ ending: inout Ending
    ) {
        guard screening.verdict == .redact || screening.verdict == .block else { return }
        if screening.verdict == .redact, passage.redact(screener.redactions, into: &edits) {
            return tree.dropLogProbabilities(besides: &edits)
        }
        edits = JSONEdits()
        tree.withhold(into: &edits)
        let refusal = ScreenStage.refusal(of: screening.findings, side: .completion)
        ending = Ending(
            outcome: .blocked, status: 200, refusal: "\(refusal.explanation.code)", clause: refusal.clause)
    }

    /// Answers name the model as the caller did, where the upstream knows it by another name.
    private func rename(_ answer: Forwarded, _ document: JSONDocument, into edits: inout JSONEdits) {
        guard answer.pool.settings.model != nil, document.member("model", of: document.root) != nil else { return }
        var name = JSONWriter()
        name.string(answer.screened.limited.admitted.request.facts.model)
        edits.setMember("model", raw: name.bytes, of: document.root)
    }
}
