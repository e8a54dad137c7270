package import Storage

/// A month of the UTC calendar, which one partition of records covers; as text `2026-11`.
package struct Month: Sendable, Hashable, Comparable, LosslessStringConvertible {
    /// Months since January of year 0.
    private let index: Int

    package init(containing time: Timestamp) {
        let (year, month, _) = civilDate(of: time)
        index = year * 12 + month - 1
    }

    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 4, parts[1].utf8.count == 2, let year = Int(parts[0]),
            let month = Int(parts[1]), (1...12).contains(month)
        else { return nil }
        index = year * 12 + month - 1
    }

    package var description: String {
        "\(padded(index / 12, 4))-\(padded(index % 12 + 1, 2))"
    }

    /// Its first moment.
    package var start: Timestamp { Self.start(index) }

    /// The first moment after it.
    package var end: Timestamp { Self.start(index + 1) }

    private static func start(_ index: Int) -> Timestamp {
        Timestamp(microseconds: Int64(daysSince1970(year: index / 12, month: index % 12 + 1)) * dayMicroseconds)
    }

    package static func < (left: Month, right: Month) -> Bool { left.index < right.index }
}

/// A day of the UTC calendar, by which usage is added up; as text `2026-11-24`.
package struct Day: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let description: String

    package init(containing time: Timestamp) {
        let (year, month, day) = civilDate(of: time)
        description = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    /// Reads `2026-11-24`; `nil` for what is no date.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.map(\.utf8.count) == [4, 2, 2], let year = Int(parts[0]),
            let month = Int(parts[1]), let day = Int(parts[2]), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        let days = daysSince1970(year: year, month: month) + day - 1
        self.init(containing: Timestamp(microseconds: Int64(days) * dayMicroseconds))
        guard description == text else { return nil }
    }

    package static func < (left: Day, right: Day) -> Bool { left.description < right.description }
}

private let dayMicroseconds: Int64 = 86_400_000_000

private func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}

/// Source: H. Hinnant, chrono-compatible low-level date algorithms, civil_from_days.
private func civilDate(of time: Timestamp) -> (year: Int, month: Int, day: Int) {
    let (quotient, remainder) = time.microseconds.quotientAndRemainder(dividingBy: dayMicroseconds)
    let shifted = Int(quotient) - (remainder < 0 ? 1 : 0) + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
}

/// The first day of a month. Source: as above, days_from_civil.
private func daysSince1970(year: Int, month: Int) -> Int {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}
