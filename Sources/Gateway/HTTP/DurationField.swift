/// Durations as programs in Go write them: `6m0s`, `1.5s`, `20ms`. Source: https://pkg.go.dev/time#ParseDuration
enum DurationField {
    private static let bytesMax = 40

    /// `nil` for what is no duration, has no unit, is negative, or is longer than 292 years.
    static func nanoseconds(_ text: ArraySlice<UInt8>) -> Int64? {
        guard !text.isEmpty, text.count <= bytesMax else { return nil }
        var rest = text
        var sum: Int64 = 0
        while !rest.isEmpty {
            guard let number = DecimalNumber(readingFrom: &rest), let unit = unit(readingFrom: &rest),
                let part = number.times(unit)
            else { return nil }
            let (total, overflows) = sum.addingReportingOverflow(part)
            if overflows { return nil }
            sum = total
        }
        return sum
    }

    private static func unit(readingFrom text: inout ArraySlice<UInt8>) -> Int64? {
        let word = text.prefix { $0 != 0x2E && !(0x30...0x39).contains($0) }
        text = text[word.endIndex...]
        return switch word {
        case Array("h".utf8)[...]: 3_600_000_000_000
        case Array("m".utf8)[...]: 60_000_000_000
        case Array("s".utf8)[...]: 1_000_000_000
        case Array("ms".utf8)[...]: 1_000_000
        case Array("us".utf8)[...], Array("µs".utf8)[...]: 1_000
        case Array("ns".utf8)[...]: 1
        default: nil
        }
    }
}

/// A number with or without a fraction, whose digits beyond the ninth of that are left out.
struct DecimalNumber {
    private var whole: Int64 = 0
    /// In `1 / scale`.
    private var fraction: Int64 = 0
    private var scale: Int64 = 1

    /// - Parameter text: what follows the number remains; all of it where there is none.
    init?(readingFrom text: inout ArraySlice<UInt8>) {
        let digits = text.prefix { (0x30...0x39).contains($0) }
        guard let whole = digits.decimal else { return nil }
        self.whole = Int64(whole)
        text = text[digits.endIndex...]
        guard text.first == 0x2E else { return }
        let decimals = text.dropFirst().prefix { (0x30...0x39).contains($0) }
        for digit in decimals.prefix(9) {
            fraction = fraction * 10 + Int64(digit - 0x30)
            scale *= 10
        }
        text = text[decimals.endIndex...]
    }

    /// Rounded down; `nil` where it is too large.
    func times(_ unit: Int64) -> Int64? {
        let (product, overflows) = whole.multipliedReportingOverflow(by: unit)
        // A unit is an hour in nanoseconds at most, so that this needs 128 bits.
        let (high, low) = fraction.multipliedFullWidth(by: unit)
        let (sum, passes) = product.addingReportingOverflow(scale.dividingFullWidth((high, low)).quotient)
        return overflows || passes ? nil : sum
    }
}
