internal import Limits

/// How many requests may be sent to another upstream after one could not take them: a share of the requests of the last
/// seconds, so that retries never double the load of upstreams that are in trouble already, and a few a second for quiet
/// times.
///
/// A token bucket that requests fill and that loses a tenth of that each second: a busy hour pays for no retries in the
/// next. Source: Finagle's RetryBudget, whose tokens live ten seconds.
struct RetryBudget {
    /// A hundred deposits of a hundredth are one retry.
    private static let roundingError = 1e-6

    private var percent: Int
    /// Retries a second that need no requests to pay for them, saved up for a second.
    private let perSecond: Double
    private let savedMax: Double
    /// The share of what requests earned that is lost each second.
    private let lostPerSecond: Double
    /// In retries.
    private var earned = 0.0
    private var free: Double
    private var countedAt: Moment?

    /// - Parameters:
    ///   - percent: retries in a hundred requests; 0 allows none at all.
    ///   - savedMax: what requests may save up.
    init(percent: Int, perSecond: Int = 10, savedMax: Int = 1_000, lostPerSecond: Double = 0.1) {
        self.percent = percent
        self.perSecond = Double(perSecond)
        self.savedMax = Double(savedMax)
        self.lostPerSecond = lostPerSecond
        free = percent == 0 ? 0 : Double(max(1, perSecond))
    }

    /// Of second requests that nothing has failed for yet: their share of all requests is never more than `percent`, but
    /// for the first. Few are saved up, or all would be spent at the moment when every upstream is slow; and none are lost,
    /// or quiet models would never have earned one.
    static func hedges(percent: Int) -> RetryBudget {
        RetryBudget(percent: percent, perSecond: 0, savedMax: 10, lostPerSecond: 0)
    }

    /// Another share is allowed from now on; what was saved stays.
    mutating func follow(percent: Int) {
        if percent == 0 { (earned, free) = (0, 0) }
        self.percent = percent
    }

    /// A request came.
    mutating func deposit(at now: Moment) {
        count(until: now)
        earned = min(earned + Double(percent) / 100, savedMax)
    }

    /// Takes a retry out; `false` if there is none.
    mutating func withdraw(at now: Moment) -> Bool {
        count(until: now)
        guard earned + free >= 1 - Self.roundingError else { return false }
        let paid = min(free, 1)
        free -= paid
        earned = max(0, earned - (1 - paid))
        return true
    }

    /// Retries that may be taken out now.
    func left(at now: Moment) -> Int {
        var budget = self
        budget.count(until: now)
        return Int(budget.earned + budget.free + Self.roundingError)
    }

    private mutating func count(until now: Moment) {
        let seconds = Double(max(0, now - (countedAt ?? now))) / 1e9
        countedAt = now
        earned *= max(0, 1 - lostPerSecond * seconds)
        // The first one of hedges is free, and comes only once.
        if percent > 0 { free = max(free, min(free + perSecond * seconds, perSecond)) }
    }
}
