internal import Access
internal import Filtering
internal import Judges
internal import Limits
internal import NIOCore
internal import Storage

/// A text that was screened, and on which judges may have to be heard.
struct JudgedText: Sendable {
    let side: Side
    let bytes: [UInt8]
    /// Of an answer: what it was given to, or the end of it.
    var prompt: [UInt8] = []
    let screening: Screening
    var redactions: [Redaction] = []
    /// Whether `bytes` is all of it.
    var isWhole = true
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
        return (TextKeeper(bytesMax: bytesMax), seats.contains { !$0.judge.isShadow && $0.judge.streams == .hold })
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
        return JudgeReview(text.screening, text.redactions, opinions, scoredRules: panel.scoredRules)
    }

    /// Goes no further where a judge could not be heard without whom nothing does. To be called once the review is recorded.
    func require(_ review: JudgeReview?, trace: Trace) throws(PathExit) {
        guard let review, let missing = review.missing, review.screening.verdict != .block else { return }
        let refusal = Refusal(.judgeUnavailable, clause: missing.clause, retryAfter: .seconds(1))
        if !observesOnly { throw .refused(refusal) }
        trace.unenforced = refusal.recordCode
    }

    private func opinion(
        of seat: SeatedJudge, on text: JudgedText, _ clauses: [JudgedClause], for caller: Authenticated, _ trace: Trace
    ) async -> JudgeOpinion {
        let begin = Moment.now
        let result = await withinTime(of: seat.judge) { call async throws(JudgeFailure) in
            try await ask(seat, about: text, clauses, for: caller, call, id: trace.id)
        }
        let opinion = JudgeOpinion(seat: seat, clauses: clauses, result: result)
        report.note(opinion, nanoseconds: Moment.now - begin, in: trace)
        return opinion
    }

    /// Gives a judge its time, and no more.
    private func withinTime(
        of judge: Judge, _ ask: @escaping @Sendable (JudgeCall) async throws(JudgeFailure) -> [JudgeFinding]
    ) async -> Result<[JudgeFinding], JudgeFailure> {
        let call = JudgeCall()
        let timer = HedgeTimer(on: executor.loop)
        return await withTaskGroup(of: Result<[JudgeFinding], JudgeFailure>?.self) { tasks in
            tasks.addTask {
                do throws(JudgeFailure) { return .success(try await ask(call)) } catch { return .failure(error) }
            }
            tasks.addTask { await timer.wait(TimeAmount(judge.timeout)) ? .failure(.timeout) : nil }
            // Children that are cancelled end at once, so nobody waits for a judge that is late.
            defer {
                timer.stop()
                call.cancel()
                tasks.cancelAll()
            }
            while let result = await tasks.next() {
                if let result { return result }
            }
            return .failure(.timeout)
        }
    }

    /// Asks all questions that make up a text, one after the other.
    private func ask(
        _ seat: SeatedJudge, about text: JudgedText, _ clauses: [JudgedClause], for caller: Authenticated,
        _ call: JudgeCall, id: RecordID
    ) async throws(JudgeFailure) -> [JudgeFinding] {
        let judge = seat.judge
        guard text.isWhole, text.bytes.count <= judge.textBytesMaxInAll else { throw .tooLong }
        var findings: [JudgeFinding] = []
        for window in JudgeQuestion.windows(of: text.bytes, bytesMax: judge.textBytesMax) {
            let question = JudgeQuestion(side: text.side, text: Array(text.bytes[window]), prompt: text.prompt)
            let key = JudgeCache.Key(question, about: clauses, by: judge)
            var found = seat.docket.cache.findings(for: key, at: Moment.now.nanoseconds)
            if found != nil {
                report.metrics.remembered(by: judge.name)
            } else {
                var said: [JudgeFinding] = []
                for request in judge.requests(question, about: clauses) {
                    let answer = try await send(request, to: seat, for: caller, call, id: id)
                    said += try judge.findings(in: answer, to: request, question, head: seat.settings.head)
                }
                seat.docket.cache.keep(said, for: key, at: Moment.now.nanoseconds)
                found = said
            }
            for var finding in found ?? [] {
                finding.range = finding.range.map {
                    $0.lowerBound + window.lowerBound..<$0.upperBound + window.lowerBound
                }
                findings.append(finding)
            }
        }
        return findings
    }

    // MARK: - One request

    private func send(
        _ request: JudgeRequest, to seat: SeatedJudge, for caller: Authenticated, _ call: JudgeCall, id: RecordID
    ) async throws(JudgeFailure) -> [UInt8] {
        guard seat.docket.admits(at: .now) else { throw .overBudget }
        let pool = pools.judge(seat.settings.server.name)
        guard let permit = pool.state.permit(at: .now) else { throw .unavailable("breaker_open") }
        let upstream = ChosenUpstream(pool: pool, permit: permit)
        do throws(UpstreamFailure) {
            let answer = try await exchange(request.encoded(to: seat.settings.server, id: id), pool, for: caller, call)
            upstream.answerBegan()
            return answer
        } catch {
            // One that was given up was too late, of which its breaker must know.
            upstream.failed(call.isCancelled ? .firstByteTimeout : error)
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
