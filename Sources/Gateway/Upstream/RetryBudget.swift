internal import Limits

/// How many requests may be sent to another upstream after one could not take them: a share of all requests, so that
/// retries never double the load of upstreams that are in trouble already, and a few a second for quiet times.
///
/// A token bucket that requests fill. Source: Finagle's RetryBudget.
struct RetryBudget {
    private let percent: Int
    /// In hundredths of a retry.
    private var balance: Int
    private var refilledAt: Moment?

    /// Retries a second that need no requests to pay for them.
    private static let perSecond = 10
    /// What ten seconds may save up.
    private static let balanceMax = 100 * 100 * 10

    /// - Parameter percent: retries in a hundred requests; 0 allows none at all.
    init(percent: Int) {
        self.percent = percent
        balance = percent == 0 ? 0 : Self.perSecond * 100
    }

    /// A request came.
    mutating func deposit() {
        balance = min(balance + percent, Self.balanceMax)
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
        guard percent > 0 else { return }
        if let refilledAt {
            let earned = (now - refilledAt) / (1_000_000_000 / Int64(Self.perSecond * 100))
            balance = max(balance, min(balance + Int(clamping: max(0, earned)), Self.perSecond * 100))
        }
        refilledAt = now
    }
}
