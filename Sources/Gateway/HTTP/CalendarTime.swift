internal import Glibc

/// A time as calendars and clocks say it, in UTC.
enum CalendarTime {
    /// Seconds since 1970; `nil` for a day that the month has not, or another part out of its bounds. A leap second is the
    /// first of the next minute.
    static func seconds(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) -> Int? {
        guard (0...9_999).contains(year), (1...12).contains(month), (1...31).contains(day), (0...23).contains(hour),
            (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(year - 1_900), Int32(month - 1), Int32(day))
        (parts.tm_hour, parts.tm_min) = (Int32(hour), Int32(minute))
        let start = timegm(&parts)
        // It takes the 30th of February for a day in March.
        return parts.tm_mon == Int32(month - 1) ? start + second : nil
    }
}
