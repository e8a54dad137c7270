internal import Snapshots

/// Counts failed authentications by client, in fixed memory, and says who must wait.
///
/// A client that failed `failures` times within `period` waits until one of them has drained (GCRA, as `Rate`). There
/// are 2¹⁴ places; clients whose hashes share one share its count, so a client may in rare cases wait for another's
/// failures, and none escapes its own. The places depend on a seed that nobody outside knows, so nobody can choose
/// whom to share with.
package final class FailureGuard: Sendable {
    private static let placeBits = 14
    private static let stripeBits = 4

    /// TATs in nanoseconds since `epoch`, in stripes so that loops seldom meet at a lock.
    private let stripes: [Lock<[Int64]>]
    private let epoch: Moment
    private let seed: UInt64
    /// Nanoseconds.
    private let interval: Int64
    private let period: Int64

    /// - Parameters:
    ///   - failures: How many are free; at least 1.
    ///   - seed: Draw it at random when the process starts.
    package init(
        failures: Int = 10, per period: Duration = .seconds(60), seed: UInt64, startingAt epoch: Moment
    ) {
        precondition(failures >= 1 && period > .zero, "A guard allows at least one failure in a positive time.")
        self.epoch = epoch
        self.seed = seed
        self.period = period.wholeNanoseconds
        interval = max(1, self.period / Int64(failures))
        let places = Array(repeating: Int64(0), count: 1 << (Self.placeBits - Self.stripeBits))
        stripes = (0..<(1 << Self.stripeBits)).map { _ in Lock(places) }
    }

    /// How long this client must wait before it may try again; `nil` when it need not.
    package func isBlocked(_ hash: UInt64, at now: Moment) -> Duration? {
        let (stripe, place) = place(of: hash)
        let now = now - epoch
        let arrival = stripes[stripe].withLock { $0[place] }
        let wait = max(arrival, now) + interval - (now + period)
        return wait > 0 ? .nanoseconds(wait) : nil
    }

    /// Counts a failure of this client. Failures while blocked never make it wait for longer than `period`.
    package func noteFailure(_ hash: UInt64, at now: Moment) {
        let (stripe, place) = place(of: hash)
        let now = now - epoch
        stripes[stripe].withLock { places in
            let counted = max(places[place], now) + interval
            places[place] = max(places[place], min(counted, now + period))
        }
    }

    private func place(of hash: UInt64) -> (stripe: Int, place: Int) {
        var mixed = (hash ^ seed) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 29)) &* 0xBF58_476D_1CE4_E5B9
        let place = Int(mixed >> (64 - UInt64(Self.placeBits)))
        return (place & ((1 << Self.stripeBits) - 1), place >> Self.stripeBits)
    }
}

extension Duration {
    /// Rounded down, and clamped to what fits (292 years).
    package var wholeNanoseconds: Int64 {
        Int64(clamping: attoseconds / 1_000_000_000)
    }
}
