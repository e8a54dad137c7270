internal import Limits

/// What this process holds of one limit of one subject. A pure state machine: decisions, calls and answers in any order.
///
/// ```
///                     held in Redis as of the last answer
///   ├─────────────────────────┬───────────────────┬───────────────────┤
///     used and not yet told     reserved            spare
///                               by requests         for the next ones
///                               in flight
/// ```
/// Redis counts all of it as used, so spending it needs no round trip. Redis never takes back what it granted and what
/// the process asked to keep; so what is spent while a call is on its way is covered, whether or not the call arrives.
struct Lease: Sendable {
    let kind: LimitKind
    private(set) var limit: Int
    /// Reservations of earlier epochs are none of this lease: they were charged in full, or made before there was a limit.
    private(set) var epoch: Int
    /// What may be granted without asking; below 0 after more was used than was reserved.
    private(set) var spare = 0
    /// By requests in flight; for concurrency, how many are.
    private(set) var reserved = 0
    /// Ever since Redis was first told of this lease. Told as a sum, so that a call may arrive twice or never.
    private(set) var used = 0
    /// As much of `used` as Redis has answered for.
    private(set) var told = 0
    /// What Redis held for us when it answered last, beyond what it had been told was used.
    private var there = 0
    private(set) var refused: RefusedCost?
    /// What nobody held as of the last answer.
    private(set) var left = 0
    private var demand = Demand()
    private var share = LocalShare()

    /// What requests that wait for the next answer ask for.
    private(set) var asked = 0
    private(set) var firstAsked = 0

    struct RefusedCost: Sendable, Equatable {
        /// The least that was refused.
        var cost: Int
        /// Nanoseconds of the process's clock until Redis is asked again.
        var until: Int64
        /// Nanoseconds of the process's clock when it is expected to fit.
        var fitsAt: Int64
        /// Of the limit, in nanoseconds: until all of it is back.
        var reset: Int64
    }

    init(_ kind: LimitKind, limit: Int, epoch: Int) {
        self.kind = kind
        self.limit = limit
        self.epoch = epoch
        left = limit
    }

    mutating func change(limit: Int) { self.limit = limit }

    // MARK: - Decisions

    func covers(_ cost: Int) -> Bool { spare >= cost }

    /// Whether Redis refused as much a moment ago.
    func isRefused(_ cost: Int, at now: Int64) -> Bool {
        guard let refused else { return false }
        return cost >= refused.cost && now < refused.until
    }

    /// Takes what a granted request may use. Requests a minute are used at once, all else is reserved.
    mutating func take(_ cost: Int) {
        spare -= cost
        if kind == .requests { used += cost } else { reserved += cost }
        demand.note(cost)
    }

    /// Ends a reservation: what it left is spare again. More than it reserved becomes debt.
    mutating func settle(_ cost: Int, actual: Int, _ terms: LeaseTerms) {
        guard kind != .requests else { return }
        reserved -= cost
        let charged = kind == .concurrency ? 0 : actual
        used += charged
        spare += cost - charged
        trim(terms)
    }

    /// Gives up what is spare beyond the bound; the next call tells Redis.
    mutating func trim(_ terms: LeaseTerms) { spare = min(spare, terms.spareMax(of: limit)) }

    // MARK: - Calls

    mutating func ask(for cost: Int) {
        firstAsked = asked == 0 ? cost : firstAsked
        let (sum, overflows) = asked.addingReportingOverflow(cost)
        asked = overflows ? limit : min(sum, limit)
    }

    /// What to tell Redis. From here on, no more is spent than what the call asks to keep.
    mutating func beginCall(at now: Int64, _ terms: LeaseTerms) -> LeaseCall.Ask {
        demand.measure(at: now)
        let wanted = min(limit, asked + target(terms))
        spare = min(spare, wanted)
        let ask = LeaseCall.Ask(
            kind: kind, limit: limit, used: used, reserved: reserved, first: min(firstAsked, wanted), wanted: wanted)
        asked = 0
        firstAsked = 0
        return ask
    }

