internal import Storage

extension Timestamp {
    /// Reads an instant such as `2026-12-01T12:00:30Z` or `2026-12-01t13:00:30.5+01:00`; `nil` if it is none.
    ///
    /// A leap second is the first of the next minute. Source: RFC 3339, section 5.6.
    init?(rfc3339 text: ArraySlice<UInt8>) {
        var reader = InstantReader(rest: text)
        guard text.count <= 64, let year = reader.number(4), reader.takes("-"), let month = reader.number(2),
            reader.takes("-"), let day = reader.number(2), reader.takes("T") || reader.takes("t"),
            let hour = reader.number(2), reader.takes(":"), let minute = reader.number(2), reader.takes(":"),
            let second = reader.number(2), let microseconds = reader.fraction(), let offset = reader.offset(),
            reader.rest.isEmpty
        else { return nil }
        guard (1...12).contains(month), day >= 1, day <= Calendar.days(in: month, of: year), hour <= 23, minute <= 59,
            second <= 60
        else { return nil }
        let days = Calendar.daysSince1970(year, month, day)
        let seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second
        self.init(microseconds: Int64(seconds) * 1_000_000 + Int64(microseconds))
    }
}

private struct InstantReader {
    private(set) var rest: ArraySlice<UInt8>

    init(rest: ArraySlice<UInt8>) {
        self.rest = rest
    }

    mutating func number(_ digits: Int) -> Int? {
        guard rest.count >= digits, let number = rest.prefix(digits).decimal else { return nil }
        rest = rest.dropFirst(digits)
        return number
    }

    mutating func takes(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// Microseconds; what is smaller is left out.
    mutating func fraction() -> Int? {
        guard takes(".") else { return 0 }
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard !digits.isEmpty else { return nil }
        rest = rest[digits.endIndex...]
        return (0..<6).reduce(0) { sum, place in
            sum * 10 + (place < digits.count ? Int(digits[digits.startIndex + place] - 0x30) : 0)
        }
    }

    /// Minutes east of Greenwich.
    mutating func offset() -> Int? {
        if takes("Z") || takes("z") { return 0 }
        let isWest = rest.first == 0x2D
        guard takes("+") || takes("-"), let hours = number(2), hours <= 23, takes(":"), let minutes = number(2),
            minutes <= 59
        else { return nil }
        return (hours * 60 + minutes) * (isWest ? -1 : 1)
    }
}

/// The Gregorian calendar, also before it was made.
private enum Calendar {
    static func days(in month: Int, of year: Int) -> Int {
        let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Source: H. Hinnant, chrono-Compatible Low-Level Date Algorithms, `days_from_civil`; for years from 0.
    static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        // Years begin in March here, so that the leap day is the last.
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
