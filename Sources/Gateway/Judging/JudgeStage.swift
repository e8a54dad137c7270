internal import Access
internal import Filtering
internal import Judges
internal import Limits
internal import NIOCore
internal import Storage

/// A text that was screened, and on which judges may have to be heard.
struct JudgedText: Sendable {
    let side: Side
    /// As it came; who tells no places is asked about it as it will go on, without what is taken out.
    let bytes: [UInt8]
    /// Of an answer: what it was given to, or the end of it.
    var prompt: [UInt8] = []
    let screening: Screening
    var redactions: [Redaction] = []
    /// Whether `bytes` is all of it.
    var isWhole = true
    var isStreamed = false

    /// Without what is taken out.
    var redacted: [UInt8] {
        redactions.isEmpty ? bytes : bytes.withUnsafeBufferPointer { Screener.redacting($0, redactions) }
    }
}

/// Asks judges where the classifier is unsure, all at once and each within its time.
struct JudgeStage: Sendable {
    let panel: JudgePanel
    let pools: UpstreamPools
    let classifier: ClassifierModel?
    let report: JudgeReport
    let executor: LoopExecutor
    let observesOnly: Bool

    /// The most of a prompt that judges of answers are told.
    static let promptBytesMax = 8_192

    /// The end of a text, in whole characters, as much of it as judges of answers are told.
    static func tail(of text: [UInt8]) -> [UInt8] {
        var start = max(0, text.count - promptBytesMax)
        while start < text.count, text[start] & 0xC0 == 0x80 { start += 1 }
        return Array(text[start...])
    }

    /// Whether anybody may have to be heard.
    func mayReview(_ side: Side) -> Bool { panel.judges(side) }

    /// What streamed answers of a stage are to do for judges.
    func wish(of stage: Stage) -> (keeper: TextKeeper?, holds: Bool) {
        let seats = mayReview(.completion) ? panel.seats(.completion, stage) : []
        guard let bytesMax = seats.map(\.judge.textBytesMaxInAll).max() else { return (nil, false) }
        // Some protocols tell a text up to four times.
        return (TextKeeper(bytesMax: 4 * bytesMax), seats.contains { !$0.judge.isShadow && $0.judge.streams == .hold })
    }

    /// What the screening comes to once judges were heard.
    ///
    /// - Returns: `nil` where none need be.
    func review(_ text: JudgedText, for caller: Authenticated, trace: Trace) async -> JudgeReview? {
        let seats = panel.seats(text.side, caller.key.stage)
        // What a pattern blocks is blocked, whatever a judge would say.
        let isBlocked = text.screening.findings.contains {
            $0.verdict == .block && !panel.scoredRules.contains($0.rule)
        }
        if text.bytes.isEmpty || isBlocked { return nil }
        let due = seats.map { ($0, $0.due(text.screening, classifier)) }.filter { !$0.1.isEmpty }
        guard !due.isEmpty else { return nil }
        let opinions = await withTaskGroup(of: (Int, JudgeOpinion).self) { tasks in
            for (index, (seat, clauses)) in due.enumerated() {
                tasks.addTask { (index, await opinion(of: seat, on: text, clauses, for: caller, trace)) }
            }
            var opinions: [(Int, JudgeOpinion)] = []
            for await opinion in tasks { opinions.append(opinion) }
            return opinions.sorted { $0.0 < $1.0 }.map(\.1)
        }
        return JudgeReview(
            text.screening, text.redactions, opinions, isStreamed: text.isStreamed, scoredRules: panel.scoredRules,
            overrides: panel.overrides, application: caller.key.application.description)
    }

    /// Goes no further where a judge could not be heard without whom nothing does. To be called once the review is recorded.
    func require(_ review: JudgeReview?, trace: Trace) throws(PathExit) {
        guard let review, let missing = review.missing, review.screening.verdict != .block else { return }
        let refusal = Refusal(.judgeUnavailable, clause: missing.clause, retryAfter: .seconds(1))
        if !observesOnly { throw .refused(refusal) }
        trace.unenforced = refusal.recordCode
    }

    private func opinion(
        of seat: SeatedJudge, on text: JudgedText, _ clauses: [AskedClause], for caller: Authenticated, _ trace: Trace
    ) async -> JudgeOpinion {
        let begin = Moment.now
        let call = JudgeCall()
        var opinion = JudgeOpinion(seat: seat, clauses: clauses)
        opinion.failure = await withinTime(of: seat.judge, call) { () async throws(JudgeFailure) in
            try await ask(seat, about: text, clauses.map(\.clause), for: caller, call, id: trace.id)
        }
        opinion.findings = call.findings
        report.note(opinion, nanoseconds: Moment.now - begin, in: trace)
        return opinion
    }

    /// Gives a judge its time, and no more.
    private func withinTime(
        of judge: Judge, _ call: JudgeCall, _ ask: @escaping @Sendable () async throws(JudgeFailure) -> Void
    ) async -> JudgeFailure? {
        let timer = LoopTimer(on: executor.loop)
        return await withTaskGroup(of: JudgeEvent.self) { tasks in
            tasks.addTask {
                do throws(JudgeFailure) { try await ask() } catch { return .failed(error) }
                return .answered
            }
            tasks.addTask { await timer.wait(TimeAmount(judge.timeout)) ? .failed(.timeout) : .stopped }
            // Children that are cancelled end at once, so nobody waits for a judge that is late.
            defer {
                timer.stop()
                call.cancel()
                tasks.cancelAll()
            }
            for await event in tasks {
                switch event {
                case .answered: return nil
                case .failed(let failure): return failure
                case .stopped: continue
                }
            }
            return .timeout
        }
    }

    private enum JudgeEvent: Sendable {
        case answered
        case failed(JudgeFailure)
        /// The time is of no interest any more.
        case stopped
    }

