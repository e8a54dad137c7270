/// Internet addresses.
extension Check {
    /// An IPv4 address of the public internet. Addresses that lead to nobody in particular are none: this network,
    /// private, shared, loopback, link-local, multicast and reserved ones, and network addresses ending in 0.
    /// Documentation addresses count, since in a text they stand for somebody's.
    ///
    /// Version and section numbers look alike (`4.7.2.1`): at least two octets must be 20 or more, which is true of
    /// 99.8 % of all addresses.
    /// Source: RFC 791; RFC 6890 and IANA's special-purpose registry.
    static func isPublicIPv4(_ candidate: Span<UInt8>) -> Bool {
        guard let octets = ipv4Octets(candidate) else { return false }
        guard octets.indices.filter({ octets[$0] >= 20 }).count >= 2, octets[3] != 0 else { return false }
        switch (octets[0], octets[1]) {
        case (0, _), (10, _), (127, _), (224..., _): return false
        case (100, 64...127), (169, 254), (172, 16...31), (192, 168), (198, 18...19): return false
        case (192, 0): return octets[2] != 0
        default: return true
        }
    }

    private static func ipv4Octets(_ text: Span<UInt8>) -> InlineArray<4, Int>? {
        var octets = InlineArray<4, Int>(repeating: -1)
        var place = 0
        for index in text.indices {
            let byte = text[index]
            if byte == UInt8(ascii: ".") {
                guard octets[place] >= 0, place < 3 else { return nil }
                place += 1
            } else {
                guard byte.isASCIIDigit, octets[place] != 0 else { return nil }
                octets[place] = max(octets[place], 0) * 10 + Int(byte) - 0x30
                guard octets[place] <= 255 else { return nil }
            }
        }
        return place == 3 && octets[3] >= 0 ? octets : nil
    }

    /// An IPv6 address of the global unicast block 2000::/3.
    ///
    /// Source: RFC 4291, section 2.2 (text form), 2.4 (types).
    static func isPublicIPv6(_ candidate: Span<UInt8>) -> Bool {
        guard (3...39).contains(candidate.count), let first = ipv6FirstGroup(candidate) else { return false }
        return (0x2000...0x3FFF).contains(first)
    }

    /// The first group of a well-formed address in hexadecimal groups; `nil` for anything else.
    private static func ipv6FirstGroup(_ text: Span<UInt8>) -> Int? {
        var groups = 0
        var first = 0
        var isShortened = false
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: ":") {
                // Only the shortening may begin or follow without a group.
                guard index + 1 < text.count, text[index + 1] == UInt8(ascii: ":"), !isShortened else { return nil }
                isShortened = true
                index += 2
                continue
            }
            let start = index
            var value = 0
            while index < text.count, let digit = text[index].hexValue {
                value = value << 4 | digit
                index += 1
                guard index - start <= 4 else { return nil }
            }
            guard index > start else { return nil }
            if groups == 0, start == 0 { first = value }
            groups += 1
            guard index < text.count else { break }
            guard text[index] == UInt8(ascii: ":"), index + 1 < text.count else { return nil }
            if text[index + 1] != UInt8(ascii: ":") { index += 1 }
        }
        return isShortened ? (groups < 8 ? first : nil) : (groups == 8 ? first : nil)
    }
}
