/// National identifiers: German-speaking countries, Nordic and Baltic countries, Poland, Turkey.
extension Check {
    /// A German Steuer-ID: eleven digits, not beginning with 0; among the first ten exactly one digit stands twice or
    /// thrice (never thrice in a row) and no other more than once; MOD 11,10.
    ///
    /// Source: § 139b Abgabenordnung; Bundeszentralamt für Steuern, Prüfung der Identifikationsnummer.
    static func isGermanSteuerID(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, separators: [.blank, .slash, .hyphen], count: 11),
            text.digit(0) != 0
        else {
            return false
        }
        var counts = InlineArray<10, Int>(repeating: 0)
        for index in 0..<10 { counts[text.digit(index)] += 1 }
        let repeated = counts.indices.filter { counts[$0] > 1 }
        guard repeated.count == 1, counts[repeated[0]] <= 3 else { return false }
        for index in 2..<10 where text[index] == text[index - 1] && text[index] == text[index - 2] { return false }
        return CheckDigits.mod11And10(text)
    }

    /// An Austrian social insurance number: three digits, a check digit in the fourth place (weights 3 7 9 5 8 4 2 1 6,
    /// modulus 11), and a birth date DDMMYY whose month may be 13 to 15.
    ///
    /// Source: § 30c ASVG; Dachverband der Sozialversicherungsträger.
    static func isAustrianSVNR(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, count: 10), text.digit(0) != 0,
            (1...31).contains(text.number(4..<6)), (1...15).contains(text.number(6..<8))
        else { return false }
        return text.weightedSum([3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == text.digit(3)
    }

    /// A Swiss AHV number: 756 and ten digits, EAN-13.
    ///
    /// Source: Zentrale Ausgleichsstelle, AHVN13; GS1 General Specifications, check digit.
    static func isSwissAHV(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, separators: [.dot, .blank, .hyphen], count: 13),
            text.number(0..<3) == 756
        else {
            return false
        }
        return text.weightedSum([1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 == 0
    }

    /// A Swedish personnummer or samordningsnummer (day + 60): Luhn over the last ten digits; with or without century.
    ///
    /// Source: Skatteverket, SKV 704; Folkbokföringslagen § 18.
    static func isSwedishPersonnummer(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(candidate, separators: [.hyphen, .plus]), text.count == 10 || text.count == 12,
            text.areDigits
        else { return false }
        let start = text.count - 10
        let day = text.number(start + 4..<start + 6)
        let month = text.number(start + 2..<start + 4)
        let isDate =
            start == 2
            ? CalendarDate.isValid(year: text.number(0..<4), month: month, day: day > 60 ? day - 60 : day)
            : CalendarDate.isValid(twoDigitYear: text.number(0..<2), month: month, day: day > 60 ? day - 60 : day)
        return isDate && CheckDigits.luhn(text, start..<text.count)
    }

    /// A Norwegian fødselsnummer or D number (day + 40): two check digits modulo 11.
    ///
    /// Source: Skatteetaten, fødselsnummer; folkeregisterforskriften § 2-2-1.
    static func isNorwegianFodselsnummer(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, count: 11) else { return false }
        let day = text.number(0..<2)
        guard
            CalendarDate.isValid(
                twoDigitYear: text.number(4..<6), month: text.number(2..<4), day: day > 40 ? day - 40 : day)
        else { return false }
        return text.weightedSum([3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11 == 0
            && text.weightedSum([5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0
    }

    /// A Finnish henkilötunnus: DDMMYY, a century sign, three digits, and a check character of the nine digits modulo
    /// 31.
    ///
    /// Source: Digi- ja väestötietovirasto, The personal identity code (century signs of 2023 included).
    static func isFinnishHetu(_ candidate: Span<UInt8>) -> Bool {
        guard candidate.count == 11 else { return false }
        var digits = 0
        for index in [0, 1, 2, 3, 4, 5, 7, 8, 9] {
            guard candidate[index].isASCIIDigit else { return false }
            digits = digits * 10 + Int(candidate[index]) - 0x30
        }
        let date = digits / 1000
        guard let century = hetuCentury(candidate[6].asciiUppercased), digits % 1000 >= 2 else { return false }
        return CalendarDate.isValid(year: century + date % 100, month: date / 100 % 100, day: date / 10_000)
            && candidate[10].asciiUppercased == Array("0123456789ABCDEFHJKLMNPRSTUVWXY".utf8)[digits % 31]
    }

    private static func hetuCentury(_ sign: UInt8) -> Int? {
        switch sign {
        case UInt8(ascii: "+"): 1800
        case UInt8(ascii: "-"), UInt8(ascii: "U")...UInt8(ascii: "Y"): 1900
        case UInt8(ascii: "A")...UInt8(ascii: "F"): 2000
        default: nil
        }
    }

    /// An Estonian isikukood or Lithuanian asmens kodas: century, date, serial, two-stage modulus 11.
    ///
    /// Source: Estonian standard EVS 585:2007.
    static func isBalticCode(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, count: 11), (1...8).contains(text.digit(0)) else {
            return false
        }
        let year = 1800 + (text.digit(0) - 1) / 2 * 100 + text.number(1..<3)
        guard CalendarDate.isValid(year: year, month: text.number(3..<5), day: text.number(5..<7)) else { return false }
        let first = text.weightedSum([1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11
        let second = text.weightedSum([3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11
        return text.digit(10) == (first < 10 ? first : second < 10 ? second : 0)
    }

    /// A Polish PESEL: date with the century in the month, serial, weights 1 3 7 9, modulus 10.
    ///
    /// Source: Ustawa o ewidencji ludności, article 15; gov.pl, Czym jest numer PESEL.
    static func isPolishPESEL(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, separators: [], count: 11) else { return false }
        let century = [1900, 2000, 2100, 2200, 1800][text.number(2..<4) / 20]
        guard
            CalendarDate.isValid(
                year: century + text.number(0..<2), month: text.number(2..<4) % 20, day: text.number(4..<6))
        else { return false }
        return text.weightedSum([1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 == 0
    }

    /// A Turkish T.C. Kimlik number: eleven digits, two check digits modulo 10.
    ///
    /// Source: Nüfus ve Vatandaşlık İşleri, algorithm as published with law 5490.
    static func isTurkishTCKN(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(digits: candidate, separators: [], count: 11), text.digit(0) != 0 else {
            return false
        }
        let odd = text.weightedSum([1, 0, 1, 0, 1, 0, 1, 0, 1])
        let even = text.weightedSum([0, 1, 0, 1, 0, 1, 0, 1])
        let tenth = ((odd * 7 - even) % 10 + 10) % 10
        return text.digit(9) == tenth && text.digit(10) == (odd + even + tenth) % 10
    }
}
