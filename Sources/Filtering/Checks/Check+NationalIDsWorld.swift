/// National identifiers: Latin America, Asia, Africa.
extension Check {
    /// A Brazilian CPF: eleven digits, two check digits modulo 11; all equal digits are never issued.
    ///
    /// Source: Receita Federal, Ato Declaratório; Manual do CPF, dígitos verificadores.
    static func isBrazilianCPF(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, separators: [.blank, .dot, .hyphen], count: 11),
            !text.isUniform
        else {
            return false
        }
        func check(_ weights: [Int]) -> Int {
            let rest = text.weightedSum(weights) % 11
            return rest < 2 ? 0 : 11 - rest
        }
        return text.digit(9) == check([10, 9, 8, 7, 6, 5, 4, 3, 2])
            && text.digit(10) == check([11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
    }

    /// An Indian Aadhaar number: twelve digits beginning with 2 to 9, Verhoeff.
    ///
    /// Source: UIDAI, A UID Numbering Scheme (2010).
    static func isIndianAadhaar(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, count: 12), text.digit(0) >= 2, !text.isUniform else {
            return false
        }
        return CheckDigits.verhoeff(text)
    }

    /// An Indian PAN of any holder: five letters, the fourth naming the kind of holder, four digits, a letter. Its check
    /// letter's formula is not published.
    ///
    /// Source: Income Tax Department, Know your PAN.
    static func isIndianPAN(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(candidate, separators: []), text.count == 10, text.areDigits(5..<9),
            (0..<5).allSatisfy({ text[$0].isASCIILetter }), text[9].isASCIILetter
        else { return false }
        return Array("PCHFATBLJG".utf8).contains(text[3]) && text.number(5..<9) > 0
    }

    /// A Chinese resident identity number: region, date, serial, ISO 7064 MOD 11-2 with X for 10.
    ///
    /// Source: GB 11643-1999.
    static func isChineseResidentID(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(candidate, separators: [.blank]), text.count == 18, text.areDigits(0..<17),
            text.digit(0) != 0,
            CalendarDate.isValid(year: text.number(6..<10), month: text.number(10..<12), day: text.number(12..<14))
        else { return false }
        let sum = text.weightedSum([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
        return text[17] == Array("10X98765432".utf8)[sum % 11]
    }

    /// A South Korean resident registration number: date, century and sex, weights 2 to 9 and 2 to 5, modulus 11.
    ///
    /// Numbers given out since October 2020 have no check digit: those are found by chance only (one in ten).
    /// Source: Resident Registration Act, enforcement rule, article 2.
    static func isKoreanRRN(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, count: 13), text.digit(6) <= 8, text.digit(6) > 0,
            CalendarDate.isValid(
                twoDigitYear: text.number(0..<2), month: text.number(2..<4), day: text.number(4..<6))
        else { return false }
        let sum = text.weightedSum([2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5])
        return text.digit(12) == (11 - sum % 11) % 10
    }

    /// A Singaporean NRIC or FIN of the series S, T, F, G: weights 2 7 6 5 4 3 2, an offset of 4 for T and G.
    ///
    /// Source: Ng Chee Kong and others, the algorithm as published for S and F series (ICA does not publish it).
    static func isSingaporeanNRIC(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(candidate, separators: []), text.count == 9, text.areDigits(1..<8) else {
            return false
        }
        let sum = text.weightedSum([0, 2, 7, 6, 5, 4, 3, 2])
        switch text[0] {
        case UInt8(ascii: "S"): return text[8] == Array("JZIHGFEDCBA".utf8)[sum % 11]
        case UInt8(ascii: "T"): return text[8] == Array("JZIHGFEDCBA".utf8)[(sum + 4) % 11]
        case UInt8(ascii: "F"): return text[8] == Array("XWUTRQPNMLK".utf8)[sum % 11]
        case UInt8(ascii: "G"): return text[8] == Array("XWUTRQPNMLK".utf8)[(sum + 4) % 11]
        default: return false
        }
    }

    /// A South African identity number: date, serial, citizenship 0 to 2, Luhn.
    ///
    /// Source: Department of Home Affairs, Identification Act 68 of 1997, section 7.
    static func isSouthAfricanID(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, count: 13), text.digit(10) <= 2,
            CalendarDate.isValid(
                twoDigitYear: text.number(0..<2), month: text.number(2..<4), day: text.number(4..<6))
        else { return false }
        return CheckDigits.luhn(text)
    }

    /// A Mexican CURP: shape, date, sex, state, and a check digit modulo 10 over an alphabet with Ñ.
    ///
    /// Source: Instructivo normativo para la asignación de la CURP, Diario Oficial 18 October 2021.
    static func isMexicanCURP(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(candidate, separators: []), text.count == 18, text.areDigits(4..<10),
            (0..<4).allSatisfy({ text[$0].isASCIILetter }), (11..<16).allSatisfy({ text[$0].isASCIILetter }),
            Array("HMX".utf8).contains(text[10]), text.areDigits(17..<18),
            CalendarDate.isValid(
                twoDigitYear: text.number(4..<6), month: text.number(6..<8), day: text.number(8..<10))
        else { return false }
        let sum = (0..<17).reduce(0) { sum, index in
            let byte = text[index]
            // The alphabet is 0…9, A…N, Ñ, O…Z.
            let value =
                byte.isASCIIDigit ? Int(byte) - 0x30 : Int(byte) - 0x41 + 10 + (byte > UInt8(ascii: "N") ? 1 : 0)
            return sum + value * (18 - index)
        }
        return text.digit(17) == (10 - sum % 10) % 10
    }
}
