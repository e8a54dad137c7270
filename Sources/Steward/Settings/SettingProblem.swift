internal import Access

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
            $0.isNewline || $0.unicodeScalars.contains(where: \.isHidden) ? " " : $0
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