    /// Asks all questions that make up a text, one after the other. What is found is the call's, whatever comes after.
    private func ask(
        _ seat: SeatedJudge, about text: JudgedText, _ clauses: [JudgedClause], for caller: Authenticated,
        _ call: JudgeCall, id: RecordID
    ) async throws(JudgeFailure) {
        let judge = seat.judge
        let bytes = judge.form.tellsPlaces ? text.bytes : text.redacted
        guard text.isWhole, bytes.count <= judge.textBytesMaxInAll else { throw .tooLong }
        for window in JudgeQuestion.windows(of: bytes, bytesMax: judge.textBytesMax) {
            let question = JudgeQuestion(side: text.side, text: Array(bytes[window]), prompt: text.prompt)
            let key = JudgeCache.Key(question, about: clauses, by: judge)
            if let known = seat.docket.cache.findings(for: key, at: Moment.now.nanoseconds) {
                report.metrics.remembered(by: judge.name)
                call.take(known, at: window.lowerBound)
                continue
            }
            var said: [JudgeFinding] = []
            for request in judge.requests(question, about: clauses) {
                let answer = try await send(request, to: seat, for: caller, call, id: id)
                let found = try judge.findings(in: answer, to: request, question, head: seat.settings.head)
                call.take(found, at: window.lowerBound)
                said += found
            }
            seat.docket.cache.keep(said, for: key, at: Moment.now.nanoseconds)
        }
    }

    // MARK: - One request

    private func send(
        _ request: JudgeRequest, to seat: SeatedJudge, for caller: Authenticated, _ call: JudgeCall, id: RecordID
    ) async throws(JudgeFailure) -> [UInt8] {
        let pool = pools.judge(seat.settings.server.name)
        let begin = Moment.now
        guard let permit = pool.state.permit(at: begin) else { throw .unavailable("breaker_open") }
        let upstream = ChosenUpstream(pool: pool, permit: permit)
        guard seat.docket.admits(at: begin) else {
            upstream.release()
            throw .overBudget
        }
        do throws(UpstreamFailure) {
            let answer = try await exchange(request.encoded(to: seat.settings.server, id: id), pool, for: caller, call)
            upstream.answerBegan()
            return answer
        } catch {
            // Its breaker must know of one that was too late, and not of one whose time was up when it was asked.
            let wasSlow =
                call.isCancelled && TimeAmount.nanoseconds(2 * (Moment.now - begin)) >= TimeAmount(seat.judge.timeout)
            upstream.failed(wasSlow ? .firstByteTimeout : error)
            switch error {
            case .status(let status, _), .rejected(let status, _, _): throw .status(status)
            case .answerTooLarge: throw .malformed("an answer that is too long")
            case .malformed, .encoded: throw .malformed("an answer that is no plain JSON")
            case .cancelled, .firstByteTimeout, .idleTimeout, .totalTimeout, .connectTimeout: throw .timeout
            default: throw .unavailable(error.code)
            }
        }
    }

    private func exchange(
        _ bytes: ByteBuffer, _ pool: UpstreamPool, for caller: Authenticated, _ call: JudgeCall
    ) async throws(UpstreamFailure) -> [UInt8] {
        var exchange = try await pool.send(bytes, for: caller)
        var head: ResponseHead
        do throws(UpstreamFailure) {
            call.exchange = exchange
            head = try await exchange.receiveHead()
        } catch {
            // A server may close an idle connection at the moment when it is taken; nothing was answered on it.
            guard case .closedEarly = error, exchange.isOnReusedConnection, !exchange.hasAnswerBegun else {
                throw error
            }
            exchange = try await pool.send(bytes, for: caller, onFreshConnection: true)
            call.exchange = exchange
            head = try await exchange.receiveHead()
        }
        guard head.status == 200 else {
            exchange.abandon()
            throw .status(head.status, retryAfterMilliseconds: head.retryAfterMilliseconds(at: .now))
        }
        guard head.fields.first("content-encoding").map({ head.fields.value(of: $0).isToken("identity") }) ?? true
        else {
            exchange.cancel()
            throw .encoded
        }
        return try await exchange.receiveBody(bytesMax: Judge.answerBytesMax)
    }
}

/// What a judge is at work on, so that it can be given up.
///
/// `@unchecked Sendable`: touched on the request's loop only.
final class JudgeCall: @unchecked Sendable {
    var exchange: UpstreamExchange? {
        didSet { if isCancelled { exchange?.cancel() } }
    }
    private(set) var isCancelled = false
    /// So far.
    private(set) var findings: [JudgeFinding] = []

    /// Takes findings of a question that begins at an offset of the text.
    func take(_ new: [JudgeFinding], at offset: Int) {
        // Who was given up says nothing any more.
        if isCancelled { return }
        for var finding in new {
            finding.range = finding.range.map { $0.lowerBound + offset..<$0.upperBound + offset }
            findings.append(finding)
        }
    }

    func cancel() {
        isCancelled = true
        exchange?.cancel()
    }
}

extension JudgeRequest {
    /// Head and body in one buffer.
    fileprivate func encoded(to server: UpstreamSettings, id: RecordID) -> ByteBuffer {
        var fields = WrittenFields()
        fields.append("content-type", "application/json")
        fields.append("content-length", body.count)
        fields.append("x-request-id", id)
        var buffer = ByteBufferAllocator().buffer(capacity: 512 + body.count)
        buffer.writeBytes(UpstreamRequest.head("POST", path, to: server))
        buffer.writeStaticString("application/json\r\n")
        buffer.writeBytes(fields.bytes)
        buffer.writeStaticString("\r\n")
        buffer.writeBytes(body)
        return buffer
    }
}
