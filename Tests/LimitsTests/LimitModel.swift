import Limits

/// SplitMix64, so that a failing schedule can be run again by its seed.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// What the limiter should do, told the other way round: as leaky buckets that hold an exact level and drain, where the
/// limiter keeps theoretical arrival times.
struct LimitModel {
    struct Bucket {
        let limit: Int128
        let period: Int128
        /// Units used and not drained, times `period`.
        var level: Int128 = 0

        mutating func drain(_ nanoseconds: Int64) { level = max(0, level - limit * Int128(nanoseconds)) }
        mutating func charge(_ units: Int) { level += Int128(units) * period }
        func admits(_ units: Int, held: Int) -> Bool { level + Int128(units + held) * period <= limit * period }
        func remaining(held: Int) -> Int { Int(max(0, (limit * period - level) / period - Int128(held))) }
        /// Nanoseconds until it admits, if what is held is used in full.
        func wait(_ units: Int, held: Int) -> Int64? {
            if Int128(units) > limit { return nil }
            let over = level + Int128(units + held) * period - limit * period
            return over <= 0 ? 0 : Int64((over + limit - 1) / limit)
        }
    }

    struct Subject {
        let settings: LimitSettings
        var requests: Bucket?
        var tokens: Bucket?
        var day: Bucket?
        var held = 0
        var inFlight = 0

        init(_ settings: LimitSettings) {
            self.settings = settings
            requests = settings.requestsPerMinute.map { Bucket(limit: Int128($0), period: 60_000_000_000) }
            tokens = settings.tokensPerMinute.map { Bucket(limit: Int128($0), period: 60_000_000_000) }
            day = settings.tokensPerDay.map { Bucket(limit: Int128($0), period: 86_400_000_000_000) }
        }

        func waits(tokens units: Int) -> [LimitKind: Int64?] {
            var waits: [LimitKind: Int64?] = [:]
            if let requests, !requests.admits(1, held: 0) { waits[.requests] = .some(requests.wait(1, held: 0)) }
            if let tokens, !tokens.admits(units, held: held) { waits[.tokens] = .some(tokens.wait(units, held: held)) }
            if let day, !day.admits(units, held: held) { waits[.tokensPerDay] = .some(day.wait(units, held: held)) }
            if let most = settings.concurrentRequests, inFlight >= most { waits[.concurrency] = 1_000_000_000 }
            return waits
        }

        mutating func drain(_ nanoseconds: Int64) {
            requests?.drain(nanoseconds)
            tokens?.drain(nanoseconds)
            day?.drain(nanoseconds)
        }

        mutating func reserve(_ units: Int) {
            requests?.charge(1)
            held += units
            inFlight += 1
        }

        mutating func settle(_ units: Int, actual: Int) {
            tokens?.charge(actual)
            day?.charge(actual)
            held -= units
            inFlight -= 1
        }
    }

    var now: Int64 = 0
    var subjects: [LimitScope: [Int: Subject]] = [:]

    mutating func advance(to time: Int64) {
        guard time > now else { return }
        for scope in LimitScope.allCases {
            for id in (subjects[scope] ?? [:]).keys { subjects[scope]![id]!.drain(time - now) }
        }
        now = time
    }
}

/// A reservation in an array.
final class Held {
    var reservation: Reservation?
    let path: [LimitScope: Int]
    let tokens: Int

    init(_ reservation: consuming Reservation, path: [LimitScope: Int], tokens: Int) {
        self.reservation = consume reservation
        self.path = path
        self.tokens = tokens
    }
}
