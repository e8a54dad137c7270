internal import Limits

/// How many requests may be sent to another upstream after one could not take them: a share of all requests, so that
/// retries never double the load of upstreams that are in trouble already, and a few a second for quiet times.
///
/// A token bucket that requests fill. Source: Finagle's RetryBudget.
struct RetryBudget {
    private let percent: Int
    /// Retries a second that need no requests to pay for them.
    private let perSecond: Int
    /// In hundredths of a retry.
    private var balance: Int
    private let balanceMax: Int
    private var refilledAt: Moment?

    /// - Parameters:
    ///   - percent: retries in a hundred requests; 0 allows none at all.
    ///   - savedMax: what ten seconds may save up.
    init(percent: Int, perSecond: Int = 10, savedMax: Int = 1_000) {
        self.percent = percent
        self.perSecond = perSecond
        balanceMax = savedMax * 100
        balance = percent == 0 ? 0 : max(1, perSecond) * 100
    }

    /// Of second requests that nothing has failed for yet: their share of all requests is never more than `percent`, but
    /// for the first. Few are saved up, or all would be spent at the moment when every upstream is slow.
    static func hedges(percent: Int) -> RetryBudget { RetryBudget(percent: percent, perSecond: 0, savedMax: 10) }

    /// A request came.
    mutating func deposit() {
        balance = min(balance + percent, balanceMax)
    }

    /// Takes a retry out; `false` if there is none.
    mutating func withdraw(at now: Moment) -> Bool {
        refill(at: now)
        guard balance >= 100 else { return false }
        balance -= 100
        return true
    }

    /// Retries that may be taken out now.
    func left(at now: Moment) -> Int {
        var budget = self
        budget.refill(at: now)
        return budget.balance / 100
    }

    private mutating func refill(at now: Moment) {
        guard percent > 0, perSecond > 0 else { return }
        if let refilledAt {
            let earned = (now - refilledAt) / (1_000_000_000 / Int64(perSecond * 100))
            balance = max(balance, min(balance + Int(clamping: max(0, earned)), perSecond * 100))
        }
        refilledAt = now
    }
}