    /// Takes in an answer to `ask`.
    mutating func endCall(_ ask: LeaseCall.Ask, _ answer: LeaseAnswer.Limit, at now: Int64, _ terms: LeaseTerms) {
        told = ask.used
        there = answer.held
        spare = answer.held - reserved - (used - told)
        left = answer.left
        refused = nil
        if let wait = answer.wait, ask.first > 0 {
            let period = kind.period ?? 0
            refused = RefusedCost(
                cost: ask.first, until: now + min(wait, terms.refusalMax), fitsAt: now + wait,
                reset: limit == 0 ? 0 : Int64(Double(answer.level) * Double(period) / Double(limit)))
        }
    }

    /// Begins again after Redis charged in full what was held. Whoever is in flight has been paid for, but still counts
    /// as concurrent.
    mutating func restart(epoch: Int) {
        told = used
        there = 0
        spare = 0
        guard kind != .concurrency else { return }
        reserved = 0
        self.epoch = epoch
    }

    /// What should be spare by the demand of late.
    func target(_ terms: LeaseTerms) -> Int {
        min(terms.spareMax(of: limit), demand.expected(within: terms.horizon))
    }

    /// Whether a call now spares the next requests the wait for one.
    func runsLow(_ terms: LeaseTerms) -> Bool {
        let target = target(terms)
        return target > 0 && spare < target / 2 && refused == nil
    }

    /// Whether Redis should hear of what changed: something was used or given up, or is not needed any more.
    func hasNews(_ terms: LeaseTerms) -> Bool {
        used != told || there > reserved + spare || spare > target(terms)
    }

    /// Whether nothing is held, as far as Redis knows too.
    var isIdle: Bool { reserved == 0 && spare == 0 && used == told && there == 0 }

    // MARK: - While Redis is away

    /// Nanoseconds until this process's share of the rate covers the cost; `nil` when it does now.
    mutating func shareWait(_ cost: Int, since: Int64, at now: Int64, _ terms: LeaseTerms) -> Int64? {
        guard let period = kind.period else {
            return reserved < Int(terms.share(of: limit)) ? nil : 1_000_000_000
        }
        return share.wait(
            cost, rate: terms.share(of: limit) / Double(period), most: limit, since: since, at: now)
    }

    mutating func takeShare(_ cost: Int) {
        if kind == .concurrency {
            reserved += 1
            spare -= 1
        } else {
            share.take(cost)
        }
    }

    mutating func settleShare(_ cost: Int, actual: Int, since: Int64) {
        if kind == .concurrency {
            reserved -= 1
            spare += 1
        } else if kind != .requests {
            share.giveBack(cost - actual, since: since)
        }
    }

    /// What is left of the share, for the caller's headers.
    var shareLeft: Int { share.left }
    var hasUsedShare: Bool { share.isTouched }
}

/// How much is spent of late, smoothed over half a second.
private struct Demand: Sendable {
    private var spent = 0
    private var measuredAt: Int64 = 0
    /// Units a nanosecond.
    private var rate = 0.0

    mutating func note(_ units: Int) { spent &+= units }

    mutating func measure(at now: Int64) {
        let elapsed = now - measuredAt
        guard elapsed > 0 else { return }
        let weight = min(1, Double(elapsed) / 500_000_000)
        rate += (Double(spent) / Double(max(elapsed, 1_000_000)) - rate) * weight
        if rate < 1e-12 { rate = 0 }
        spent = 0
        measuredAt = now
    }

    func expected(within horizon: Int64) -> Int {
        Int(min(rate * Double(horizon), 1e15).rounded(.up))
    }
}

/// What one process admits by itself during one outage: a bucket that is empty when the outage begins.
private struct LocalShare: Sendable {
    private var outage: Int64 = -1
    private var units = 0.0
    private var filledAt: Int64 = 0

    var left: Int { Int(max(0, units)) }
    var isTouched: Bool { outage >= 0 }

    mutating func wait(_ cost: Int, rate: Double, most: Int, since: Int64, at now: Int64) -> Int64? {
        if outage != since {
            outage = since
            units = 0
            filledAt = since
        }
        if now > filledAt {
            units = min(Double(most), units + rate * Double(now - filledAt))
            filledAt = now
        }
        let lacking = Double(cost) - units
        guard lacking > 1e-6 else { return nil }
        return rate > 0 ? Int64(min((lacking / rate).rounded(.up), 4e18)) : .max
    }

    mutating func take(_ cost: Int) { units -= Double(cost) }

    mutating func giveBack(_ cost: Int, since: Int64) {
        if outage == since { units += Double(cost) }
    }
}
