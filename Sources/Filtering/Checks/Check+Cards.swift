extension Check {
    /// A payment card number: 12 to 19 digits, single spaces or hyphens between them, a range that an issuer uses, the
    /// network's length, and the Luhn digit.
    ///
    /// Source: ISO/IEC 7812-1 (numbering, Luhn); networks' published ranges: Visa 4; Mastercard 51–55, 2221–2720;
    /// American Express 34, 37; Diners Club 300–305, 3095, 36, 38–39; Discover 6011, 644–649, 65; JCB 3528–3589 and
    /// the older 1800, 2131; UnionPay 62, 81; Maestro 50, 56–58, 6304, 6390, 67; Mir 2200–2204; RuPay 60, 82, 508;
    /// Troy 9792.
    static func isCard(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(candidate, separators: " -"), (12...19).contains(text.count),
            text.areDigits(0..<text.count), hasIssuer(text), isGroupedAsCard(candidate)
        else { return false }
        return CheckDigits.luhn(text)
    }

    /// Whether digits stand together, one by one, or in groups of three or more, as on cards; others are lists of numbers.
    private static func isGroupedAsCard(_ candidate: Span<UInt8>) -> Bool {
        var shortest = 19
        var longest = 0
        var length = 0
        for index in 0...candidate.count {
            if index < candidate.count, candidate[index].isASCIIDigit {
                length += 1
            } else {
                shortest = min(shortest, length)
                longest = max(longest, length)
                length = 0
            }
        }
        return shortest >= 3 || longest == 1
    }

    private static func hasIssuer(_ text: CompactBytes) -> Bool {
        let four = text.number(0..<4)
        return switch (four, text.count) {
        case (4000...4999, 13), (4000...4999, 16), (4000...4999, 19): true
        case (5100...5599, 16), (2221...2720, 16), (2200...2204, 16...19): true
        case (3400...3499, 15), (3700...3799, 15): true
        case (3000...3059, 14...19), (3095, 14...19), (3600...3699, 14...19), (3800...3999, 14...19): true
        case (6011, 16...19), (6440...6499, 16...19), (6500...6599, 16...19): true
        case (3528...3589, 16...19), (1800, 15), (2131, 15): true
        case (6200...6299, 16...19), (8100...8199, 16...19): true
        case (5000...5099, 12...19), (5600...5899, 12...19), (6304, 12...19), (6390, 12...19),
            (6700...6799, 12...19):
            true
        case (6000...6099, 16), (8200...8299, 16), (9792, 16): true
        default: false
        }
    }

    /// An IBAN: a country that issues them, its length, and MOD 97-10 = 1.
    ///
    /// Source: ISO 13616-1; lengths from SWIFT's IBAN registry, release 99.
    static func isIBAN(_ candidate: Span<UInt8>) -> Bool {
        guard let text = CompactBytes(candidate, separators: " -"), text.count >= 15, text.areDigits(2..<4),
            text[0].isASCIILetter, text[1].isASCIILetter,
            ibanLengths[UInt16(text[0]) << 8 | UInt16(text[1])] == text.count, (2...98).contains(text.number(2..<4))
        else { return false }
        return CheckDigits.mod97(text, from: 4) == 1
    }

    private static let ibanLengths: [UInt16: Int] = {
        let registry = """
            AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 \
            EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 \
            KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 \
            PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 \
            UA29 VA22 VG24 XK20 YE30
            """
        var lengths: [UInt16: Int] = [:]
        for entry in registry.split(separator: " ") {
            let bytes = Array(entry.utf8)
            lengths[UInt16(bytes[0]) << 8 | UInt16(bytes[1])] = Int(bytes[2] - 0x30) * 10 + Int(bytes[3] - 0x30)
        }
        return lengths
    }()
}
