internal import Access
internal import Filtering
internal import JSON
internal import NIOCore
internal import Telemetry

/// Relays a streamed answer: judged text leaves at once, the settlement is recorded before the last of it.
///
/// Where a clause or a judge asks for it, all of it is held until its end.
///
/// `@unchecked Sendable`: the screener is working memory of one event loop, on which the stage is called.
struct StreamStage: @unchecked Sendable {
    let screener: Screener
    let judge: JudgeStage
    let sampler: TextSampler?
    let bytesInFlight: ByteBudget
    let answerBytesMax: Int
    let observesOnly: Bool
    let eventBytesMax: Int
    let textsMax: Int
    let lettingsGo: Counter
    let loop: any EventLoop
    let record: RecordStage
    let answers: AnswerHeads

    func relay(_ answer: Forwarded, trace: Trace) async throws(PathExit) -> Ending {
        guard answer.head.isMediaType("text/event-stream") else {
            answer.exchange.cancel()
            throw .upstream(.malformed("a media type other than text/event-stream"))
        }
        let wish = judge.wish(of: answer.request.caller.key.stage)
        let holds = wish.holds || !observesOnly && answer.filter.holdsAnswers
        // What is to be kept of a stream must be known before it comes.
        let drawn = sampler?.draw()
        let originals = drawn.flatMap { _ in sampler.map { TextKeeper(bytesMax: $0.settings.textBytesMax) } }
        var stream = makeStream(for: answer, wish.keeper, originals)
        var review: JudgeReview?
        defer { note(stream, review, in: trace) }
        var output: [UInt8] = []
        let room = HeldRoom(bytesInFlight, bytesMax: answerBytesMax)
        try await pass(&stream, of: answer, wish.keeper, holds: holds, room, &output, trace)
        if let keeper = wish.keeper, !stream.isBlocked {
            if !holds, !output.isEmpty { try await write(&output, of: answer, trace) }
            let text = JudgedText(stream, keeper, prompt: answer.screened.promptTail)
            review = await judge.review(text, for: answer.request.caller, trace: trace)
        }
        note(stream, review, in: trace)
        if let sampler, let drawn, let originals {
            sampler.take(stream, review, originals, drawn: drawn, of: answer, trace: trace)
        }
        if wish.holds { try judge.require(review, trace: trace) }
        return try await finish(&stream, review, holds: holds, &output, answer, trace)
    }

    /// Passes on what may leave as it comes, or gathers all of it in `output`.
    private func pass(
        _ stream: inout any AnswerStream, of answer: Forwarded, _ keeper: TextKeeper?, holds: Bool, _ room: HeldRoom,
        _ output: inout [UInt8], _ trace: Trace
    ) async throws(PathExit) {
        let client = answer.request.caller.exchange
        var silence = HeldSilence(timeMax: holds || observesOnly ? nil : answer.screened.policy.holdBackTimeMax, loop)
        while stream.status == .open {
            let piece = try await next(answer.exchange, client, silence.patience)
            do throws(UpstreamFailure) {
                switch piece {
                case .bytes(let bytes): try stream.feed(bytes, to: &output)
                case .end: try stream.checkEnd()
                case .late: break
                }
                try room.hold((keeper?.bytes ?? 0) + (holds ? output.count : 0))
            } catch {
                answer.exchange.cancel()
                if !holds, !output.isEmpty { try await write(&output, of: answer, trace) }
                throw .upstream(error)
            }
            if case .end = piece { break }
            if stream.hasText, trace.firstTokenAt == nil { trace.firstTokenAt = .now }
            if stream.status == .open, silence.isTooLong(in: stream) {
                stream.letGo(to: &output)
                lettingsGo.add()
            }
            if stream.status == .open, !holds, !output.isEmpty { try await write(&output, of: answer, trace) }
        }
    }

