internal import Glibc

/// A moment in UTC, in whole microseconds since 1970-01-01T00:00:00Z. Stored as BIGINT.
package struct Timestamp: Sendable, Hashable, Comparable {
    package var microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// The wall clock now. Only the edge calls this; everything inside takes a time as an argument.
    package static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    /// As far as times go, where the sum goes beyond.
    package func adding(_ duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        let (whole, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, passes) = microseconds.addingReportingOverflow(whole)
        guard !overflows, !passes else { return Timestamp(microseconds: seconds < 0 ? .min : .max) }
        return Timestamp(microseconds: sum &+ attoseconds / 1_000_000_000_000)
    }

    /// As far as times go, where the sum goes beyond.
    package func adding(nanoseconds: Int64) -> Timestamp {
        let (sum, overflows) = microseconds.addingReportingOverflow(nanoseconds / 1_000)
        return Timestamp(microseconds: overflows ? (nanoseconds < 0 ? .min : .max) : sum)
    }
}
