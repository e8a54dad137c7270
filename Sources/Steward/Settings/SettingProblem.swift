/// Something wrong with the settings: where, what, and what to write instead. Never shows a secret.
struct SettingProblem: Sendable, Hashable {
    let place: SettingPlace
    /// A sentence about what is wrong.
    let message: String
    /// A sentence about what to write instead.
    let advice: String
}

extension SettingProblem: CustomStringConvertible {
    var description: String { "\(place): \(message) \(advice)" }
}

/// All that is wrong with the settings, in the order of their places.
struct SettingProblems: Error, Sendable, CustomStringConvertible {
    let problems: [SettingProblem]

    var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// Where a setting was made.
enum SettingPlace: Sendable, Hashable {
    case file(String, line: Int, column: Int)
    case variable(String)
    case flag(String)
    case fallback
}

extension SettingPlace: CustomStringConvertible {
    var description: String {
        switch self {
        case .file(let path, let line, let column): "\(path):\(line):\(column)"
        case .variable(let name): name
        case .flag(let name): name
        case .fallback: "default"
        }
    }

    /// File before variables before flags; within the file by line and column.
    var order: (Int, Int, Int, String) {
        switch self {
        case .file(let path, let line, let column): (0, line, column, path)
        case .variable(let name): (1, 0, 0, name)
        case .flag(let name): (2, 0, 0, name)
        case .fallback: (3, 0, 0, "")
        }
    }
}

/// What may be shown of something that an operator wrote, in a message.
enum Shown {
    private static let lengthMax = 60

    /// The text in quotes, cut; what looks like a secret is masked as a whole.
    static func quoted(_ text: String) -> String {
        if looksSecret(text) { return "[secret]" }
        let visible = text.prefix(lengthMax).map {
            $0.isNewline || $0.unicodeScalars.contains { $0.value < 0x20 } ? " " : $0
        }
        return "“\(String(visible))\(text.count > lengthMax ? "…" : "")”"
    }

    /// Key prefixes that providers use, credentials in an address, and long words that mix letters and digits.
    static func looksSecret(_ text: String) -> Bool {
        let lower = text.lowercased()
        if ["sk-", "stw_", "bearer ", "basic ", "hf_", "ghp_", "xox", "-----begin"].contains(where: lower.contains) {
            return true
        }
        if text.contains("@"), text.contains("://") { return true }
        return text.split(whereSeparator: { !($0.isASCII && ($0.isLetter || $0.isNumber || "+_-=".contains($0))) })
            .contains { $0.utf8.count >= 20 && $0.contains(where: \.isNumber) && $0.contains(where: \.isLetter) }
    }
}

/// The name that was probably meant.
enum NearestName {
    /// The name with the fewest edits, if about a third of the letters at most differ.
    static func of(_ word: String, among names: some Sequence<String>) -> String? {
        let scored = names.map { (name: $0, distance: distance(Array(word.utf8), Array($0.utf8))) }
        guard let best = scored.min(by: { ($0.distance, $0.name) < ($1.distance, $1.name) }),
            best.distance <= max(1, (word.utf8.count + 2) / 3)
        else { return nil }
        return best.name
    }

    /// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost one each.
    ///
    /// Source: F. J. Damerau (1964); L. Boytsov (2011), section 2.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var before: [Int] = []
        var above = Array(0...right.count)
        for i in left.indices {
            var row = [i + 1]
            row.reserveCapacity(right.count + 1)
            for j in right.indices {
                var best = min(above[j] + (left[i] == right[j] ? 0 : 1), above[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    best = min(best, before[j - 1] + 1)
                }
                row.append(best)
            }
            before = above
            above = row
        }
        return above[right.count]
    }
}
