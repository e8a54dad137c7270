/// Work on raw bytes that parser, document and writer share. Callers own the bounds.
enum Bytes {
    @inline(__always)
    static func word(_ pointer: UnsafePointer<UInt8>) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(pointer).loadUnaligned(as: UInt64.self))
    }

    /// Non-zero if one of eight bytes is a quote, a backslash, below 0x20 or above 0x7F; the lowest set bit tells the
    /// first such byte (those after it may be reported wrongly).
    @inline(__always)
    static func special(in word: UInt64) -> UInt64 {
        escapable(in: word) | word & 0x8080_8080_8080_8080
    }

    /// As `special(in:)`, for the bytes that a JSON string must escape.
    @inline(__always)
    private static func escapable(in word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ ones &* 0x22
        let backslash = word ^ ones &* 0x5C
        let low = (word &- ones &* 0x20) & ~word
        return (low | (quote &- ones) & ~quote | (backslash &- ones) & ~backslash) & (ones &* 0x80)
    }

    @inline(__always)
    static func equal(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        var at = 0
        while at &+ 8 <= count {
            if word(left + at) != word(right + at) { return false }
            at &+= 8
        }
        while at < count {
            if left[at] != right[at] { return false }
            at &+= 1
        }
        return true
    }

    @inline(__always)
    static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte &- 0x30)
        case 0x41...0x46: UInt32(byte &- 0x37)
        case 0x61...0x66: UInt32(byte &- 0x57)
        default: nil
        }
    }

    /// The letter of the two-character escape of a control character, if it has one.
    @inline(__always)
    static func shortEscape(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x08: 0x62
        case 0x09: 0x74
        case 0x0A: 0x6E
        case 0x0C: 0x66
        case 0x0D: 0x72
        default: nil
        }
    }

    /// A keyed hash in the manner of wyhash: every word is mixed with a secret before it is multiplied, so no word can
    /// be chosen to cancel another.
    static func hash(_ bytes: UnsafeBufferPointer<UInt8>, _ secret: (UInt64, UInt64)) -> UInt64 {
        var state = secret.1 ^ UInt64(truncatingIfNeeded: bytes.count)
        var at = 0
        if let base = bytes.baseAddress {
            while at &+ 8 <= bytes.count {
                state = mix(word(base + at) ^ secret.0, state)
                at &+= 8
            }
        }
        var tail: UInt64 = 0
        while at < bytes.count {
            tail = tail &<< 8 | UInt64(bytes[at])
            at &+= 1
        }
        return mix(mix(tail ^ secret.0, state), secret.1)
    }

    @inline(__always)
    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let (high, low) = left.multipliedFullWidth(by: right)
        return high ^ low
    }

    // MARK: Escapes

    /// The decoded text of a string token; copied only if it has escapes.
    @inline(__always)
    static func withText<R>(
        of token: JSONToken, in base: UnsafePointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> R
    ) -> R {
        let raw = UnsafeBufferPointer(start: base + Int(token.offset), count: Int(token.length))
        guard token.isEscaped else { return body(raw) }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: raw.count) { buffer in
            guard let start = buffer.baseAddress else { return body(raw) }
            let count = decode(raw, to: start)
            return body(UnsafeBufferPointer(start: start, count: count))
        }
    }

    /// Decodes a checked string to `output`, which has room for `raw.count` bytes; returns the bytes written.
    static func decode(_ raw: UnsafeBufferPointer<UInt8>, to output: UnsafeMutablePointer<UInt8>) -> Int {
        var at = 0
        var written = 0
        while at < raw.count {
            let run = copyPlain(raw, from: at, to: output + written)
            at &+= run
            written &+= run
            guard at < raw.count else { break }
            let letter = raw[at &+ 1]
            if letter == 0x75 {
                var value = codeUnit(raw, at)
                at &+= 6
                if value & 0xFC00 == 0xD800 {
                    value = 0x10000 &+ (value & 0x3FF) &<< 10 &+ (codeUnit(raw, at) & 0x3FF)
                    at &+= 6
                }
                written &+= put(value, output + written)
            } else {
                output[written] = unescaped(letter)
                at &+= 2
                written &+= 1
            }
        }
        return written
    }

    private static func unescaped(_ letter: UInt8) -> UInt8 {
        switch letter {
        case 0x62: 0x08
        case 0x74: 0x09
        case 0x6E: 0x0A
        case 0x66: 0x0C
        case 0x72: 0x0D
        default: letter
        }
    }

    private static func codeUnit(_ raw: UnsafeBufferPointer<UInt8>, _ at: Int) -> UInt32 {
        var unit: UInt32 = 0
        for i in 2..<6 { unit = unit &<< 4 | (hexDigit(raw[at &+ i]) ?? 0) }
        return unit
    }

    /// Writes a scalar as UTF-8, at most four bytes.
    private static func put(_ value: UInt32, _ output: UnsafeMutablePointer<UInt8>) -> Int {
        func continuation(_ shift: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: value &>> shift & 0x3F | 0x80) }
        if value < 0x80 {
            output[0] = UInt8(truncatingIfNeeded: value)
            return 1
        }
        if value < 0x800 {
            output[0] = UInt8(truncatingIfNeeded: value &>> 6 | 0xC0)
            output[1] = continuation(0)
            return 2
        }
        if value < 0x10000 {
            output[0] = UInt8(truncatingIfNeeded: value &>> 12 | 0xE0)
            output[1] = continuation(6)
            output[2] = continuation(0)
            return 3
        }
        output[0] = UInt8(truncatingIfNeeded: value &>> 18 | 0xF0)
        output[1] = continuation(12)
        output[2] = continuation(6)
        output[3] = continuation(0)
        return 4
    }

    /// Writes text as the inside of a JSON string with as few escapes as possible; `output` has room for six bytes a
    /// byte.
    static func encode(_ text: UnsafeBufferPointer<UInt8>, to output: UnsafeMutablePointer<UInt8>) -> Int {
        var at = 0
        var written = 0
        while at < text.count {
            let run = copyPlain(text, from: at, to: output + written)
            at &+= run
            written &+= run
            guard at < text.count else { break }
            written &+= escape(text[at], to: output + written)
            at &+= 1
        }
        return written
    }

    /// Writes the shortest escape of a quote, backslash or control character, at most six bytes.
    private static func escape(_ byte: UInt8, to output: UnsafeMutablePointer<UInt8>) -> Int {
        output[0] = 0x5C
        if byte >= 0x20 {
            output[1] = byte
            return 2
        }
        if let letter = shortEscape(byte) {
            output[1] = letter
            return 2
        }
        output[1] = 0x75
        output[2] = 0x30
        output[3] = 0x30
        output[4] = 0x30 &+ byte &>> 4
        output[5] = byte & 0xF < 10 ? 0x30 &+ byte & 0xF : 0x57 &+ byte & 0xF
        return 6
    }

    /// Copies up to the next byte that a JSON string escapes; returns how many.
    ///
    /// Whole words are written, of which only the first bytes may count, but never past `text.count` bytes from where
    /// `output` would be had everything so far been copied; encoded or decoded, that much room is always there.
    @inline(__always)
    private static func copyPlain(
        _ text: UnsafeBufferPointer<UInt8>, from start: Int, to output: UnsafeMutablePointer<UInt8>
    ) -> Int {
        guard let base = text.baseAddress else { return 0 }
        var at = start
        while at &+ 8 <= text.count {
            let word = word(base + at)
            UnsafeMutableRawPointer(output + (at &- start)).storeBytes(of: word.littleEndian, as: UInt64.self)
            let escapable = escapable(in: word)
            guard escapable == 0 else { return at &- start &+ escapable.trailingZeroBitCount &>> 3 }
            at &+= 8
        }
        while at < text.count, text[at] >= 0x20, text[at] != 0x22, text[at] != 0x5C {
            output[at &- start] = text[at]
            at &+= 1
        }
        return at &- start
    }

    /// The bytes from `start` to the next that a JSON string escapes.
    static func plainCount(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        guard let base = text.baseAddress else { return 0 }
        var at = start
        while at &+ 8 <= text.count {
            let escapable = escapable(in: word(base + at))
            guard escapable == 0 else { return at &- start &+ escapable.trailingZeroBitCount &>> 3 }
            at &+= 8
        }
        while at < text.count, text[at] >= 0x20, text[at] != 0x22, text[at] != 0x5C { at &+= 1 }
        return at &- start
    }
}