    private func makeStream(
        for answer: Forwarded, _ keeper: TextKeeper?, _ originals: TextKeeper?
    ) -> any AnswerStream {
        let request = answer.request
        return request.dialect.stream(
            StreamTerms(
                dialect: request.dialect, filter: answer.filter, screener: screener,
                asksForUsage: request.facts.asksForUsage,
                choicesExpected: request.facts.choicesExpected, observesOnly: observesOnly, modelName: answer.renamed,
                eventBytesMax: eventBytesMax, textsMax: textsMax, keeper: keeper, originals: originals,
                placeholders: answer.screened.placeholders))
    }

    private func next(
        _ upstream: UpstreamExchange, _ client: Exchange, _ patience: UpstreamExchange.Patience?
    ) async throws(PathExit) -> UpstreamExchange.Piece {
        do throws(UpstreamFailure) {
            return try await upstream.receivePiece(within: patience)
        } catch {
            throw client.clientLeft ? .clientLeft : .upstream(error)
        }
    }

    /// The head leaves with the first event, so that a failure before it is still answered with its own status.
    private func write(_ output: inout [UInt8], of answer: Forwarded, _ trace: Trace) async throws(PathExit) {
        let client = answer.request.caller.exchange
        if client.state == .reading {
            try await record.confirmAdmission(trace)
            var head = answers.stream(trace, upstream: answer.head.fields)
            head.body = output
            client.beginStream(head)
        } else {
            try await client.write(output)
        }
        output.removeAll(keepingCapacity: true)
    }

    private func finish(
        _ stream: inout any AnswerStream, _ review: JudgeReview?, holds: Bool, _ output: inout [UInt8],
        _ answer: Forwarded, _ trace: Trace
    ) async throws(PathExit) -> Ending {
        let client = answer.request.caller.exchange
        var ending = Ending(outcome: .answered, status: 200)
        if stream.isBlocked {
            answer.exchange.cancel()
            ending = Ending(blocked: ScreenStage.refusal(of: stream.findings, side: .completion))
        } else if let review, holds, !observesOnly, review.screening.verdict == .block {
            ending = Ending(blocked: ScreenStage.refusal(of: review.screening.findings, side: .completion))
        }
        // No model works for it any more, so a client that ends its half now still gets the end.
        answer.exchange.abandon()
        if ending.outcome == .blocked { trace.releasedBytes = holds ? 0 : stream.releasedBytes }
        if ending.outcome == .blocked, holds {
            // Nothing has left: what does is what it would be had a filter found it at once.
            output.removeAll(keepingCapacity: true)
            stream.withhold(ending.tokens(of: trace), to: &output)
        } else {
            stream.writeEnd(ending.tokens(of: trace), to: &output)
        }
        if client.state == .reading { try await record.confirmAdmission(trace) }
        try await record.settle(trace, ending, at: .now)
        if client.state == .reading {
            client.beginStream(answers.stream(trace, upstream: answer.head.fields))
        }
        client.endStream(output)
        return ending
    }

    private func note(_ stream: any AnswerStream, _ review: JudgeReview?, in trace: Trace) {
        if let usage = stream.usage { trace.usage = usage }
        trace.usage.outputBytes = stream.outputBytes
        if let review {
            trace.completion = ScreeningSummary(review.screening)
        } else {
            trace.completion = ScreeningSummary()
            trace.completion.verdict = stream.verdict
            trace.completion.add(stream.findings)
            trace.completion.note(stream.screens.reduce(into: []) { $0.formUnion($1.unjudged) })
        }
    }
}

extension Forwarded {
    /// What the answer is judged by.
    fileprivate var filter: FilterPolicy { screened.policy.filter(for: request.caller.key) }
}

/// Room for what is held of an answer and kept for judges. The exchange's task's.
private final class HeldRoom {
    private let budget: ByteBudget
    private let bytesMax: Int
    private var bytes = 0

    init(_ budget: ByteBudget, bytesMax: Int) { (self.budget, self.bytesMax) = (budget, bytesMax) }

