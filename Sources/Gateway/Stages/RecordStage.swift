internal import Limits
internal import Access
internal import Records
internal import Storage

/// Writes what was decided to the journal before the bytes leave that the decision permits.
struct RecordStage: Sendable {
    let journal: Journal
    let turn: JournalTurn
    let failure: RecordFailurePolicy
    let observesOnly: Bool
    let metrics: GatewayMetrics

    /// Appends the admission; it is written while the upstream is thinking.
    func admit(_ trace: Trace) throws(PathExit) {
        do throws(JournalError) {
            trace.admission = try journal.append(admission(of: trace))
            turn.begin()
        } catch {
            try fail()
        }
    }

    /// Returns once the admission is as durable as the operator asked for. Nothing is sent before.
    func confirmAdmission(_ trace: Trace) async throws(PathExit) {
        do throws(JournalError) {
            try await writeAdmission(trace)
        } catch {
            try fail()
        }
    }

    /// An admission that the disk refused is forgotten: the settlement then brings it along.
    private func writeAdmission(_ trace: Trace) async throws(JournalError) {
        guard let position = trace.admission else { return }
        do throws(JournalError) {
            try await turn.written(position)
        } catch {
            trace.admission = nil
            throw error
        }
    }

    /// Appends how the exchange ended, and returns once that is durable.
    func settle(_ trace: Trace, _ ending: Ending, at now: Moment) async throws(PathExit) {
        guard !trace.isSettled else { return }
        trace.isSettled = true
        let settlement = settlement(of: trace, ending, at: now)
        // One that bounced would leave the settlement alone, of which no record can be made.
        try? await writeAdmission(trace)
        do throws(JournalError) {
            let position =
                if trace.admission == nil {
                    try journal.append(refused: admission(of: trace), settlement)
                } else {
                    try journal.append(settlement)
                }
            try await turn.written(position)
        } catch {
            try fail()
            metrics.unrecorded.add()
        }
    }

    /// What the operator chose for when nothing can be recorded; closed unless told otherwise.
    private func fail() throws(PathExit) {
        metrics.recordFailures.add()
        if failure == .closed { throw .refused(Refusal(.recordUnavailable, retryAfter: .seconds(5))) }
    }

    private func admission(of trace: Trace) -> Admission {
        Admission(
            record: trace.id, at: trace.at, key: trace.key?.key, application: trace.key?.application,
            organisation: trace.key?.organisation, stage: (trace.key?.stage ?? .sandbox).recordValue,
            dialect: trace.dialect, model: trace.model, isStream: trace.isStream, observeOnly: observesOnly,
            tokensReserved: trace.tokensReserved, promptVerdict: trace.prompt.verdict.rawValue,
            promptFindings: trace.prompt.findings, callerRequestID: trace.callerRequestID,
            charge: trace.charge)
    }

    private func settlement(of trace: Trace, _ ending: Ending, at now: Moment) -> Settlement {
        let tokens = ending.tokens(of: trace)
        return Settlement(
            record: trace.id, at: trace.at.adding(nanoseconds: now - trace.arrivedAt), outcome: ending.outcome,
            status: UInt16(ending.status), inputTokens: tokens.input, outputTokens: tokens.output,
            tokensEstimated: tokens.areEstimated, cost: trace.prices.map { tokens.cost($0).nanos },
            upstream: trace.upstream,
            completionVerdict: trace.completion.verdict.rawValue, releasedBytes: trace.releasedBytes,
            completionFindings: trace.completion.findings,
            refusal: ending.refusal ?? trace.unenforced, clause: ending.clause, microseconds: trace.times(at: now))
    }
}

/// What happens to requests while nothing can be recorded.
package enum RecordFailurePolicy: String, Sendable, CaseIterable {
    /// They are answered 503.
    case closed
    /// They are served unrecorded, and counted.
    case open
}

/// How an exchange ended.
struct Ending: Sendable {
    var outcome: Outcome
    var status: Int
    var refusal: String?
    var clause: String?
    /// No model saw it, though it may have been sent: upstreams refused it.
    var isUnseen = false

    struct Tokens: Sendable {
        var input: Int
        var output: Int
        var areEstimated: Bool
        /// Of the input.
        var cached = 0
        var written = 0
        var total: Int { input + output }

        func cost(_ prices: TokenPrices) -> Money {
            prices.cost(input: input, cached: cached, written: written, output: output)
        }
    }

    /// What is charged: the upstream's count; what it did not tell, by four bytes a token of what went through; and
    /// nothing at all for what no model has seen.
    func tokens(of trace: Trace) -> Tokens {
        // More than can be true is no count: it would be a debt that the caller never made.
        let believable = 8 * max(1_024, trace.tokensReserved)
        let said = (trace.usage.outputBytes + 3) / 4
        if let input = trace.usage.input, input + (trace.usage.output ?? 0) <= believable {
            return Tokens(
                input: input, output: trace.usage.output ?? said, areEstimated: trace.usage.output == nil,
                cached: trace.usage.cachedInput, written: trace.usage.cacheWrites)
        }
        guard trace.sentAt != nil, !isUnseen else { return Tokens(input: 0, output: 0, areEstimated: false) }
        return Tokens(input: (trace.promptBytes + 3) / 4, output: said, areEstimated: true)
    }
}
