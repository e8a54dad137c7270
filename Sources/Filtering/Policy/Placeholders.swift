/// What stands in one prompt for text that was taken out of it, and that text: `[EMAIL_1]` for the first address.
///
/// Equal texts have one placeholder, so that a model can tell who is who. It lives as long as its exchange, and is written
/// nowhere.
package struct Placeholders: Sendable {
    private var originals: [[UInt8]: [UInt8]] = [:]
    private var byOriginal: [Key: [UInt8]] = [:]
    private var counts: [String: Int] = [:]
    /// Stands in the prompt already, and would be taken for one of these.
    private let taken: Set<[UInt8]>

    private struct Key: Hashable {
        var label: String
        var original: [UInt8]
    }

    /// A label has at most so many bytes, and a number so many digits.
    private static let labelBytesMax = 32
    private static let numberMax = 9_999
    /// A model that says a placeholder again and again must not make much of little.
    private static let originalBytesMax = 256
    /// Of the longest placeholder.
    static let bytesMax = labelBytesMax + 7

    /// What is given back in one text of a stream, or in one answer.
    package static let restoredBytesMax = 1 << 20

    package init() { taken = [] }

    /// For a prompt, of which what it says itself is never given back as something else.
    package init(besides prompt: [UInt8]) {
        var taken = Set<[UInt8]>()
        Self.forEachForm(in: prompt[...]) { taken.insert(Array(prompt[$0])) }
        self.taken = taken
    }

    package var isEmpty: Bool { originals.isEmpty }

    /// What is to stand for a text.
    ///
    /// - Returns: `nil` where there are too many, and for what can't stand anywhere in an answer: texts that are very long, or
    ///   that JSON in a string would have to escape.
    package mutating func placeholder(for original: [UInt8], _ category: Category) -> [UInt8]? {
        guard (1...Self.originalBytesMax).contains(original.count),
            original.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C })
        else { return nil }
        let label = Self.label(category)
        let key = Key(label: label, original: original)
        if let known = byOriginal[key] { return known }
        var number = counts[label, default: 0] + 1
        var text = Self.text(label, number)
        while number <= Self.numberMax, taken.contains(text) {
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
    package func forEach(in text: ArraySlice<UInt8>, _ body: (_ place: Range<Int>, _ original: [UInt8]) -> Void) {
        Self.forEachForm(in: text) { place in
            if let original = originals[Array(text[place])] { body(place, original) }
        }
    }

    /// Calls `body` with all that has the form of a placeholder, in order.
    private static func forEachForm(in text: ArraySlice<UInt8>, _ body: (Range<Int>) -> Void) {
        var start = text.startIndex
        while let open = text[start...].firstIndex(of: UInt8(ascii: "[")) {
            start = open + 1
            guard let close = end(of: text, from: open) else { continue }
            body(open..<close)
            start = close
        }
    }

    /// A text with placeholders in place of the originals that were put there. Looks at each byte once.
    package func masking(_ text: [UInt8]) -> [UInt8] {
        let width = min(4, byOriginal.keys.map(\.original.count).min() ?? 0)
        guard width > 0 else { return text }
        // Of those that begin alike the longest first, since one may be a part of another.
        let known = Dictionary(grouping: originals.sorted { $0.value.count > $1.value.count }) {
            Array($0.value.prefix(width))
        }
        var (output, start): ([UInt8], Int) = ([], 0)
        while start < text.count {
            let rest = text[start...]
            let match = known[Array(rest.prefix(width))]?.first { rest.starts(with: $0.value) }
            output += match?.key ?? [text[start]]
            start += match?.value.count ?? 1
        }
        return output
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
}
