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
        guard
            let seconds = CalendarTime.seconds(
                year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        else { return nil }
        self.init(microseconds: Int64(seconds - offset * 60) * 1_000_000 + Int64(microseconds))
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
