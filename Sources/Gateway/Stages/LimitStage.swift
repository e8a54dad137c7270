internal import Limits

/// A request for which tokens are reserved.
struct Limited: Sendable {
    let admitted: Admitted
}

/// The reservation of one exchange. Dropped unsettled, it charges all that it reserved.
///
/// `@unchecked Sendable`: touched by the exchange's task only.
final class Grant: @unchecked Sendable {
    private var reservation: Reservation

    init(_ reservation: consuming Reservation) {
        self.reservation = reservation
    }

    func settle(actualTokens: Int, at now: Moment) {
        reservation.settle(actualTokens: actualTokens, at: now)
    }
}

/// Reserves the tokens a request may use. One look-up; no I/O.
struct LimitStage: Sendable {
    let limiter: Limiter
    let observesOnly: Bool

    func reserve(_ request: Admitted, trace: Trace, at now: Moment) throws(PathExit) -> Limited {
        try reserve(
            request.request.caller.key.limits, tokens: Self.tokens(of: request), trace: trace, at: now)
        return Limited(admitted: request)
    }

    /// Reserves for any request; its grant is the trace's, which settles it however the exchange ends.
    func reserve(_ subjects: LimitSubjects, tokens: Int, trace: Trace, at now: Moment) throws(PathExit) {
        trace.tokensReserved = tokens
        do throws(LimitRefusal) {
            let reservation = try limiter.reserve(subjects, tokens: tokens, at: now)
            trace.limits.standing = reservation.standing
            trace.grant = Grant(reservation)
        } catch {
            let refusal = Self.refusal(of: error)
            if observesOnly {
                trace.unenforced = "\(refusal.explanation.code)"
                return
            }
            // A full table's numbers are the gateway's, not the caller's.
            if error.reason != .tableFull { trace.limits.refusal = error }
            throw .refused(refusal)
        }
    }

    /// The most that a request may use: a token has at least one byte, and each answer may reach its cap.
    static func tokens(of request: Admitted) -> Int {
        let prompt = request.request.document.bytes.count
        let (answers, overflows) = request.request.facts.choices.multipliedReportingOverflow(
            by: request.outputTokensMax)
        return max(1, overflows ? Int.max / 2 : prompt + answers)
    }

    static func refusal(of error: LimitRefusal) -> Refusal {
        switch error.reason {
        case .exhausted: Refusal(.limit(error), retryAfter: error.retryAfter)
        case .costAboveBurst: Refusal(.costAboveBurst(error))
        case .tableFull: Refusal(.limitTableFull, retryAfter: error.retryAfter)
        }
    }
}
