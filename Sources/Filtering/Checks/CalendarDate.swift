/// Whether numbers name a day of the Gregorian calendar; all that the checks need to know of dates.
enum CalendarDate {
    /// - Parameter year: four digits; a day of 1800 to 2199.
    static func isValid(year: Int, month: Int, day: Int) -> Bool {
        guard (1800...2199).contains(year), (1...12).contains(month), day >= 1 else { return false }
        return day <= days(in: month, of: year)
    }

    /// For numbers that don't write the century: valid in any of 1800 to 2199.
    static func isValid(twoDigitYear: Int, month: Int, day: Int) -> Bool {
        isValid(year: 1900 + twoDigitYear, month: month, day: day)
            || isValid(year: 2000 + twoDigitYear, month: month, day: day)
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
