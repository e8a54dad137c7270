/// The right to make one request: its place among the concurrent ones, and the tokens it may use.
///
/// Settle it with what was used. Dropped unsettled, it charges all that it reserved, and frees its place in any case.
/// It may be stored in a class or another `~Copyable` struct and settled in place, or handed on (`consuming`).
package struct Reservation: ~Copyable, Sendable {
    // The shard and not the limiter: a reference count that all loops touch at every request would be a bottleneck.
    private let shard: LimitShard
    private let subjects: LimitSubjects
    /// Tokens reserved.
    package let tokens: Int
    /// What is left after this grant.
    package let standing: LimitStanding
    package private(set) var isSettled = false

    init(shard: LimitShard, subjects: LimitSubjects, tokens: Int, standing: LimitStanding) {
        self.shard = shard
        self.subjects = subjects
        self.tokens = tokens
        self.standing = standing
    }

    /// Charges what the request used, once: a second call does nothing.
    ///
    /// What was reserved beyond it is free again. What was used beyond the reservation is charged as debt, which the
    /// next requests wait for. A negative count is taken as 0; whoever reads the upstream's usage should bound it.
    package mutating func settle(actualTokens: Int, at now: Moment) {
        guard !isSettled else { return }
        isSettled = true
        end(actual: UInt64(max(0, actualTokens)), at: now)
    }

    /// Borrows, so that neither reference is counted up and down. Without a time, as of the latest that was seen.
    private borrowing func end(actual: UInt64, at now: Moment?) {
        shard.settle(subjects, reserved: UInt64(tokens), actual: actual, at: now)
    }

    deinit {
        if !isSettled { end(actual: UInt64(tokens), at: nil) }
    }
}
