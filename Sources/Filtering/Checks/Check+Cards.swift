extension Check {
    /// The payment card number that a candidate ends with: 12 to 19 digits, a range that an issuer uses, the network's
    /// length, and the Luhn digit.
    ///
    /// Usually single blanks or hyphens stand between its digits; or dots, two blanks or one line break where the groups
    /// are those that cards print, since columns of numbers look alike. Otherwise it is in pieces: of two digits or more,
    /// or digit by digit, with up to three blanks, line breaks, dots, hyphens or slashes between them; or of the groups
    /// that cards print, with other signs between them; or those groups, or all digits together, against a letter or `_`.
    /// That needs context.
    ///
    /// It begins where a word does or, in pieces, behind a letter; but not behind a decimal point. One pass from the end,
    /// in which each digit adds to the sum: text full of digits has many candidates.
    ///
    /// Source: ISO/IEC 7812-1 (numbering, Luhn); networks' published ranges: Visa 4; Mastercard 51–55, 2221–2720;
    /// American Express 34, 37; Diners Club 300–305, 3095, 36, 38–39; Discover 6011, 644–649, 65; JCB 3528–3589 and
    /// the older 1800, 2131; UnionPay 62, 81; Maestro 50, 56–58, 6304, 6390, 67; Mir 2200–2204; RuPay 60, 82, 508;
    /// Troy 9792.
    static func cardPart(of candidate: Span<UInt8>, inPieces: Bool) -> Range<Int>? {
        let isTailed = inPieces && candidate.count > 0 && candidate[candidate.count - 1].isWordSign
        let end = candidate.count - (isTailed ? 1 : 0)
        var (start, index) = (nil as Int?, end)
        var (count, sum, firstFour, gap) = (0, 0, 0, 0)
        var hasDots = false
        while index > 0 {
            index -= 1
            let byte = candidate[index]
            guard byte.isASCIIDigit else {
                gap += 1
                guard count > 0, gap <= 4, cardSeparators.contains(byte) else { break }
                if byte == UInt8(ascii: ".") { hasDots = true }
                continue
            }
            (count, gap) = (count + 1, 0)
            guard count <= 19 else { break }
            let digit = Int(byte) - 0x30
            sum += count % 2 == 1 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2
            firstFour = digit * 1_000 + firstFour / 10
            guard count >= 12, sum % 10 == 0, hasIssuer(firstFour, count),
                beginsCard(candidate, at: index, hasDots: hasDots, inPieces: inPieces)
            else { continue }
            let groups = CardGroups(candidate.extracting(index..<end))
            let isAttached = isTailed || index > 0 && candidate[index - 1].isWordSign
            let isPieces = isAttached ? groups.arePrinted : groups.arePieces
            if inPieces ? isPieces : groups.areUsual { start = index }
        }
        return start.map { $0..<end }
    }

    /// The last is `·`, of two bytes.
    private static let cardSeparators = ByteSet(" -./\t\n\u{0B}\u{0C}\r,_*|\\·".utf8)

    private static func beginsCard(_ candidate: Span<UInt8>, at index: Int, hasDots: Bool, inPieces: Bool) -> Bool {
        guard index > 0 else { return true }
        let previous = candidate[index - 1]
        guard candidate[index].beginsWord(after: previous) || inPieces && previous.isWordSign else { return false }
        let isFraction = index > 1 && candidate[index - 1] == UInt8(ascii: ".") && candidate[index - 2].isASCIIDigit
        return !isFraction || hasDots
    }

    private static func hasIssuer(_ firstFour: Int, _ count: Int) -> Bool {
        switch (firstFour, count) {
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
        guard let text = CompactBytes(candidate, separators: [.blank, .hyphen]), text.count >= 15,
            text.areDigits(2..<4),
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

extension UInt8 {
    /// Whether it is a letter or `_`: what names and units begin and end with.
    fileprivate var isWordSign: Bool { isASCIILetter || self == UInt8(ascii: "_") }
}

/// How the digits of a card number stand together, and what stands between them.
private struct CardGroups {
    private var shortest = Int.max
    private var longest = 0
    private var count = 0
    /// Whether all groups but the last have four digits, and the last no more.
    private var areFours = true
    /// Whether they are 4-6-5 or 4-6-4.
    private var areFourSixFive = true
    private var lineBreaks = 0
    private var dots = 0
    private var gapBytes = 0
    /// Whether a single blank or hyphen is all that ever stands between groups.
    private var areTight = true
    /// Whether two bytes at most stand between groups, and neither slashes nor tabs.
    private var areNear = true
    private var haveDoubleBlanks = false
    /// Whether signs stand between groups that lists and other numbers have as often.
    private var haveSigns = false

    init(_ number: Span<UInt8>) {
        var (digits, gap) = (0, 0)
        for index in number.indices {
            let byte = number[index]
            if byte.isASCIIDigit {
                (digits, gap) = (gap > 0 ? 1 : digits + 1, 0)
                continue
            }
            if gap == 0 { add(digits, isLast: false) }
            gap += 1
            note(byte, gap)
        }
        add(digits, isLast: true)
    }

    private mutating func note(_ separator: UInt8, _ gap: Int) {
        gapBytes += 1
        if gap > 1 { areTight = false }
        if gap > 2 { areNear = false }
        switch separator {
        case UInt8(ascii: " "): if gap == 2 { haveDoubleBlanks = true }
        case UInt8(ascii: "-"): break
        case UInt8(ascii: "."): (dots, areTight) = (dots + 1, false)
        case UInt8(ascii: "\n"): (lineBreaks, areTight) = (lineBreaks + 1, false)
        case UInt8(ascii: "\r"): areTight = false
        case UInt8(ascii: "/"), UInt8(ascii: "\t"), 0x0B, 0x0C: (areTight, areNear) = (false, false)
        default: (areTight, areNear, haveSigns) = (false, false, true)
        }
    }

    private mutating func add(_ digits: Int, isLast: Bool) {
        shortest = min(shortest, digits)
        longest = max(longest, digits)
        if isLast ? digits > 4 : digits != 4 { areFours = false }
        let isUsual = count == 0 ? digits == 4 : count == 1 ? digits == 6 : count == 2 && (4...5).contains(digits)
        if !isUsual || isLast && count != 2 { areFourSixFive = false }
        count += 1
    }

    /// Whether people write card numbers so: together, in groups of three or more, or digit by digit; other numbers are
    /// lists, and so are those with wider gaps unless the groups are those on cards.
    var areUsual: Bool {
        if areTight { return shortest >= 3 || longest == 1 }
        guard areNear else { return false }
        return lineBreaks <= 1 && (areFours || areFourSixFive) || longest == 1 && lineBreaks == 0 && !haveDoubleBlanks
    }

    /// Whether they may be a card number's where the text speaks of cards, but for the halves of a decimal number.
    var arePieces: Bool {
        let areDecimal = count == 2 && dots == 1 && gapBytes == 1
        if haveSigns { return areFours || areFourSixFive }
        return (shortest >= 2 || longest == 1) && !areUsual && !areDecimal
    }

    /// Whether they stand together, or as cards print them.
    var arePrinted: Bool { count == 1 || areFours || areFourSixFive }
}
