internal import Limits

/// A request for which tokens are reserved.
struct Limited: Sendable {
    let admitted: Admitted
    let grant: Grant
}

/// The reservation of one exchange. Dropped unsettled, it charges all that it reserved.
///
/// `@unchecked Sendable`: touched by the exchange's task only.
final class Grant: @unchecked Sendable {
    private var reservation: Reservation?

    init(_ reservation: consuming Reservation?) {
        self.reservation = reservation
    }

    func settle(actualTokens: Int, at now: ContinuousClock.Instant) {
        reservation?.settle(actualTokens: actualTokens, at: now)
    }
}

/// Reserves the tokens a request may use. One look-up; no I/O.
struct LimitStage: Sendable {
    let limiter: Limiter
    let observesOnly: Bool

    func reserve(_ request: Admitted, trace: Trace, at now: ContinuousClock.Instant) throws(PathExit) -> Limited {
        let tokens = Self.tokens(of: request)
        trace.tokensReserved = tokens
        do throws(LimitRefusal) {
            let reservation = try limiter.reserve(request.request.caller.key.limits, tokens: tokens, at: now)
            trace.limits.standing = reservation.standing
            let grant = Grant(reservation)
            trace.grant = grant
            return Limited(admitted: request, grant: grant)
        } catch {
            if observesOnly { return Limited(admitted: request, grant: Grant(nil)) }
            trace.limits.refusal = error
            throw .refused(Self.refusal(of: error))
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
