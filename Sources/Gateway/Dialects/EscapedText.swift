/// JSON text that has more escapes than it needs.
enum EscapedText {
    private static let backslash: UInt8 = 0x5C

    /// The same JSON with every character written as itself that may be; `nil` if it is written like that already.
    ///
    /// It need not be valid JSON, so that nothing hides behind a missing brace. Linear, no longer than `text`.
    static func plain(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard let first = text.firstIndex(of: backslash) else { return nil }
        var output = Array(text[..<first])
        output.reserveCapacity(text.count)
        var index = first
        var isPlain = true
        while index < text.endIndex {
            guard text[index] == backslash, index + 1 < text.endIndex else {
                output.append(text[index])
                index += 1
                continue
            }
            if let (scalar, end) = character(in: text, at: index) {
                isPlain = false
                output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
                index = end
            } else {
                output.append(contentsOf: text[index..<index + 2])
                index += 2
            }
        }
        return isPlain ? nil : output
    }

    /// Where an escape begins that more text may complete; the end if there is none. Linear.
    static func completeEnd(of text: ArraySlice<UInt8>) -> Int {
        var index = text.startIndex
        while let start = text[index...].firstIndex(of: backslash) {
            guard let end = escapeEnd(in: text, at: start) else { return start }
            index = end
            // The other half of a character may follow.
            guard let high = unit(in: text, at: start), high & 0xFC00 == 0xD800 else { continue }
            if index == text.endIndex { return start }
            if text[index] == backslash, escapeEnd(in: text, at: index) == nil { return start }
        }
        return text.endIndex
    }

    /// Where the escape at `index` ends; `nil` if that is not known yet.
    private static func escapeEnd(in text: ArraySlice<UInt8>, at index: Int) -> Int? {
        guard index + 1 < text.endIndex else { return nil }
        guard text[index + 1] == 0x75 else { return index + 2 }
        let digits = text[(index + 2)...].prefix(4).prefix { isHexadecimal($0) }
        if digits.count == 4 { return index + 6 }
        return digits.endIndex == text.endIndex ? nil : index + 2
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }

    /// The character that an escape spells without need, and where the escape ends.
    private static func character(
        in text: ArraySlice<UInt8>, at index: Int
    ) -> (scalar: Unicode.Scalar, end: Int)? {
        if text[index + 1] == 0x2F { return ("/", index + 2) }
        guard let unit = unit(in: text, at: index) else { return nil }
        if let scalar = Unicode.Scalar(unit) {
            // These must be escaped.
            guard unit >= 0x20, unit != 0x22, unit != 0x5C else { return nil }
            return (scalar, index + 6)
        }
        guard unit < 0xDC00, let low = self.unit(in: text, at: index + 6), low & 0xFC00 == 0xDC00,
            let scalar = Unicode.Scalar(0x10000 + UInt32(unit & 0x3FF) << 10 + UInt32(low & 0x3FF))
        else { return nil }
        return (scalar, index + 12)
    }

    /// The number in `\uXXXX`.
    private static func unit(in text: ArraySlice<UInt8>, at index: Int) -> UInt16? {
        guard index + 6 <= text.endIndex, text[index] == backslash, text[index + 1] == 0x75 else { return nil }
        var unit: UInt16 = 0
        for digit in text[index + 2..<index + 6] {
            switch digit {
            case 0x30...0x39: unit = unit << 4 | UInt16(digit - 0x30)
            case 0x41...0x46, 0x61...0x66: unit = unit << 4 | UInt16(digit & 0x1F + 9)
            default: return nil
            }
        }
        return unit
    }
}
