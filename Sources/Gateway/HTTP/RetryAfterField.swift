internal import Glibc
internal import Storage

/// When an upstream wants to be asked again: seconds, or a date. Source: RFC 9110, section 10.2.3.
enum RetryAfterField {
    /// Longer waits are no advice to a client library; the newest give up above two minutes.
    static let secondsMax = 3_600

    private static let millisecondsMax = secondsMax * 1_000

    /// Milliseconds to wait from `now` on, at most an hour; a second where the value says neither of both.
    ///
    /// A fraction, which the standard has none of and some servers send, is rounded up; a date that has passed is 0.
    static func milliseconds(_ value: ArraySlice<UInt8>, at now: Timestamp) -> Int {
        if let wait = number(value, unit: 1_000) { return wait }
        guard let date = HTTPDate.seconds(value, at: now) else { return 1_000 }
        // Both are within the years that four digits can say.
        return min(max(0, date * 1_000 - Int(now.microseconds / 1_000)), millisecondsMax)
    }

    /// A number of units of so many milliseconds each, at most an hour; `nil` for what is no number.
    static func number(_ value: ArraySlice<UInt8>, unit: Int) -> Int? {
        let whole = value.prefix(while: isDigit)
        let decimals = value[whole.endIndex...].dropFirst()
        guard !whole.isEmpty, whole.endIndex == value.endIndex || value[whole.endIndex] == 0x2E,
            decimals.allSatisfy(isDigit)
        else { return nil }
        let significant = whole.drop { $0 == 0x30 }
        guard significant.count <= 7 else { return millisecondsMax }
        var thousandths = (0..<3).reduce(0) { sum, place in
            sum * 10 + (place < decimals.count ? Int(decimals[decimals.startIndex + place] - 0x30) : 0)
        }
        if decimals.dropFirst(3).contains(where: { $0 != 0x30 }) { thousandths += 1 }
        return min((significant.decimal ?? 0) * unit + (thousandths * unit + 999) / 1_000, millisecondsMax)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}

/// The three formats of dates in fields. Source: RFC 9110, section 5.6.7.
///
/// ```
/// Sun, 06 Nov 1994 08:49:37 GMT       Sunday, 06-Nov-94 08:49:37 GMT       Sun Nov  6 08:49:37 1994
/// ```
enum HTTPDate {
    private static let bytesMax = 40

    /// Seconds since 1970; `nil` for what is no date. The name of the day is passed over.
    ///
    /// - Parameter now: a year of two digits is the nearest to it.
    static func seconds(_ text: ArraySlice<UInt8>, at now: Timestamp) -> Int? {
        guard text.count <= bytesMax else { return nil }
        let words = text.split { $0 == 0x20 || $0 == 0x2C || $0 == 0x2D }
        switch words.count {
        case 6 where words[5].elementsEqual("GMT".utf8):
            return seconds(year: words[3], month: words[2], day: words[1], clock: words[4], at: now)
        case 5:
            return seconds(year: words[4], month: words[1], day: words[2], clock: words[3], at: now)
        default: return nil
        }
    }

    private static func seconds(
        year: ArraySlice<UInt8>, month: ArraySlice<UInt8>, day: ArraySlice<UInt8>, clock: ArraySlice<UInt8>,
        at now: Timestamp
    ) -> Int? {
        let clock = clock.split(separator: 0x3A, omittingEmptySubsequences: false)
        guard let month = DateField.months.firstIndex(where: { month.elementsEqual($0.utf8) }),
            let day = number(day, 1...2), clock.count == 3, let hour = number(clock[0], 2...2),
            let minute = number(clock[1], 2...2), let second = number(clock[2], 2...2),
            let year = self.year(year, at: now)
        else { return nil }
        return CalendarTime.seconds(year: year, month: month + 1, day: day, hour: hour, minute: minute, second: second)
    }

    private static func year(_ digits: ArraySlice<UInt8>, at now: Timestamp) -> Int? {
        if let year = number(digits, 4...4) { return year }
        guard let two = number(digits, 2...2) else { return nil }
        var time = time_t(now.microseconds / 1_000_000)
        var today = tm()
        gmtime_r(&time, &today)
        let thisYear = Int(today.tm_year) + 1_900
        let year = thisYear / 100 * 100 + two
        return year > thisYear + 50 ? year - 100 : year < thisYear - 49 ? year + 100 : year
    }

    private static func number(_ digits: ArraySlice<UInt8>, _ length: ClosedRange<Int>) -> Int? {
        length.contains(digits.count) ? digits.decimal : nil
    }
}
