/// Gathers, over the scopes, whether a request may be granted, the worst obstacle, and what would be left.
struct LimitCheck {
    private let tokens: UInt64
    private let now: Int64
    private var worst: Obstacle?
    private(set) var standing = LimitStanding()

    /// One limit in the way.
    private struct Obstacle {
        var scope: LimitScope
        var kind: LimitKind
        var limit: UInt64
        var remaining: UInt64
        /// Nanoseconds; `nil`: for ever.
        var wait: Int64?
        var reset: Int64
    }

    init(tokens: UInt64, now: Int64) {
        self.tokens = tokens
        self.now = now
    }

    @inline(__always)
    mutating func add(_ rates: borrowing LimitRates, _ scope: LimitScope, _ entry: LimitEntry) {
        if rates.requests.isLimited {
            let meter = add(rates.requests, entry.requests, held: 0, asked: 1, .requests, scope)
            if (standing.requests.map { meter.remaining < $0.remaining } ?? true) { standing.requests = meter }
        }
        if rates.tokens.isLimited {
            let meter = add(rates.tokens, entry.tokens, held: entry.reserved, asked: tokens, .tokens, scope)
            if (standing.tokens.map { meter.remaining < $0.remaining } ?? true) { standing.tokens = meter }
        }
        if rates.tokensPerDay.isLimited {
            checkOnly(rates.tokensPerDay, entry.day, held: entry.reserved, scope)
        }
        if entry.inFlight >= rates.concurrency {
            let limit = UInt64(rates.concurrency)
            note(
                Obstacle(
                    scope: scope, kind: .concurrency, limit: limit, remaining: 0,
                    wait: limit == 0 ? nil : LimitsTiming.concurrencyRetry, reset: LimitsTiming.concurrencyRetry))
        }
    }

    /// Checks a limit, and returns how it would stand after the grant.
    @inline(__always)
    private mutating func add<Span>(
        _ rate: Rate<Span>, _ arrival: ArrivalTime, held: UInt64, asked: UInt64, _ kind: LimitKind, _ scope: LimitScope
    ) -> LimitStanding.Meter {
        let end = rate.charging(held &+ asked, to: arrival, at: now)
        if asked > rate.limit || rate.wait(until: end, at: now) > 0 {
            obstruct(rate, arrival, held: held, asked: asked, kind, scope)
        }
        return LimitStanding.Meter(
            scope: scope, limit: Int(rate.limit), remaining: Int(rate.remaining(end, at: now)),
            resetNanoseconds: end.nanoseconds &- now)
    }

    @inline(__always)
    private mutating func checkOnly<Span>(_ rate: Rate<Span>, _ arrival: ArrivalTime, held: UInt64, _ scope: LimitScope)
    {
        let end = rate.charging(held &+ tokens, to: arrival, at: now)
        if tokens > rate.limit || rate.wait(until: end, at: now) > 0 {
            obstruct(rate, arrival, held: held, asked: tokens, .tokensPerDay, scope)
        }
    }

    @inline(never)
    private mutating func obstruct<Span>(
        _ rate: Rate<Span>, _ arrival: ArrivalTime, held: UInt64, asked: UInt64, _ kind: LimitKind, _ scope: LimitScope
    ) {
        let current = rate.charging(held, to: arrival, at: now)
        let end = rate.charging(asked, to: current, at: now)
        note(
            Obstacle(
                scope: scope, kind: kind, limit: rate.limit,
                remaining: rate.limit == 0 ? 0 : rate.remaining(current, at: now),
                wait: asked > rate.limit ? nil : rate.wait(until: end, at: now),
                reset: max(0, current.nanoseconds &- now)))
    }

    /// Keeps the obstacle that takes longest to go away, so that whoever waits as told is not refused by another.
    private mutating func note(_ obstacle: Obstacle) {
        guard let worst else {
            self.worst = obstacle
            return
        }
        if (obstacle.wait ?? .max) > (worst.wait ?? .max) { self.worst = obstacle }
    }

    var refusal: LimitRefusal? {
        guard let worst else { return nil }
        return LimitRefusal(
            reason: worst.wait == nil ? .costAboveBurst : .exhausted, scope: worst.scope, kind: worst.kind,
            limit: Int(worst.limit), remaining: Int(worst.remaining), retryAfter: worst.wait.map { .nanoseconds($0) },
            reset: .nanoseconds(worst.reset))
    }
}

extension LimitEntry {
    @inline(__always)
    mutating func reserve(_ rates: borrowing LimitRates, _ units: UInt64, at now: Int64) {
        inFlight &+= 1
        if rates.requests.isLimited { requests = rates.requests.charging(1, to: requests, at: now) }
        if rates.holdsTokens { reserved += units }
    }

    @inline(__always)
    mutating func settle(_ rates: borrowing LimitRates, reserved units: UInt64, actual: UInt64, at now: Int64) {
        inFlight -= 1
        if rates.holdsTokens { reserved -= units }
        if rates.tokens.isLimited { tokens = rates.tokens.charging(actual, to: tokens, at: now) }
        if rates.tokensPerDay.isLimited { day = rates.tokensPerDay.charging(actual, to: day, at: now) }
    }
}
