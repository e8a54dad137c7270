package import Limits

/// The right to make one request, under limits that processes share. As `Reservation`: settled once, and charged in full
/// when it is dropped unsettled.
///
/// `@unchecked Sendable`: touched by the exchange's task only.
package final class SharedReservation: @unchecked Sendable {
    private let limiter: SharedLimiter
    private let holding: LeaseHolding
    private var isSettled = false

    init(_ limiter: SharedLimiter, _ holding: LeaseHolding) {
        self.limiter = limiter
        self.holding = holding
    }

    /// What is left after this grant, as far as this process knows.
    package var standing: LimitStanding { holding.standing }

    /// Charges what the request used, once: a second call does nothing. A negative count is taken as 0.
    package func settle(actualTokens: Int) {
        guard !isSettled else { return }
        isSettled = true
        limiter.settle(holding, actual: max(0, actualTokens))
    }

    deinit {
        if !isSettled { limiter.settle(holding, actual: holding.tokens) }
    }
}
