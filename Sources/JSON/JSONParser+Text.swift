extension JSONParser {
    /// Scans a string from behind its opening quote, checks it, and returns the place of the closing one.
    ///
    /// Eight bytes at a time while they are plain ASCII; validation of UTF-8 is part of the same pass. Leaves the
    /// text's flags in `textFlags`.
    mutating func text(from start: Int) throws(Failure) -> Int {
        textFlags = 0
        var at = start
        while true {
            while at &+ 8 <= end {
                let special = Bytes.special(in: Bytes.word(base + at))
                guard special == 0 else {
                    at &+= special.trailingZeroBitCount &>> 3
                    break
                }
                at &+= 8
            }
            guard at < end else { throw Failure(.unexpectedEnd, at: end) }
            let byte = base[at]
            if byte == 0x22 { break }
            if byte >= 0x80 {
                repeat { at = try scalar(at) } while at < end && base[at] >= 0x80
            } else if byte == 0x5C {
                at = try escape(at)
            } else if byte < 0x20 {
                throw Failure(.controlCharacter, at: at)
            } else {
                at &+= 1
            }
        }
        allTextFlags |= textFlags
        return at
    }

    /// Checks one UTF-8 sequence of two to four bytes (Unicode 15, table 3-7) and returns what follows it.
    @inline(__always)
    private func scalar(_ at: Int) throws(Failure) -> Int {
        let lead = base[at]
        let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        guard lead >= 0xC2, lead <= 0xF4, at &+ length <= end else { throw Failure(.invalidUTF8, at: at) }
        let second = base[at &+ 1]
        guard second & 0xC0 == 0x80 else { throw Failure(.invalidUTF8, at: at) }
        if length > 2 {
            guard base[at &+ 2] & 0xC0 == 0x80 else { throw Failure(.invalidUTF8, at: at) }
            switch lead {
            case 0xE0 where second < 0xA0, 0xF0 where second < 0x90, 0xF4 where second > 0x8F:
                throw Failure(.invalidUTF8, at: at)
            case 0xED where second > 0x9F:
                throw Failure(.loneSurrogate, at: at)
            default: break
            }
            if length == 4, base[at &+ 3] & 0xC0 != 0x80 { throw Failure(.invalidUTF8, at: at) }
        }
        return at &+ length
    }

    /// Checks the escape at a backslash and returns what follows it.
    private mutating func escape(_ at: Int) throws(Failure) -> Int {
        guard at &+ 1 < end else { throw Failure(.unexpectedEnd, at: end) }
        textFlags |= JSONToken.isEscaped
        switch base[at &+ 1] {
        case 0x22, 0x5C, 0x62, 0x66, 0x6E, 0x72, 0x74:
            return at &+ 2
        case 0x2F:
            textFlags |= JSONToken.needsRewriting
            return at &+ 2
        case 0x75:
            return try unicodeEscape(at)
        default:
            throw Failure(.invalidEscape, at: at)
        }
    }

    private mutating func unicodeEscape(_ at: Int) throws(Failure) -> Int {
        let unit = try codeUnit(at)
        if unit < 0x20, Bytes.shortEscape(UInt8(unit)) == nil, base[at &+ 5] < 0x41 || base[at &+ 5] > 0x46 {
            return at &+ 6
        }
        textFlags |= JSONToken.needsRewriting
        guard unit & 0xF800 == 0xD800 else { return at &+ 6 }
        guard unit < 0xDC00, at &+ 7 < end, base[at &+ 6] == 0x5C, base[at &+ 7] == 0x75,
            try codeUnit(at &+ 6) & 0xFC00 == 0xDC00
        else { throw Failure(.loneSurrogate, at: at) }
        return at &+ 12
    }

    /// The four hexadecimal digits of the `\u` at `at`.
    private func codeUnit(_ at: Int) throws(Failure) -> UInt32 {
        guard at &+ 6 <= end else { throw Failure(.unexpectedEnd, at: end) }
        var unit: UInt32 = 0
        for i in 2..<6 {
            guard let digit = Bytes.hexDigit(base[at &+ i]) else { throw Failure(.invalidEscape, at: at) }
            unit = unit &<< 4 | digit
        }
        return unit
    }
}
