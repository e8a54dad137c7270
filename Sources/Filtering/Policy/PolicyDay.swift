/// A day of the calendar in UTC, as files write it: `2027-03-01`.
package struct PolicyDay: Sendable, Hashable, Comparable, CustomStringConvertible {
    private let text: String

    /// - Parameter text: `YYYY-MM-DD`, a day of 1800 to 2199.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2], text.utf8.allSatisfy({ $0 == 0x2D || $0.isASCIIDigit }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]),
            CalendarDate.isValid(year: year, month: month, day: day)
        else { return nil }
        self.text = text
    }

    package var description: String { text }

    /// The text is made so that its order is that of the days.
    package static func < (left: PolicyDay, right: PolicyDay) -> Bool { left.text < right.text }
}
