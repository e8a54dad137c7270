extension Check {
    /// A date that may be a birthday: `2001-02-28`, `28.02.2001`, `02/28/2001`, `28/2/01`; a real day from 1900 on.
    /// Day and month may stand in either order, unless the year comes first. Needs context.
    static func isBirthDate(_ candidate: Span<UInt8>) -> Bool {
        var parts = InlineArray<3, Int>(repeating: 0)
        var lengths = InlineArray<3, Int>(repeating: 0)
        var place = 0
        for index in candidate.indices {
            let byte = candidate[index]
            if byte.isASCIIDigit {
                guard lengths[place] < 4 else { return false }
                parts[place] = parts[place] * 10 + Int(byte) - 0x30
                lengths[place] += 1
            } else if dateSigns.contains(byte) {
                // A dot and a blank may stand together (28. 2. 2001).
                if lengths[place] == 0, place > 0, byte == UInt8(ascii: " ") { continue }
                guard lengths[place] > 0, place < 2 else { return false }
                place += 1
            } else {
                return false
            }
        }
        guard place == 2, lengths[2] > 0 else { return false }
        if lengths[0] == 4 {
            return parts[0] >= 1900 && CalendarDate.isValid(year: parts[0], month: parts[1], day: parts[2])
        }
        guard lengths[0] <= 2, lengths[1] <= 2, lengths[2] == 2 || lengths[2] == 4, lengths[2] == 2 || parts[2] >= 1900
        else { return false }
        let year = lengths[2] == 2 ? 2000 + parts[2] : parts[2]
        return CalendarDate.isValid(year: year, month: parts[1], day: parts[0])
            || CalendarDate.isValid(year: year, month: parts[0], day: parts[1])
    }

    private static let dateSigns = ByteSet("-./ ".utf8)
}
