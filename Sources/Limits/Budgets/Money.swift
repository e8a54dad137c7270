/// An amount in the one currency of the configuration: whole billionths of its unit, and never below nothing.
///
/// Integers throughout, so that sums are exact whatever their order. As text a decimal number, such as `12.50`.
package struct Money: Sendable, Hashable, Comparable {
    /// From 0 to ``nanosMax``.
    package let nanos: Int64

    /// A thousand million units.
    package static let nanosMax: Int64 = 1_000_000_000 * nanosPerUnit
    private static let nanosPerUnit: Int64 = 1_000_000_000

    /// - Parameter nanos: What lies outside of the bounds is clamped to them.
    package init(nanos: Int64) {
        self.nanos = min(max(nanos, 0), Self.nanosMax)
    }

    package static let zero = Money(nanos: 0)

    package static func < (left: Money, right: Money) -> Bool { left.nanos < right.nanos }
}

/// Why a text is no amount.
package enum MoneyComplaint: Error, Sendable, Hashable {
    case notANumber
    case negative
    /// It has more than ``Money/decimalsMax`` decimals.
    case tooFine
    case tooLarge
}

extension Money {
    /// What may be written behind the point: of an amount, millionths of the unit; of a price for a million tokens, so much
    /// that the price of one token is a whole number of picos.
    package static let decimalsMax = 6

    /// Reads `12`, `12.5` or `0.000001`. No sign, no exponent, no blanks and no other digits than those of ASCII.
    ///
    /// - Throws: `MoneyComplaint`.
    package init(parsing text: String) throws(MoneyComplaint) {
        let micros = try Self.micros(parsing: text, max: Self.nanosMax / 1_000)
        self.init(nanos: micros * 1_000)
    }

    /// A decimal number in millionths.
    static func micros(parsing text: String, max: Int64) throws(MoneyComplaint) -> Int64 {
        let isNegative = text.hasPrefix("-")
        let parts = text.utf8.dropFirst(isNegative ? 1 : 0).split(separator: 0x2E, omittingEmptySubsequences: false)
        let isNumber = parts.allSatisfy { part in
            !part.isEmpty && part.allSatisfy { (0x30...0x39).contains($0) }
        }
        guard (1...2).contains(parts.count), isNumber else { throw .notANumber }
        if isNegative { throw .negative }
        let decimals = parts.count == 2 ? Array(parts[1]) : []
        // Zeros at the end say nothing.
        let meant = decimals.lastIndex { $0 != 0x30 }.map { decimals[...$0] } ?? []
        guard meant.count <= decimalsMax else { throw .tooFine }
        var micros: Int64 = 0
        let zeros = repeatElement(UInt8(0x30), count: decimalsMax - meant.count)
        for digit in [Array(parts[0]), Array(meant), Array(zeros)].joined() {
            let (product, overflows) = micros.multipliedReportingOverflow(by: 10)
            guard !overflows, product <= max else { throw .tooLarge }
            micros = product + Int64(digit - 0x30)
        }
        guard micros <= max else { throw .tooLarge }
        return micros
    }
}

extension Money: CustomStringConvertible {
    /// Two decimals at least, nine at most.
    package var description: String { Self.decimal(nanos, decimals: 9) }

    /// A number of 10^−decimals as a decimal number, with no zero at its end beyond the second decimal.
    static func decimal(_ number: Int64, decimals: Int) -> String {
        var digits = String(number)
        digits = String(repeating: "0", count: max(0, decimals + 1 - digits.utf8.count)) + digits
        var behind = digits.suffix(decimals)
        while behind.utf8.count > 2, behind.last == "0" { behind.removeLast() }
        return "\(digits.dropLast(decimals)).\(behind)"
    }
}

extension Money: Codable {
    /// As text, since JSON's numbers are no decimals to most who read them.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do throws(MoneyComplaint) {
            try self.init(parsing: text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "No amount of money.")
        }
    }
}
