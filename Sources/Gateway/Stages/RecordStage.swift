internal import Access
internal import Records
internal import Storage

/// Writes what was decided to the journal before the bytes leave that the decision permits.
struct RecordStage: Sendable {
    let journal: Journal
    let failure: RecordFailurePolicy
    let observesOnly: Bool
    let metrics: GatewayMetrics

    /// Appends the admission; it is written while the upstream is thinking.
    func admit(_ trace: Trace) throws(PathExit) {
        do throws(JournalError) {
            trace.admission = try journal.append(admission(of: trace))
        } catch {
            try fail(error)
        }
    }

    /// Returns once the admission is as durable as the operator asked for. Nothing is sent before.
    func confirmAdmission(_ trace: Trace) async throws(PathExit) {
        guard let position = trace.admission else { return }
        do throws(JournalError) {
            try await journal.written(position)
        } catch {
            try fail(error)
        }
    }

    /// Appends how the exchange ended, and returns once that is durable.
    func settle(_ trace: Trace, _ ending: Ending, at now: ContinuousClock.Instant) async throws(PathExit) {
        guard !trace.isSettled else { return }
        trace.isSettled = true
        let settlement = settlement(of: trace, ending, at: now)
        do throws(JournalError) {
            let position =
                if trace.admission == nil {
                    try journal.append(refused: admission(of: trace), settlement)
                } else {
                    try journal.append(settlement)
                }
            try await journal.written(position)
        } catch {
            try fail(error)
        }
    }

    /// What the operator chose for when nothing can be recorded; closed unless told otherwise.
    private func fail(_ error: JournalError) throws(PathExit) {
        metrics.recordFailures.add()
        switch failure {
        case .closed: throw .refused(Refusal(.recordUnavailable, retryAfter: .seconds(5)))
        case .open: metrics.unrecorded.add()
        }
    }

    private func admission(of trace: Trace) -> Admission {
        Admission(
            record: trace.id, at: trace.at, key: trace.key?.key, application: trace.key?.application,
            organisation: trace.key?.organisation, stage: trace.key.map { $0.stage == .production ? 1 : 0 } ?? 0,
            dialect: trace.dialect, model: trace.model, isStream: trace.isStream, observeOnly: observesOnly,
            tokensReserved: trace.tokensReserved, promptVerdict: trace.prompt.verdict.rawValue,
            promptFindings: trace.prompt.findings, callerRequestID: trace.callerRequestID)
    }

    private func settlement(of trace: Trace, _ ending: Ending, at now: ContinuousClock.Instant) -> Settlement {
        let duration = trace.arrivedAt.duration(to: now)
        let tokens = ending.tokens(of: trace)
        return Settlement(
            record: trace.id, at: trace.at.adding(duration), outcome: ending.outcome, status: UInt16(ending.status),
            inputTokens: tokens.input, outputTokens: tokens.output, tokensEstimated: tokens.areEstimated,
            upstream: trace.upstream, completionVerdict: trace.completion.verdict.rawValue,
            completionFindings: trace.completion.findings, refusal: ending.refusal, clause: ending.clause,
            microseconds: trace.times(at: now))
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

    struct Tokens: Sendable {
        var input: Int
        var output: Int
        var areEstimated: Bool
        var total: Int { input + output }
    }

    /// What is charged: the upstream's count; where it told nothing, four bytes a token of what went through, and
    /// nothing at all for what no model has seen.
    func tokens(of trace: Trace) -> Tokens {
        // More than can be true is no count: it would be a debt that the caller never made.
        let believable = 8 * max(1_024, trace.tokensReserved)
        if let input = trace.usage.input, input + (trace.usage.output ?? 0) <= believable {
            return Tokens(input: input, output: trace.usage.output ?? 0, areEstimated: false)
        }
        guard trace.sentAt != nil else { return Tokens(input: 0, output: 0, areEstimated: false) }
        return Tokens(
            input: (trace.promptBytes + 3) / 4, output: (trace.usage.outputBytes + 3) / 4, areEstimated: true)
    }
}
