internal import Access
internal import Filtering
internal import JSON
internal import NIOCore

/// Relays a streamed answer: judged text leaves at once, the settlement is recorded before the last of it.
///
/// `@unchecked Sendable`: the screener is working memory of one event loop, on which the stage is called.
struct StreamStage: @unchecked Sendable {
    let screener: Screener
    let observesOnly: Bool
    let eventBytesMax: Int
    let textsMax: Int
    let record: RecordStage
    let answers: AnswerHeads

    func relay(_ answer: Forwarded, trace: Trace) async throws(PathExit) -> Ending {
        guard answer.head.isMediaType("text/event-stream") else {
            answer.exchange.cancel()
            throw .upstream(.malformed("a media type other than text/event-stream"))
        }
        let client = answer.request.caller.exchange
        var stream = makeStream(for: answer)
        defer { note(stream, in: trace) }
        var output: [UInt8] = []
        while stream.status == .open {
            guard let piece = try await next(answer.exchange, client) else {
                do throws(UpstreamFailure) { try stream.checkEnd() } catch { throw .upstream(error) }
                break
            }
            do throws(UpstreamFailure) {
                try stream.feed(piece, to: &output)
            } catch {
                answer.exchange.cancel()
                if !output.isEmpty { try await write(&output, of: answer, trace) }
                throw .upstream(error)
            }
            if stream.hasText, trace.firstTokenAt == nil { trace.firstTokenAt = .now }
            if stream.status == .open, !output.isEmpty { try await write(&output, of: answer, trace) }
        }
        note(stream, in: trace)
        return try await finish(&stream, &output, answer, trace)
    }

    private func makeStream(for answer: Forwarded) -> any AnswerStream {
        let request = answer.request
        return request.dialect.stream(
            StreamTerms(
                dialect: request.dialect, filter: answer.screened.policy.filter(for: request.caller.key.stage),
                screener: screener, asksForUsage: request.facts.asksForUsage,
                choicesExpected: request.facts.choicesExpected, observesOnly: observesOnly, modelName: answer.renamed,
                eventBytesMax: eventBytesMax, textsMax: textsMax))
    }

    /// The next bytes of the upstream; `nil` at its end.
    private func next(_ upstream: UpstreamExchange, _ client: Exchange) async throws(PathExit) -> ByteBuffer? {
        do throws(UpstreamFailure) {
            switch try await upstream.receivePiece() {
            case .bytes(let bytes): return bytes
            case .end: return nil
            }
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
        _ stream: inout any AnswerStream, _ output: inout [UInt8], _ answer: Forwarded, _ trace: Trace
    ) async throws(PathExit) -> Ending {
        let client = answer.request.caller.exchange
        var ending = Ending(outcome: .answered, status: 200)
        if stream.isBlocked {
            answer.exchange.cancel()
            ending = Ending(blocked: ScreenStage.refusal(of: stream.findings, side: .completion))
        }
        // No model works for it any more, so a client that ends its half now still gets the end.
        answer.exchange.abandon()
        stream.writeEnd(ending.tokens(of: trace), to: &output)
        if client.state == .reading { try await record.confirmAdmission(trace) }
        try await record.settle(trace, ending, at: .now)
        if client.state == .reading {
            client.beginStream(answers.stream(trace, upstream: answer.head.fields))
        }
        client.endStream(output)
        return ending
    }

    private func note(_ stream: any AnswerStream, in trace: Trace) {
        trace.completion = ScreeningSummary()
        trace.completion.verdict = stream.verdict
        trace.completion.add(stream.findings)
        if let usage = stream.usage { trace.usage = usage }
        trace.usage.outputBytes = stream.outputBytes
    }
}
