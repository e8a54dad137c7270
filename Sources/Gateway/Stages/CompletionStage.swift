internal import Access
internal import Filtering
internal import JSON

/// A whole answer that was judged, as it may leave.
struct Judged: Sendable {
    let body: [UInt8]
    var contentType: StaticString = "application/json"
    let ending: Ending
}

/// Judges an answer that is no stream, and takes out what must not reach the caller.
///
/// `@unchecked Sendable`: the screener is working memory of one event loop, on which the stage is called.
struct CompletionStage: @unchecked Sendable {
    let screener: Screener
    let judge: JudgeStage
    let sampler: TextSampler?
    let observesOnly: Bool
    let executor: LoopExecutor
    let answerBytesMax: Int

    /// Each value takes 16 bytes; embeddings of 32 MiB, the largest answer unless told otherwise, have fewer.
    private static let limits = JSONLimits(nodesMax: 2_000_000)

    func judge(_ answer: Forwarded, trace: Trace) async throws(PathExit) -> Judged {
        let document = try await receive(answer, trace: trace)
        let request = answer.request
        let tree = request.dialect.answer(document)
        do throws(UpstreamFailure) {
            try tree.check(choicesExpected: request.facts.choicesExpected)
        } catch {
            throw .upstream(error)
        }
        if let usage = tree.usage { trace.usage = usage }
        let passage = Passage(of: document, as: request.dialect.traits.answerPlaces)
        trace.usage.outputBytes = passage.textBytes
        let filter = answer.screened.policy.filter(for: request.caller.key)
        var turn = ScreeningTurn()
        var screening = try await screener.screen(
            passage.bytes, passage.breaks, side: .completion, policy: filter, &turn
        ) {
            () async throws(PathExit) in try await executor.letOthersRun(finishing: request.caller.exchange)
        }
        // Before anybody else screens, who may while judges are asked.
        let redactions = screener.redactions
        let review = await review(screening, passage.bytes, redactions, answer, trace: trace)
        if let review { screening = review.screening }
        trace.completion = ScreeningSummary(screening)
        sampler?.take(passage.bytes, screening, side: .completion, under: filter, key: request.caller.key, trace: trace)
        try judge.require(review, trace: trace)
        // Text beside an image was judged; the whole answer was not.
        if request.dialect.traits.answersInPictures, screening.verdict == .allow {
            trace.completion.verdict = .notEvaluated
        }
        var edits = JSONEdits()
        let restorations = passage.restorations(answer.screened.placeholders)
        if !observesOnly, screening.verdict == .redact || screening.verdict == .block {
            guard screening.verdict == .redact, passage.redact(redactions + restorations, into: &edits) else {
                return try withhold(tree, of: document, request, screening, filter)
            }
            tree.dropSpellings(isRedacted: true, besides: &edits)
        } else if !observesOnly {
            if !restorations.isEmpty { _ = passage.redact(restorations, into: &edits) }
            tree.dropSpellings(isRedacted: !restorations.isEmpty, besides: &edits)
        }
        if let name = answer.renamed, document.member("model", of: document.root) != nil {
            edits.setMember("model", raw: JSONWriter.json(name), of: document.root)
        }
        var body: [UInt8] = []
        body.reserveCapacity(document.bytes.count + 64)
        document.serialise(into: &body, edits: edits)
        let ending = Ending(outcome: .answered, status: 200)
        guard request.facts.answersInText else { return Judged(body: body, ending: ending) }
        return Judged(body: try Self.text(of: body), contentType: "text/plain; charset=utf-8", ending: ending)
    }

    private func review(
        _ screening: Screening, _ text: [UInt8], _ redactions: [Redaction], _ answer: Forwarded, trace: Trace
    ) async -> JudgeReview? {
        guard judge.mayReview(.completion) else { return nil }
        let text = JudgedText(
            side: .completion, bytes: text, prompt: answer.screened.promptTail, screening: screening,
            redactions: redactions)
        return await judge.review(text, for: answer.request.caller, trace: trace)
    }

    private func receive(_ answer: Forwarded, trace: Trace) async throws(PathExit) -> JSONDocument {
        let isText = answer.request.facts.answersInText
        guard isText || answer.head.isMediaType("application/json") else {
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
        let json = isText ? try Self.json(of: body) : body
        do throws(JSONError) {
            return try JSONDocument(parsing: json, limits: Self.limits)
        } catch {
            throw .upstream(.malformed("\(error.problem.rawValue) at byte \(error.offset)"))
        }
    }

    /// Plain text goes the same way as JSON, of which it is one string.
    private static func json(of text: [UInt8]) throws(PathExit) -> [UInt8] {
        guard let text = String(validating: text, as: UTF8.self) else {
            throw .upstream(.malformed("a text that is not UTF-8"))
        }
        return JSONWriter.json(text)
    }

    private static func text(of json: [UInt8]) throws(PathExit) -> [UInt8] {
        guard let document = try? JSONDocument(parsing: json) else { throw .internal("a text that was lost") }
        var text: [UInt8] = []
        document.appendUTF8(of: document.root, to: &text)
        return text
    }

    private func withhold(
        _ tree: any AnswerTree, of document: JSONDocument, _ request: Parsed, _ screening: Screening,
        _ filter: FilterPolicy
    ) throws(PathExit) -> Judged {
        let refusal = ScreenStage.refusal(of: screening.findings, side: .completion)
        let body = tree.withheld(model: request.facts.model) { word in
            let verdict = document.withUTF8(of: word) {
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
