/// A day of the UTC calendar, counted from 1970-01-01. A budget's day begins at 00:00 UTC and its month with the first day;
/// UTC knows no summer time, so every day has 86,400 seconds (leap seconds are none to the system's clock).
package struct BudgetDay: Sendable, Hashable, Comparable {
    package let number: Int32

    /// - Parameter number: What lies outside of what times can be is clamped to it.
    package init(number: Int32) {
        self.number = min(max(number, -Self.farthest), Self.farthest)
    }

    /// Its microseconds do not overflow, nor those of the month after.
    private static let farthest: Int32 = 100_000_000

    /// - Parameter microseconds: since 1970-01-01T00:00:00Z.
    package init(microseconds: Int64) {
        let days = microseconds >= 0 ? microseconds / Self.length : (microseconds + 1) / Self.length - 1
        self.init(number: Int32(clamping: days))
    }

    private static let length: Int64 = 86_400_000_000

    package static func < (left: BudgetDay, right: BudgetDay) -> Bool { left.number < right.number }

    /// Microseconds since 1970 of its first moment.
    package var start: Int64 { Int64(number) * Self.length }

    package var next: BudgetDay { BudgetDay(number: number &+ 1) }

    /// Months since January of year 0.
    package var month: Int32 {
        let (year, month) = civil
        return Int32(year * 12 + month - 1)
    }

    /// The first day of the month after its own.
    package var nextMonth: BudgetDay {
        let index = Int(month) + 1
        return BudgetDay(number: Self.firstDay(year: index / 12, month: index % 12 + 1))
    }

    /// Source: H. Hinnant, chrono-compatible low-level date algorithms, civil_from_days.
    private var civil: (year: Int, month: Int) {
        let shifted = Int(number) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month)
    }

    /// Source: as above, days_from_civil.
    private static func firstDay(year: Int, month: Int) -> Int32 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5
        return Int32(
            clamping: era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468)
    }
}
