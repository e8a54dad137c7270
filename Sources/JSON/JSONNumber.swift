/// The parts of a valid JSON number, exactly: ±0.d₁d₂d₃… × 10^`exponent`, where d₁ is not 0.
struct JSONNumber {
    let text: UnsafeBufferPointer<UInt8>
    let isNegative: Bool
    /// Where in `text` the digits from d₁ on stand, a decimal point possibly among them; empty for zero.
    let significant: Range<Int>
    /// Saturates at ±10¹².
    let exponent: Int

    init(_ text: UnsafeBufferPointer<UInt8>) {
        self.text = text
        isNegative = text[0] == 0x2D
        var first: Int?
        // Digits before the point from d₁ on, or minus the zeros behind the point before d₁.
        var scale = 0
        var seenPoint = false
        var at = isNegative ? 1 : 0
        while at < text.count, text[at] | 0x20 != 0x65 {
            if text[at] == 0x2E {
                seenPoint = true
            } else {
                if first == nil, text[at] != 0x30 { first = at }
                if first != nil, !seenPoint { scale += 1 }
                if first == nil, seenPoint { scale -= 1 }
            }
            at += 1
        }
        significant = (first ?? at)..<at
        var written = 0
        if at < text.count {
            at += 1
            let isDown = text[at] == 0x2D
            if isDown || text[at] == 0x2B { at += 1 }
            while at < text.count {
                written = min(written * 10 + Int(text[at] & 0xF), 1_000_000_000_000)
                at += 1
            }
            if isDown { written = -written }
        }
        exponent = scale + written
    }

    /// 2¹⁰²⁴ − 2⁹⁷⁰: the least number that rounds to infinity (halfway between the largest binary64 and 2¹⁰²⁴).
    private static let overflow: StaticString = """
        1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490179775872070\
        9633028641669288791094655554785194040263065748867150582068190890200070838367627385484581771153176447\
        5730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880177904\
        174497792
        """

    /// Whether binary64, rounding to nearest even, can hold it. Exact, linear in the text.
    var isFinite: Bool {
        guard !significant.isEmpty, exponent >= 309 else { return true }
        guard exponent == 309 else { return false }
        let limit = JSONNumber.overflow
        var place = 0
        for at in significant where text[at] != 0x2E {
            guard place < limit.utf8CodeUnitCount else { return false }
            let digit = limit.utf8Start[place]
            if text[at] != digit { return text[at] < digit }
            place += 1
        }
        // Equal so far; what is missing are zeros.
        while place < limit.utf8CodeUnitCount {
            if limit.utf8Start[place] != 0x30 { return true }
            place += 1
        }
        return false
    }

    /// The value, if it is an integer that `Int` holds (`3`, `3.0` and `30e-1` are the same).
    var integer: Int? {
        guard !significant.isEmpty else { return 0 }
        guard exponent >= 1, exponent <= 19 else { return nil }
        var value = 0
        var places = 0
        for at in significant where text[at] != 0x2E {
            places += 1
            let digit = Int(text[at] & 0xF)
            if places > exponent {
                guard digit == 0 else { return nil }
                continue
            }
            guard let next = JSONNumber.extend(value, by: digit, isNegative) else { return nil }
            value = next
        }
        while places < exponent {
            guard let next = JSONNumber.extend(value, by: 0, isNegative) else { return nil }
            value = next
            places += 1
        }
        return value
    }

    private static func extend(_ value: Int, by digit: Int, _ isNegative: Bool) -> Int? {
        let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
        let (sum, overflows) = tens.addingReportingOverflow(isNegative ? -digit : digit)
        return isTooLarge || overflows ? nil : sum
    }
}