    deinit { budget.give(back: bytes) }

    /// - Parameter wanted: all that is to be held.
    func hold(_ wanted: Int) throws(UpstreamFailure) {
        guard wanted != bytes else { return }
        guard wanted <= bytesMax else { throw .answerTooLarge(bytesMax: bytesMax) }
        guard budget.take(wanted - bytes) else { throw .noRoom }
        bytes = wanted
    }
}

/// For how long a stream has let nothing of its text leave since something of it waits.
private struct HeldSilence {
    private let timeMax: TimeAmount?
    private let loop: any EventLoop
    private var begin: NIODeadline?
    private var releasedBytes = 0

    init(timeMax: Duration?, _ loop: any EventLoop) {
        (self.timeMax, self.loop) = (timeMax.map { TimeAmount($0) }, loop)
    }

    /// How long that may go on; `nil` for as long as it takes.
    var patience: UpstreamExchange.Patience? {
        guard let begin, let timeMax else { return nil }
        return UpstreamExchange.Patience(end: begin + timeMax, loop: loop)
    }

    /// Whether it has gone on for too long. To be asked after each piece.
    mutating func isTooLong(in stream: any AnswerStream) -> Bool {
        guard timeMax != nil else { return false }
        let released = stream.releasedBytes
        if !stream.holdsText { begin = nil } else if begin == nil || released != releasedBytes { begin = loop.now }
        releasedBytes = released
        guard let patience, patience.hasEnded else { return false }
        begin = nil
        return true
    }
}

extension TextSampler {
    /// All texts of a streamed answer as they came, each once.
    fileprivate func take(
        _ stream: any AnswerStream, _ review: JudgeReview?, _ originals: TextKeeper, drawn: Double,
        of answer: Forwarded, trace: Trace
    ) {
        let key = answer.request.caller.key
        var (text, seen): ([UInt8], Set<[UInt8]>) = ([], [])
        var screening = Screening(verdict: stream.verdict)
        for screen in stream.screens {
            screening.highest = pointwiseMax(screening.highest, screen.highest)
            screening.unjudged.formUnion(screen.unjudged)
            // Some protocols tell a text several times; of others there was no room for the text.
            guard !screen.original.isEmpty, seen.insert(screen.original).inserted else { continue }
            if !text.isEmpty { text.append(0x0A) }
            screening.findings += screen.findings.map { finding in
                var finding = finding
                finding.range = finding.range.lowerBound + text.count..<finding.range.upperBound + text.count
                return finding
            }
            text += screen.original
        }
        // What was found elsewhere, or by judges, who say nothing of places in the text as it came.
        let others = (review?.screening.findings ?? stream.findings).filter { other in
            !screening.findings.contains { ($0.rule, $0.category) == (other.rule, other.category) }
        }
        screening.findings += others.map { finding in
            var finding = finding
            finding.range = 0..<0
            return finding
        }
        if let review { screening.verdict = review.screening.verdict }
        take(
            text, screening, side: .completion, drawn: drawn, under: answer.screened.policy.filter(for: key), key: key,
            trace: trace, isCut: originals.isFull)
    }
}

extension JudgedText {
    /// All texts of a streamed answer, each once.
    fileprivate init(_ stream: any AnswerStream, _ keeper: TextKeeper, prompt: [UInt8]) {
        var (texts, seen): ([[UInt8]], Set<[UInt8]>) = ([], [])
        var screening = Screening(verdict: stream.verdict, findings: stream.findings)
        for screen in stream.screens {
            screening.highest = pointwiseMax(screening.highest, screen.highest)
            screening.unjudged.formUnion(screen.unjudged)
            // Some protocols tell a text several times.
            if seen.insert(screen.kept).inserted { texts.append(screen.kept) }
        }
        self.init(
            side: .completion, bytes: Array(texts.joined(separator: [0x0A])), prompt: prompt, screening: screening,
            isWhole: !keeper.isFull, isStreamed: true)
    }
}
