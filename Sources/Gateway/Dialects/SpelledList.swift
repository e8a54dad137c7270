internal import JSON

extension JSONDocument {
    /// Whether readers may take a list for one text: one of strings, or of digits in groups as cards have them. Other
    /// numbers side by side are measured or counted, and one list in fifty would pass for a card's.
    func spellsText(_ list: JSONNode) -> Bool {
        guard count(of: list) > 1 else { return false }
        var areDigits = true
        var groups: [Int] = []
        for element in elements(of: list) {
            switch kind(element) {
            case .string, .number: break
            default: return false
            }
            let digits = withUTF8(of: element) { text in
                text.allSatisfy { (0x30...0x39).contains($0) } ? text.count : nil
            }
            if digits == nil, kind(element) == .number { return false }
            areDigits = areDigits && digits != nil
            if areDigits, let digits, groups.count < 20 { groups.append(digits) }
        }
        return !areDigits || groups == [4, 4, 4, 4] || groups == [4, 6, 5]
            || (13...19).contains(groups.count) && groups.allSatisfy { $0 == 1 }
    }
}
