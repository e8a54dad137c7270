/// Finds stretches of a text that may be another text in base64 or hexadecimal, byte by byte.
///
/// A stretch is at least 24 letters, digits and signs of base64 without anything between but the ends of lines that are as long
/// as encoders make them. What is longer than 8 KB is read as far as that.
struct EncodedRun {
    /// What a stretch says.
    struct Decoded {
        /// In the original.
        var range: Range<Int>
        /// The original offset by which it was known.
        var decided: Int
        /// Valid UTF-8.
        var text: [UInt8]
        /// Whether it was in ROT13.
        var isRotated = false
    }

    private var bytes: [UInt8] = []
    private var begin = 0
    /// Since the latest end of a line.
    private var lineBytes = 0
    /// What the latest byte was, if it ended a line within the stretch.
    private var lineEnd: UInt8?
    /// Whether this stretch was read already, as far as it is read.
    private var isRead = false
    /// How many more are read.
    private var remaining: Int
    /// Whether there was more that people could read: a further stretch, or more of one.
    private var exceedsBounds = false

    static let bytesMin = 24
    static let bytesMax = 8_192
    /// Encoders break lines at 64 or 76 signs.
    private static let lineBytesMin = 60

    /// - Parameter countMax: how many are read; further ones are left alone, so that a text full of them costs no more.
    init(countMax: Int) {
        remaining = countMax
    }

    /// Whether there was more that people could read since this was asked last.
    mutating func takeExcess() -> Bool {
        defer { exceedsBounds = false }
        return exceedsBounds
    }

    /// Where the stretch begins that may still be one; `nil` outside of any.
    var open: Int? { bytes.isEmpty || isRead ? nil : begin }

    /// Takes what comes next, which begins at an offset of the original.
    mutating func take(_ part: UnsafeBufferPointer<UInt8>, original: Int, found: (Decoded) -> Void) {
        var index = 0
        while index < part.count {
            if bytes.isEmpty { index = Self.nextRun(in: part, from: index) }
            while index < part.count {
                take(part[index], at: original + index, found)
                index += 1
                if bytes.isEmpty { break }
            }
        }
    }

    /// Where the next run of signs begins that is long enough or may go on behind the end; the end if there is none.
    ///
    /// Looks at where a run of 24 would end, and back from there: of words with blanks between, at one sign in five.
    private static func nextRun(in part: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var begin = start
        while begin < part.count {
            var index = min(begin + bytesMin, part.count) - 1
            while index >= begin, isSign(part[index]) { index -= 1 }
            if index < begin { return begin }
            begin = index + 1
        }
        return part.count
    }

    private mutating func take(_ byte: UInt8, at offset: Int, _ found: (Decoded) -> Void) {
        if Self.isSign(byte) {
            takeSign(byte, at: offset, found)
        } else if !bytes.isEmpty, !breaksLine(byte) {
            finish(at: offset, found: found)
        }
    }

    /// Ends the text at an offset of the original.
    mutating func finish(at offset: Int, found: (Decoded) -> Void) {
        guard !bytes.isEmpty else { return }
        if !isRead { read(to: offset, found) }
        bytes.removeAll(keepingCapacity: true)
        (lineBytes, lineEnd, isRead) = (0, nil, false)
    }

    private mutating func takeSign(_ byte: UInt8, at offset: Int, _ found: (Decoded) -> Void) {
        // What follows padding, or the name of a value, is another stretch.
        if byte != 0x3D, bytes.last == 0x3D { finish(at: offset, found: found) }
        if bytes.isEmpty { begin = offset }
        (lineBytes, lineEnd) = (lineEnd == nil ? lineBytes + 1 : 1, nil)
        if bytes.count < Self.bytesMax {
            bytes.append(byte)
        } else if !isRead {
            isRead = true
            read(to: offset, found)
        }
    }

    /// Whether a byte ends a line behind which the stretch may go on.
    private mutating func breaksLine(_ byte: UInt8) -> Bool {
        let isFirst = lineEnd == nil && lineBytes >= Self.lineBytesMin && (byte == 0x0A || byte == 0x0D)
        let isSecond = lineEnd == 0x0D && byte == 0x0A
        guard isFirst || isSecond else { return false }
        lineEnd = byte
        return true
    }

    private mutating func read(to offset: Int, _ found: (Decoded) -> Void) {
        guard !exceedsBounds || remaining > 0, bytes.count >= Self.bytesMin,
            let text = Self.hexadecimal(bytes) ?? Self.base64(bytes)
        else { return }
        if isRead || remaining == 0 { exceedsBounds = true }
        guard remaining > 0 else { return }
        remaining -= 1
        found(Decoded(range: begin..<offset, decided: offset, text: text))
    }

    @inline(__always)
    private static func isSign(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x2B || byte == 0x2F || byte == 0x3D || byte == 0x2D
            || byte == 0x5F
    }

    static func hexadecimal(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.count.isMultiple(of: 2) else { return nil }
        var text: [UInt8] = []
        for index in stride(from: 0, to: bytes.count, by: 2) {
            guard let high = hexDigit(bytes[index]), let low = hexDigit(bytes[index + 1]) else { return nil }
            text.append(high << 4 | low)
        }
        return legible(text)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    /// Of both alphabets, with or without padding; what is left over at the end is dropped.
    static func base64(_ bytes: [UInt8]) -> [UInt8]? {
        var text: [UInt8] = []
        var (bits, count): (UInt32, Int) = (0, 0)
        for byte in bytes {
            guard let value = base64Digit(byte) else {
                // Padding ends it, and so does a sign of equality that stands before it.
                if text.isEmpty, count == 0 { continue }
                break
            }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                text.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return legible(text)
    }

    private static func base64Digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x41...0x5A: UInt32(byte) - 0x41
        case 0x61...0x7A: UInt32(byte) - 0x47
        case 0x30...0x39: UInt32(byte) + 4
        case 0x2B, 0x2D: 62
        case 0x2F, 0x5F: 63
        default: nil
        }
    }

    /// The text if people could read it: valid UTF-8, but for a character that was cut off at its end, without control
    /// characters.
    private static func legible(_ text: [UInt8]) -> [UInt8]? {
        guard text.count >= bytesMin / 2 else { return nil }
        guard text.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 &- 0x09 < 5 }) else { return nil }
        for dropped in 0...3 where dropped < text.count {
            let part = text.dropLast(dropped)
            if dropped > 0, text[text.count - dropped] < 0x80 { return nil }
            if String(validating: part, as: UTF8.self) != nil { return Array(part) }
        }
        return nil
    }
}
