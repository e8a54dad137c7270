/// Texts that rules leave alone, as each rule reads them.
///
/// An exception is all of a match: what is only a part of it, or more than it, is found as ever. So it depends on the text
/// alone, never on how a stream was cut.
struct RuleExceptions: Sendable {
    /// By rule; empty where there are none.
    private let texts: [Int: Set<[UInt8]>]

    init(_ allowed: [PolicyOverrides.AllowedText], _ rules: FilterRules) {
        let indices = Dictionary(rules.rules.enumerated().map { ($1.id, $0) }) { first, _ in first }
        var texts: [Int: Set<[UInt8]>] = [:]
        for entry in allowed {
            for index in entry.rules.compactMap({ indices[$0] }) {
                texts[index, default: []].insert(Self.read(entry.text, rules.rules[index].view))
            }
        }
        self.texts = texts
    }

    var isEmpty: Bool { texts.isEmpty }

    /// Whether a match of a rule is one of its exceptions.
    func hold(_ rule: Int, _ range: Range<Int>, _ window: Window) -> Bool {
        guard let own = texts[rule] else { return false }
        return own.contains(window[range].map(\.lowered))
    }

    /// A text as rules of a view read it, without case.
    private static func read(_ text: String, _ view: Rule.View) -> [UInt8] {
        var seen = ViewText(view)
        Array(text.utf8).withUnsafeBufferPointer {
            _ = seen.append($0, original: 0, CodePointView(view), reveals: false)
        }
        return seen.bytes.map(\.lowered)
    }
}

extension UInt8 {
    fileprivate var lowered: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
}
