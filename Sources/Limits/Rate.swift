/// A limit as a rate: `limit` units every `period`, and never more than `limit` at once.
///
/// The generic cell rate algorithm in its virtual scheduling form. A bucket is one number, the theoretical arrival time
/// (TAT): the moment at which everything charged so far has drained. A unit takes `period / limit` to drain. Charging
/// *n* units moves the TAT to `max(TAT, now) + n · period / limit`; they conform if that lies within `period` of now.
///
/// The arithmetic is exact: a TAT is whole nanoseconds and a numerator over `limit`, so a limit of 7 a minute admits 7
/// at once, not 6, and never a 421st in an hour.
///
/// Source: ATM Forum, Traffic Management Specification 4.1 (af-tm-0121.000), 4.4.2; ITU-T I.371, Annex A.
struct Rate<Span: RatePeriod>: Sendable {
    /// Units per period, which is also the burst; the greatest number means unlimited.
    let limit: UInt64
    /// `period / limit` in nanoseconds, the whole part and the numerator over `limit` of the rest.
    private let interval: UInt64
    private let intervalPart: UInt64

    /// Durations and TATs stay below this many nanoseconds (73 years), so that sums never overflow.
    private static var farthest: UInt64 { 1 << 61 }
    private static var period: Int64 { Int64(Span.nanoseconds) }

    init(_ limit: Int?) {
        self.limit = limit.map { UInt64(max($0, 0)) } ?? .max
        interval = self.limit == 0 ? 0 : Span.nanoseconds / self.limit
        intervalPart = self.limit == 0 ? 0 : Span.nanoseconds % self.limit
    }

    @inline(__always)
    var isLimited: Bool { limit != .max }

    /// How long `units` take to drain.
    @inline(__always)
    func duration(of units: UInt64) -> ArrivalTime {
        if units == 1 { return ArrivalTime(nanoseconds: Int64(interval), part: intervalPart) }
        let (whole, wholeOverflows) = units.multipliedReportingOverflow(by: interval)
        let (parts, partsOverflow) = units.multipliedReportingOverflow(by: intervalPart)
        if wholeOverflows || partsOverflow || whole >= Self.farthest { return longDuration(of: units) }
        let (carried, part) = parts.quotientAndRemainder(dividingBy: limit)
        return ArrivalTime(nanoseconds: Int64(min(whole &+ carried, Self.farthest)), part: part)
    }

    @inline(never)
    private func longDuration(of units: UInt64) -> ArrivalTime {
        guard limit > 0 else { return ArrivalTime(nanoseconds: Int64(Self.farthest), part: 0) }
        let product = UInt128(units) * UInt128(Span.nanoseconds)
        let (whole, part) = product.quotientAndRemainder(dividingBy: UInt128(limit))
        guard whole < UInt128(Self.farthest) else { return ArrivalTime(nanoseconds: Int64(Self.farthest), part: 0) }
        return ArrivalTime(nanoseconds: Int64(whole), part: UInt64(part))
    }

    /// The TAT after `units` more.
    @inline(__always)
    func charging(_ units: UInt64, to arrival: ArrivalTime, at now: Int64) -> ArrivalTime {
        guard limit > 0 else { return arrival }
        let start = arrival.notBefore(now, limit: limit)
        let added = duration(of: units)
        var part = start.part &+ added.part
        var nanoseconds = min(start.nanoseconds, Int64(Self.farthest)) &+ added.nanoseconds
        if part >= limit || part < added.part {
            part &-= limit
            nanoseconds &+= 1
        }
        return ArrivalTime(nanoseconds: nanoseconds, part: part)
    }

    /// How long until a bucket with this TAT conforms, in nanoseconds rounded up; 0 when it does.
    @inline(__always)
    func wait(until arrival: ArrivalTime, at now: Int64) -> Int64 {
        max(0, arrival.nanoseconds &+ (arrival.part == 0 ? 0 : 1) &- (now &+ Self.period))
    }

    /// The whole units that still conform.
    func remaining(_ arrival: ArrivalTime, at now: Int64) -> UInt64 {
        let start = arrival.notBefore(now, limit: limit)
        let backlog = start.nanoseconds - now
        guard backlog < Self.period else { return 0 }
        let (scaled, overflows) = UInt64(Self.period - backlog).multipliedReportingOverflow(by: limit)
        if overflows {
            let wide = UInt128(UInt64(Self.period - backlog)) * UInt128(limit)
            return UInt64((wide - UInt128(min(start.part, limit))) / UInt128(Span.nanoseconds))
        }
        return (scaled &- min(start.part, scaled)) / Span.nanoseconds
    }
}

/// The time over which a limit is counted. A type, so that dividing by it is a multiplication.
protocol RatePeriod: Sendable {
    static var nanoseconds: UInt64 { get }
}

enum Minute: RatePeriod {
    static var nanoseconds: UInt64 { 60_000_000_000 }
}

enum Day: RatePeriod {
    static var nanoseconds: UInt64 { 86_400_000_000_000 }
}

/// A moment, or a duration, in nanoseconds since the limiter's epoch and `part / limit` of one more.
struct ArrivalTime: Sendable, Equatable {
    var nanoseconds: Int64
    var part: UInt64

    /// This moment or `now`, whichever is later. A part that was counted over another limit is rounded up.
    @inline(__always)
    func notBefore(_ now: Int64, limit: UInt64) -> ArrivalTime {
        if nanoseconds < now { return ArrivalTime(nanoseconds: now, part: 0) }
        if part >= limit, part > 0 { return ArrivalTime(nanoseconds: nanoseconds &+ 1, part: 0) }
        return self
    }
}
