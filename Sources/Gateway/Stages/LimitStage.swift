internal import Limits
internal import SharedLimits

/// A request for which tokens are reserved.
struct Limited: Sendable {
    let admitted: Admitted
    let subjects: LimitSubjects
}

/// The reservation of one exchange. Dropped unsettled, it charges all that it reserved.
///
/// `@unchecked Sendable`: touched by the exchange's task only.
final class Grant: @unchecked Sendable {
    private var reservation: Reservation?
    private let shared: SharedReservation?

    init(_ reservation: consuming Reservation) {
        self.reservation = consume reservation
        shared = nil
    }

    init(_ shared: SharedReservation) {
        reservation = nil
        self.shared = shared
    }

    func settle(actualTokens: Int, at now: Moment) {
        if let shared { return shared.settle(actualTokens: actualTokens) }
        reservation?.settle(actualTokens: actualTokens, at: now)
    }
}

/// Reserves the tokens a request may use: one look-up and no I/O, or where processes share limits and no lease covers the
/// request, one round trip to Redis.
struct LimitStage: Sendable {
    let limiter: Limiter
    /// Decides in place of the limiter where processes share limits.
    let shared: SharedLimiter?
    let endUsers: EndUserReader
    let observesOnly: Bool

    func reserve(_ request: Admitted, trace: Trace, at now: Moment) throws(PathExit) -> Limited {
        let subjects = try subjects(of: request, trace)
        try reserve(subjects, tokens: Self.tokens(of: request), trace: trace, at: now)
        return Limited(admitted: request, subjects: subjects)
    }

    func reserve(_ request: Admitted, from shared: SharedLimiter, trace: Trace) async throws(PathExit) -> Limited {
        let subjects = try subjects(of: request, trace)
        try await reserve(subjects, tokens: Self.tokens(of: request), from: shared, trace: trace)
        return Limited(admitted: request, subjects: subjects)
    }

    /// Whose limits it must keep: where end users have none, the same object for all requests of a key.
    @inline(__always)
    private func subjects(of request: Admitted, _ trace: Trace) throws(PathExit) -> LimitSubjects {
        let key = request.request.caller.key
        guard let limits = key.endUsers else { return key.limits }
        return try subjects(of: request.request, limits, trace)
    }

    private func subjects(
        of request: Parsed, _ limits: EndUserLimits, _ trace: Trace
    ) throws(PathExit) -> LimitSubjects {
        do throws(PathExit) {
            return try endUsers.subjects(request, limits)
        } catch {
            guard observesOnly, case .refused(let refusal) = error else { throw error }
            trace.unenforced = refusal.recordCode
            return request.caller.key.limits
        }
    }

    /// Reserves for any request; its grant is the trace's, which settles it however the exchange ends.
    func reserve(_ subjects: LimitSubjects, tokens: Int, trace: Trace) async throws(PathExit) {
        if let shared {
            try await reserve(subjects, tokens: tokens, from: shared, trace: trace)
        } else {
            try reserve(subjects, tokens: tokens, trace: trace, at: .now)
        }
    }

    private func reserve(_ subjects: LimitSubjects, tokens: Int, trace: Trace, at now: Moment) throws(PathExit) {
        trace.tokensReserved = tokens
        do throws(LimitRefusal) {
            let reservation = try limiter.reserve(subjects, tokens: tokens, at: now)
            trace.limits.standing = reservation.standing
            trace.grant = Grant(reservation)
        } catch {
            try refuse(error, trace)
        }
    }

    private func reserve(
        _ subjects: LimitSubjects, tokens: Int, from shared: SharedLimiter, trace: Trace
    ) async throws(PathExit) {
        trace.tokensReserved = tokens
        var decision = shared.decide(subjects, tokens: tokens, at: .now)
        if case .needsRedis = decision { decision = await shared.decideWithRedis(subjects, tokens: tokens) }
        switch decision {
        case .granted(let reservation):
            trace.limits.standing = reservation.standing
            trace.grant = Grant(reservation)
        case .refused(let refusal): try refuse(refusal, trace)
        case .needsRedis, .unavailable:
            let refusal = Refusal(.limitsUnavailable, retryAfter: .seconds(1))
            if observesOnly {
                trace.unenforced = refusal.recordCode
            } else {
                throw .refused(refusal)
            }
        }
    }

    private func refuse(_ error: LimitRefusal, _ trace: Trace) throws(PathExit) {
        let refusal = Self.refusal(of: error)
        if observesOnly {
            trace.unenforced = refusal.recordCode
            return
        }
        // A full table's numbers are the gateway's, not the caller's.
        if error.reason != .tableFull { trace.limits.refusal = error }
        throw .refused(refusal)
    }

    /// The most that a request may use: a token has at least one byte, and each answer may reach its cap.
    static func tokens(of request: Admitted) -> Int {
        max(1, request.request.document.bytes.count + request.outputTokensOfAll)
    }

    static func refusal(of error: LimitRefusal) -> Refusal {
        switch error.reason {
        case .exhausted: Refusal(.limit(error), retryAfter: error.retryAfter)
        case .costAboveBurst: Refusal(.costAboveBurst(error))
        case .tableFull: Refusal(.limitTableFull, retryAfter: error.retryAfter)
        }
    }
}
