internal import JSON

/// A text with what is known of it: one line of a labelled set.
///
/// ```
/// {"text": "…", "labels": {"hate": 0, "spam": 1}, "set": "sms", "source": "…", "split": "train"}
/// ```
package struct TrainingText: Sendable {
    package enum Split: String, Sendable {
        case train
        /// Never learned from; thresholds are taken from it.
        case validation
        /// Neither; a sentence of ours that equals one is left out.
        case test
    }

    package var text: String
    /// By head's name; what is not known is absent.
    package var labels: [String: Bool]
    var set: String
    /// Where in the set it comes from; empty where that does not matter.
    var source: String
    package var split: Split

    /// Why a line is no such text.
    package struct LineError: Error, Hashable {
        package let message: String
    }

    package init(line: [UInt8]) throws(LineError) {
        let document: JSONDocument
        do {
            document = try JSONDocument(parsing: line)
        } catch {
            throw LineError(message: error.message)
        }
        func text(_ name: StaticString) -> String? {
            document.member(name, of: document.root).flatMap { document.string($0) }
        }
        guard document.kind(document.root) == .object, let content = text("text") else {
            throw LineError(message: #"A line must be an object with a text, such as {"text": "…", "set": "mine"}."#)
        }
        guard let split = Split(rawValue: text("split") ?? "train") else {
            throw LineError(message: "`split` must be `train`, `validation` or `test`.")
        }
        var labels: [String: Bool] = [:]
        if let node = document.member("labels", of: document.root) {
            guard document.kind(node) == .object else { throw LineError(message: "`labels` must be an object.") }
            try document.forEachMember(of: node) { key, value throws(LineError) in
                guard let name = document.string(key), let label = document.int(value), 0...1 ~= label else {
                    throw LineError(message: "A label must be 0 or 1.")
                }
                labels[name] = label == 1
            }
        }
        self.init(text: content, labels: labels, set: text("set") ?? "", source: text("source") ?? "", split: split)
    }

    init(text: String, labels: [String: Bool], set: String, source: String = "", split: Split) {
        (self.text, self.labels, self.set, self.source, self.split) = (text, labels, set, source, split)
    }

    /// What two texts share that differ in case, blanks and the sign at their end alone.
    var key: String {
        var words = text.utf8.split { $0 == 0x20 || $0 &- 0x09 < 5 }.map { word in
            String(decoding: word.map { $0 | ($0 &- 0x41 < 26 ? 0x20 : 0) }, as: UTF8.self)
        }
        while let last = words.popLast() {
            guard let end = last.utf8.lastIndex(where: { $0 != 0x2E && $0 != 0x3F && $0 != 0x21 }) else { continue }
            words.append(String(last[...end]))
            break
        }
        return words.joined(separator: " ")
    }
}
