/// What stands in one prompt for text that was taken out of it, and that text: `[EMAIL_1]` for the first address.
///
/// Equal texts have one placeholder, so that a model can tell who is who. It lives as long as its exchange, and is written
/// nowhere.
package struct Placeholders: Sendable {
    private var originals: [[UInt8]: [UInt8]] = [:]
    private var byOriginal: [Key: [UInt8]] = [:]
    private var counts: [String: Int] = [:]

    private struct Key: Hashable {
        var label: String
        var original: [UInt8]
    }

    /// A label has at most so many bytes, and a number so many digits.
    private static let labelBytesMax = 32
    private static let numberMax = 9_999
    /// Of the longest placeholder.
    static let bytesMax = labelBytesMax + 7

    package init() {}

    package var isEmpty: Bool { originals.isEmpty }

    /// What is to stand for a text.
    ///
    /// - Parameter prompt: where no placeholder may stand already, since it would be taken for this one.
    /// - Returns: `nil` where there are too many.
    package mutating func placeholder(
        for original: [UInt8], _ category: Category, besides prompt: [UInt8]
    ) -> [UInt8]? {
        let label = Self.label(category)
        let key = Key(label: label, original: original)
        if let known = byOriginal[key] { return known }
        var number = counts[label, default: 0] + 1
        var text = Self.text(label, number)
        while number <= Self.numberMax, prompt.firstRange(of: text) != nil {
            number += 1
            text = Self.text(label, number)
        }
        counts[label] = number
        guard number <= Self.numberMax else { return nil }
        originals[text] = original
        byOriginal[key] = text
        return text
    }

    /// Of `pii.national_id`, `NATIONAL_ID`.
    private static func label(_ category: Category) -> String {
        let word = category.rawValue.split(separator: ".").last ?? "TEXT"
        return String(word.uppercased().prefix(labelBytesMax))
    }

    private static func text(_ label: String, _ number: Int) -> [UInt8] { Array("[\(label)_\(number)]".utf8) }

    // MARK: - Giving back

    /// Calls `body` with each placeholder in a text, in order, and its original.
    func forEach(in text: ArraySlice<UInt8>, _ body: (_ place: Range<Int>, _ original: [UInt8]) -> Void) {
        var start = text.startIndex
        while let open = text[start...].firstIndex(of: UInt8(ascii: "[")) {
            start = open + 1
            guard let close = Self.end(of: text, from: open), let original = originals[Array(text[open..<close])] else {
                continue
            }
            body(open..<close, original)
            start = close
        }
    }

    /// JSON with placeholders in place of the originals that were put there.
    package func masking(_ json: [UInt8]) -> [UInt8] {
        var masked = json
        // The longest first, since one may be a part of another.
        for (placeholder, original) in originals.sorted(by: { $0.value.count > $1.value.count }) {
            masked.replace(Self.escaped(original), with: placeholder)
        }
        return masked
    }

    /// An offset at or before `limit` that no placeholder stands across, nor the beginning of one where the text ends.
    func uncut(_ limit: Int, of text: ArraySlice<UInt8>) -> Int {
        let first = max(text.startIndex, limit - Self.bytesMax)
        guard first < limit else { return limit }
        for open in (first..<limit).reversed() where text[open] == UInt8(ascii: "[") {
            if let end = Self.end(of: text, from: open) { return end > limit ? open : limit }
            return Self.mayGoOn(text[open...]) ? open : limit
        }
        return limit
    }

    /// Where a placeholder ends that begins at `open`; `nil` if none does.
    private static func end(of text: ArraySlice<UInt8>, from open: Int) -> Int? {
        guard let close = text[(open + 1)...].prefix(bytesMax - 1).firstIndex(of: UInt8(ascii: "]")) else { return nil }
        return text[(open + 1)..<close].allSatisfy(isInner) ? close + 1 : nil
    }

    /// Whether all that comes behind the bracket may be the beginning of a placeholder.
    private static func mayGoOn(_ text: ArraySlice<UInt8>) -> Bool {
        text.count < bytesMax && text.dropFirst().allSatisfy(isInner)
    }

    private static func isInner(_ byte: UInt8) -> Bool {
        byte &- 0x41 < 26 || byte.isASCIIDigit || byte == UInt8(ascii: "_")
    }

    /// As the inside of a JSON string. Source: RFC 8259, section 7.
    static func escaped(_ text: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                output += "\\u00\(digits.count < 2 ? "0" : "")\(digits)".utf8
            default: output.append(byte)
            }
        }
        return output
    }
}
