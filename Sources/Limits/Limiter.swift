internal import Synchronization

/// Grants requests within the limits of their key, application, organisation and end user: all of them or none.
///
/// Requests are charged when granted. Tokens are held while the request is in flight and charged, as many as were used,
/// when it is settled; held ones count as used. So within any time *t*, what was settled and what is held never exceed
/// `limit + t · limit / period` (but for usage beyond a reservation, which becomes debt). A TAT never moves back.
///
/// Memory: 64 bytes a subject that is using its limits, in tables filled between 7/16 and 7/8, however many keys exist;
/// a subject whose buckets are full again is forgotten when its table fills. All that belongs to one organisation lies
/// in one table behind one lock, so a decision takes one lock and is atomic over all scopes.
package final class Limiter: Sendable {
    private let shards: [LimitShard]
    private let epoch: Moment
    private let capacity: Int
    /// Entries in all tables.
    private let occupied = Atomic<Int>(0)
    /// When all tables were last swept, in nanoseconds since the epoch.
    private let sweptAt = Atomic<Int64>(-LimitsTiming.sweepPause)

    /// - Parameters:
    ///   - capacity: How many subjects may be using their limits at once; beyond it, strangers get `tableFull`.
    ///   - shards: A power of two.
    ///   - epoch: Any time not after the first request.
    package init(capacity: Int = 1 << 20, shards: Int = 64, startingAt epoch: Moment) {
        precondition(capacity >= LimitTable.placesOfRequest, "A request needs a place for each scope.")
        precondition(shards > 0 && shards & (shards - 1) == 0, "The number of shards is a power of two.")
        self.capacity = capacity
        self.epoch = epoch
        self.shards = (0..<shards).map { _ in LimitShard(LimitTable(startingAt: epoch)) }
    }

    /// How many subjects are kept.
    package var subjectCount: Int { occupied.load(ordering: .relaxed) }

    /// Reserves a request and the tokens it may use. One lock; no allocation unless a table grows.
    ///
    /// - Parameter tokens: The most that the request may use; at least 1.
    /// - Throws: Which limit stands in the way; then nothing was charged.
    package func reserve(
        _ subjects: LimitSubjects, tokens: Int, at now: Moment
    ) throws(LimitRefusal) -> Reservation {
        precondition(tokens > 0, "A request needs a token or more.")
        let shard = shards[Int(truncatingIfNeeded: subjects.tableKey(.organisation) >> 40) & (shards.count - 1)]
        var decision = decide(subjects, tokens: UInt64(tokens), at: now, in: shard)
        if case .noPlace = decision, sweepAll(at: now) {
            decision = decide(subjects, tokens: UInt64(tokens), at: now, in: shard)
        }
        switch decision {
        case .granted(let standing):
            return Reservation(shard: shard, subjects: subjects, tokens: tokens, standing: standing)
        case .refused(let refusal):
            throw refusal
        case .noPlace:
            throw LimitRefusal(
                reason: .tableFull, scope: .key, kind: .requests, limit: capacity, remaining: 0,
                retryAfter: .nanoseconds(LimitsTiming.sweepPause), reset: .nanoseconds(LimitsTiming.sweepPause))
        }
    }

    private enum Decision: Sendable {
        case granted(LimitStanding)
        case refused(LimitRefusal)
        case noPlace
    }

    private func decide(
        _ subjects: LimitSubjects, tokens: UInt64, at now: Moment, in shard: LimitShard
    ) -> Decision {
        shard.withTable { table in
            let time = table.advance(to: now)
            let forgotten = table.makeRoom(at: time)
            if forgotten > 0 { occupied.subtract(forgotten, ordering: .relaxed) }
            var check = LimitCheck(tokens: tokens, now: time)
            var places: InlineArray<4, Int> = [-1, -1, -1, -1]
            var missing = 0
            var isStranger = false
            subjects.forEachLimited { scope, rates in
                let place = table.find(subjects.tableKey(scope))
                places[Int(scope.rawValue)] = place
                if place < 0 {
                    missing += 1
                    if scope == .endUser { isStranger = true }
                    check.add(rates, scope, LimitEntry())
                } else {
                    check.add(rates, scope, table.entries[place])
                }
            }
            if let refusal = check.refusal { return .refused(refusal) }
            guard missing == 0 || claim(missing, forEndUser: isStranger) else { return .noPlace }
            subjects.forEachLimited { scope, rates in
                var place = places[Int(scope.rawValue)]
                if place < 0 { place = table.insert(subjects.tableKey(scope)) }
                table.update(place) { $0.reserve(rates, tokens, at: time) }
            }
            return .granted(check.standing)
        }
    }

    /// An application can name as many end users as it likes, so they never take the last eighth of the places from keys,
    /// applications and organisations.
    private func claim(_ places: Int, forEndUser: Bool) -> Bool {
        let bound = forEndUser ? capacity - capacity / 8 : capacity
        if occupied.add(places, ordering: .relaxed).newValue <= bound { return true }
        occupied.subtract(places, ordering: .relaxed)
        return false
    }

    /// Forgets what is idle in all tables, at most once a second so that a flood of strangers can't make it the
    /// limiter's main work.
    ///
    /// - Returns: Whether it swept.
    private func sweepAll(at now: Moment) -> Bool {
        let time = now - epoch
        let last = sweptAt.load(ordering: .relaxed)
        guard time - last >= LimitsTiming.sweepPause,
            sweptAt.compareExchange(expected: last, desired: time, ordering: .relaxed).exchanged
        else { return false }
        for shard in shards {
            let forgotten = shard.withTable { table in
                let time = table.advance(to: now)
                return table.sweep(at: time)
            }
            occupied.subtract(forgotten, ordering: .relaxed)
        }
        return true
    }
}

enum LimitsTiming {
    /// Nanoseconds between two sweeps of all tables.
    static let sweepPause: Int64 = 1_000_000_000
    /// What a caller is told to wait for others of its requests to end, in nanoseconds.
    static let concurrencyRetry: Int64 = 1_000_000_000
}
