extension JSONParser {
    /// Checks a number's grammar and that it is finite as binary64; returns what follows it.
    mutating func number(_ start: Int) throws(Failure) -> Int {
        var at = start
        if base[at] == 0x2D { at &+= 1 }
        let digits = at
        at = afterDigits(at)
        let integerDigits = at &- digits
        guard integerDigits > 0 else { throw Failure(at < end ? .invalidNumber : .unexpectedEnd, at: at) }
        if base[digits] == 0x30, integerDigits > 1 { throw Failure(.leadingZero, at: start) }
        if at < end, base[at] == 0x2E {
            let fraction = at &+ 1
            at = afterDigits(fraction)
            guard at > fraction else { throw Failure(at < end ? .invalidNumber : .unexpectedEnd, at: at) }
        }
        var exponentDigits = 0
        if at < end, base[at] | 0x20 == 0x65 {
            at &+= 1
            if at < end, base[at] == 0x2B || base[at] == 0x2D { at &+= 1 }
            let exponent = at
            at = afterDigits(exponent)
            exponentDigits = at &- exponent
            guard exponentDigits > 0 else { throw Failure(at < end ? .invalidNumber : .unexpectedEnd, at: at) }
        }
        // Below 10^(200 + 99): surely finite. The rest is rare and compared exactly.
        if exponentDigits > 2 || integerDigits > 200 {
            let number = JSONNumber(UnsafeBufferPointer(start: base + start, count: at &- start))
            guard number.isFinite else { throw Failure(.numberNotFinite, at: start) }
        }
        return at
    }

    @inline(__always)
    private func afterDigits(_ start: Int) -> Int {
        var at = start
        while at < end, base[at] &- 0x30 < 10 { at &+= 1 }
        return at
    }
}
