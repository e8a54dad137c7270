internal import Glibc

/// A reading of the system's monotonic clock, which no change of the date moves.
///
/// In place of `ContinuousClock.Instant`, whose durations are 128 bits of attoseconds: the request path reads it some ten
/// times a request, and limits reckon in nanoseconds.
package struct Moment: Sendable, Hashable, Comparable {
    /// Since an arbitrary point before the process began.
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package static var now: Moment {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Moment(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    package static func < (left: Moment, right: Moment) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Nanoseconds from `right` to `left`.
    package static func - (left: Moment, right: Moment) -> Int64 {
        left.nanoseconds &- right.nanoseconds
    }

    package static func + (moment: Moment, duration: Duration) -> Moment {
        Moment(nanoseconds: moment.nanoseconds &+ duration.wholeNanoseconds)
    }

    package static func - (moment: Moment, duration: Duration) -> Moment {
        Moment(nanoseconds: moment.nanoseconds &- duration.wholeNanoseconds)
    }
}
