/// National identifiers: English-speaking countries, Romance countries, Benelux.
extension Check {
    /// A US social security number: no check digit; area not 000, 666 or 900–999, group not 00, serial not 0000, and
    /// not one of the two numbers that advertising made unusable. Needs context.
    ///
    /// Source: Social Security Administration, POMS RM 10201.035 (invalid numbers), RM 10201.030 (advertising).
    static func isUSSocialSecurityNumber(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, count: 9) else { return false }
        let area = text.number(0..<3)
        guard area != 0, area != 666, area < 900, text.number(3..<5) != 0, text.number(5..<9) != 0 else {
            return false
        }
        let number = text.number(0..<9)
        return number != 078_05_1120 && number != 219_09_9999 && !text.isUniform
    }

    /// A UK National Insurance number: prefix letters that are issued, six digits, suffix A to D. No check digit.
    ///
    /// Source: HMRC, National Insurance Manual NIM39110.
    static func isUKNationalInsurance(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(candidate, separators: [.blank, .hyphen]), text.count == 9, text.areDigits(2..<8)
        else {
            return false
        }
        let (first, second, last) = (text[0], text[1], text[8])
        guard first.isASCIILetter, second.isASCIILetter, (0x41...0x44).contains(last) else { return false }
        let never = Array("DFIQUV".utf8)
        if never.contains(first) || never.contains(second) || second == UInt8(ascii: "O") { return false }
        return !["BG", "GB", "NK", "KN", "TN", "NT", "ZZ"].contains { $0.utf8.elementsEqual([first, second]) }
    }

    /// A UK NHS number: ten digits, weights 10 to 2, modulus 11.
    ///
    /// Source: NHS Data Model and Dictionary, NHS NUMBER.
    static func isUKNHSNumber(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, count: 10), !text.isUniform else { return false }
        let check = 11 - text.weightedSum([10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11
        return check != 10 && text.digit(9) == check % 11
    }

    /// A Canadian social insurance number: nine digits, Luhn; none begins with 0 or 8.
    ///
    /// Source: Employment and Social Development Canada, SIN code of practice.
    static func isCanadianSIN(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, count: 9), text.digit(0) != 0, text.digit(0) != 8 else {
            return false
        }
        return CheckDigits.luhn(text)
    }

    /// An Australian tax file number: nine digits, weights 1 4 3 7 5 8 6 9 10, modulus 11.
    ///
    /// Source: Australian Taxation Office, electronic reporting specification, TFN algorithm.
    static func isAustralianTFN(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, count: 9), !text.isUniform else { return false }
        return text.weightedSum([1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 == 0
    }

    /// A French NIR (social security): sex, year, month, place, order and a key of 97 minus the rest modulo 97; Corsica
    /// counts 2A as 19 and 2B as 18.
    ///
    /// Source: INSEE, numéro de sécurité sociale; decree 82-103.
    static func isFrenchNIR(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(candidate, separators: [.blank, .hyphen, .dot]), text.count == 15,
            text.areDigits(0..<6),
            text.areDigits(7..<15), [1, 2, 3, 4, 7, 8].contains(text.digit(0))
        else { return false }
        let month = text.number(3..<5)
        guard (1...12).contains(month) || (20...42).contains(month) || (50...99).contains(month) else { return false }
        let department: Int
        switch (text[5], text[6]) {
        case (UInt8(ascii: "2"), UInt8(ascii: "A")): department = 19
        case (UInt8(ascii: "2"), UInt8(ascii: "B")): department = 18
        case (_, let second) where second.isASCIIDigit: department = text.number(5..<7)
        default: return false
        }
        guard department > 0 else { return false }
        let number = (text.number(0..<5) * 100 + department) * 1_000_000 + text.number(7..<13)
        return text.number(13..<15) == 97 - number % 97
    }

    /// A Spanish DNI or NIE: the number modulo 23 picks the letter; X, Y, Z stand for 0, 1, 2.
    ///
    /// Source: Ministerio del Interior, cálculo del dígito de control del NIF/NIE.
    static func isSpanishDNI(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(candidate, separators: [.blank, .hyphen]), text.count == 9, text.areDigits(1..<8)
        else {
            return false
        }
        let first: Int
        switch text[0] {
        case 0x30...0x39: first = text.digit(0)
        case UInt8(ascii: "X")...UInt8(ascii: "Z"): first = Int(text[0] - UInt8(ascii: "X"))
        default: return false
        }
        let number = first * 10_000_000 + text.number(1..<8)
        return number > 0 && text[8] == Array("TRWAGMYFPDXBNJZSQVHLCKE".utf8)[number % 23]
    }

    /// A Portuguese NIF of a person: nine digits, weights 9 to 2, modulus 11; persons' begin with 1, 2, 3 or 45.
    ///
    /// Source: Decreto-Lei 14/2013; Portaria 386/98.
    static func isPortugueseNIF(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, count: 9),
            [1, 2, 3].contains(text.digit(0)) || text.number(0..<2) == 45
        else { return false }
        let check = 11 - text.weightedSum([9, 8, 7, 6, 5, 4, 3, 2]) % 11
        return text.digit(8) == (check > 9 ? 0 : check)
    }

    /// An Italian codice fiscale: shape, month letter, day, and a check letter from two tables of values.
    ///
    /// Where two people would share a code, digits become letters (omocodia), the check letter staying valid.
    /// Source: Decreto ministeriale 23 December 1976, articles 2 to 6.
    static func isItalianCodiceFiscale(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(candidate, separators: [.blank]), text.count == 16 else { return false }
        let digits = [6, 7, 9, 10, 12, 13, 14]
        let omocodia = Array("LMNPQRSTUV".utf8)
        for index in 0..<16 {
            let isLetter = text[index].isASCIILetter
            let fits = digits.contains(index) ? !isLetter || omocodia.contains(text[index]) : isLetter
            guard fits else { return false }
        }
        func digit(_ index: Int) -> Int { omocodia.firstIndex(of: text[index]) ?? text.digit(index) }
        let day = digit(9) * 10 + digit(10)
        guard Array("ABCDEHLMPRST".utf8).contains(text[8]), (1...31).contains(day) || (41...71).contains(day) else {
            return false
        }
        let odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]
        let sum = (0..<15).reduce(0) { sum, index in
            let byte = text[index]
            let value = Int(byte) - (byte.isASCIIDigit ? 0x30 : 0x41)
            return sum + (index % 2 == 0 ? odd[value] : value)
        }
        return Int(text[15]) - 0x41 == sum % 26
    }

    /// A Dutch BSN: eight or nine digits, the eleven test with weights 9 to 2 and −1.
    ///
    /// Source: Rijksdienst voor Identiteitsgegevens, Logisch Ontwerp BSN.
    static func isDutchBSN(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(candidate, separators: [.blank, .dot, .hyphen]), (8...9).contains(text.count),
            text.areDigits, !text.isUniform
        else { return false }
        let weights = text.count == 9 ? [9, 8, 7, 6, 5, 4, 3, 2, -1] : [8, 7, 6, 5, 4, 3, 2, -1]
        return text.weightedSum(weights) % 11 == 0
    }

    /// A Belgian national register number: date, serial, and 97 minus the first nine digits modulo 97, with a 2 before
    /// them for births from 2000. Months 20 to 32 and 40 to 52 are bis numbers.
    ///
    /// Source: Royal decree of 3 April 1984; IBZ, numéro de registre national.
    static func isBelgianRRN(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, separators: [.blank, .dot, .hyphen], count: 11) else {
            return false
        }
        let month = text.number(2..<4) % 20
        guard text.number(2..<4) <= 52, month <= 12, text.number(4..<6) <= 31, text.number(6..<9) > 0 else {
            return false
        }
        let number = text.number(0..<9)
        let check = text.number(9..<11)
        return check == 97 - number % 97 || check == 97 - (2_000_000_000 + number) % 97
    }
}
