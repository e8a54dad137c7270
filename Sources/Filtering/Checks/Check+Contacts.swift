/// Ways to reach a person or a machine.
extension Check {
    /// A telephone number in international form: `+`, a country code that the ITU assigned, 8 to 15 digits in all.
    ///
    /// Source: ITU-T E.164 (2010) and its list of assigned country codes (2024).
    static func isE164Phone(_ candidate: Span<UInt8>) -> Bool {
        guard candidate.count > 8, candidate[0] == UInt8(ascii: "+") else { return false }
        guard let digits = phoneDigits(candidate.extracting(1..<candidate.count)), (8...15).contains(digits.count)
        else {
            return false
        }
        return hasCountryCode(digits)
    }

    /// A telephone number as written at home: 7 to 12 digits, not all the same. Needs context.
    static func isNationalPhone(_ candidate: Span<UInt8>) -> Bool {
        guard let digits = phoneDigits(candidate) else { return false }
        return (7...12).contains(digits.count) && !digits.isUniform
    }

    /// The digits of a number that may hold blanks, dots, hyphens, slashes and parentheses.
    private static func phoneDigits(_ candidate: Span<UInt8>) -> CompactBytes? {
        var digits = InlineArray<24, UInt8>(repeating: 0)
        var count = 0
        for index in candidate.indices {
            switch candidate[index] {
            case 0x30...0x39:
                guard count < 24 else { return nil }
                digits[count] = candidate[index]
                count += 1
            case UInt8(ascii: " "), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "("),
                UInt8(ascii: ")"):
                continue
            default: return nil
            }
        }
        return CompactBytes(digits.span.extracting(0..<count), separators: [])
    }

    private static func hasCountryCode(_ digits: CompactBytes) -> Bool {
        let two = digits.number(0..<2)
        if digits.digit(0) == 1 || digits.digit(0) == 7 { return true }
        return countryCodes.contains(two) || countryCodes.contains(digits.number(0..<3))
    }

    /// Two and three digit country codes; +1 and +7 stand alone.
    private static let countryCodes: Set<Int> = {
        var codes: Set<Int> = [
            20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60,
            61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98, 211, 212, 213, 216, 218, 290, 291, 297,
            298, 299, 500, 501, 502, 503, 504, 505, 506, 507, 508, 509, 670, 800, 808, 850, 852, 853, 855, 856, 870,
            878, 880, 881, 882, 883, 886, 888, 979, 992, 993, 994, 995, 996, 998,
        ]
        for range in [220...258, 260...269, 350...359, 370...383, 385...387, 420...421, 590...599, 672...692] {
            codes.formUnion(range)
        }
        codes.formUnion([389, 423, 960, 961, 962, 963, 964, 965, 966, 967, 968, 970, 971, 972, 973, 974, 975, 976, 977])
        return codes.subtracting([259, 684, 693])
    }()

    /// An e-mail address: a local part of at most 64 bytes without a dot at its end or two together, labels without a
    /// hyphen at an end, a top-level domain of letters that is no file extension (`icon@2x.png` is a file). Which other
    /// characters may stand in it, the rule's pattern says.
    ///
    /// Source: RFC 5321, sections 4.1.2 and 4.5.3.1; RFC 1035, section 2.3.1.
    static func isEmail(_ candidate: Span<UInt8>) -> Bool {
        guard let at = candidate.indices.last(where: { candidate[$0] == UInt8(ascii: "@") }), (1...64).contains(at),
            candidate.count - at - 1 <= 253
        else { return false }
        let local = candidate.extracting(0..<at)
        guard isDotAtom(local) else { return false }
        return isDomain(candidate.extracting(at + 1..<candidate.count))
    }

    private static func isDotAtom(_ text: Span<UInt8>) -> Bool {
        var previous = UInt8(ascii: ".")
        for index in text.indices {
            let byte = text[index]
            if byte == UInt8(ascii: "."), previous == byte { return false }
            previous = byte
        }
        return previous != UInt8(ascii: ".")
    }

    private static func isDomain(_ domain: Span<UInt8>) -> Bool {
        var start = 0
        var labels = 0
        for index in 0...domain.count where index == domain.count || domain[index] == UInt8(ascii: ".") {
            let label = domain.extracting(start..<index)
            guard (1...63).contains(label.count), label[0] != UInt8(ascii: "-"),
                label[label.count - 1] != UInt8(ascii: "-")
            else { return false }
            labels += 1
            if index == domain.count { return labels > 1 && isTopLevelDomain(label) }
            start = index + 1
        }
        return false
    }

    private static func isTopLevelDomain(_ label: Span<UInt8>) -> Bool {
        guard (2...24).contains(label.count) else { return false }
        for index in label.indices where !label[index].isASCIILetter { return false }
        for word in fileExtensions where word.count == label.count {
            guard label.indices.contains(where: { label[$0] | 0x20 != word[$0] }) else { return false }
        }
        return true
    }

    private static let fileExtensions = [
        "bmp", "css", "gif", "html", "htm", "ico", "jpeg", "jpg", "js", "json", "jsx", "min", "png", "pdf", "svg", "ts",
        "tsx", "txt", "webp", "xml", "yaml", "yml", "service", "timer", "socket", "target", "mount", "local",
    ].map { Array($0.utf8) }
}
