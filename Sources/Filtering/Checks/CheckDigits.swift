/// The check digit schemes that several numbers share.
enum CheckDigits {
    /// Luhn: from the right every second digit doubled, its digits summed; the total is a multiple of 10.
    ///
    /// Source: ISO/IEC 7812-1, annex B; US patent 2950048.
    static func luhn(_ text: CompactBytes, _ range: Range<Int>? = nil) -> Bool {
        var total = 0
        var doubled = false
        for index in (range ?? 0..<text.count).reversed() {
            let value = text.digit(index) * (doubled ? 2 : 1)
            total += value > 9 ? value - 9 : value
            doubled.toggle()
        }
        return total % 10 == 0
    }

    /// ISO 7064 MOD 97-10 over letters (A = 10 … Z = 35) and digits, read from `start` round to it again.
    ///
    /// Source: ISO/IEC 7064; ISO 13616-1, section 6 (the first four characters move to the end).
    static func mod97(_ text: CompactBytes, from start: Int) -> Int {
        var remainder = 0
        for step in 0..<text.count {
            let byte = text[(start + step) % text.count]
            remainder =
                byte.isASCIIDigit
                ? (remainder * 10 + Int(byte) - 0x30) % 97 : (remainder * 100 + Int(byte) - 0x41 + 10) % 97
        }
        return remainder
    }

    /// ISO 7064 MOD 11,10 over all digits, the last of which is the check digit.
    ///
    /// Source: ISO/IEC 7064, hybrid systems.
    static func mod11And10(_ text: CompactBytes) -> Bool {
        var product = 10
        for index in 0..<text.count - 1 {
            let sum = (text.digit(index) + product) % 10
            product = (sum == 0 ? 10 : sum) * 2 % 11
        }
        return (product + text.digit(text.count - 1)) % 10 == 1
    }

    /// Verhoeff: products in the dihedral group D5 of the permuted digits, from the right, end at 0.
    ///
    /// Source: J. Verhoeff, Error Detecting Decimal Codes, Mathematical Centre Tract 29 (1969).
    static func verhoeff(_ text: CompactBytes) -> Bool {
        var check = 0
        for position in 0..<text.count {
            let digit = text.digit(text.count - 1 - position)
            check = dihedralProduct(check, permuted(digit, times: position % 8))
        }
        return check == 0
    }

    /// The product in D5 where 0…4 are rotations and 5…9 reflections.
    private static func dihedralProduct(_ left: Int, _ right: Int) -> Int {
        switch (left < 5, right < 5) {
        case (true, true): (left + right) % 5
        case (true, false): (left + right - 5) % 5 + 5
        case (false, true): (left - 5 - right + 5) % 5 + 5
        case (false, false): (left - right + 5) % 5
        }
    }

    private static func permuted(_ digit: Int, times: Int) -> Int {
        (0..<times).reduce(digit) { value, _ in verhoeffPermutation[value] }
    }

    private static let verhoeffPermutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
}
