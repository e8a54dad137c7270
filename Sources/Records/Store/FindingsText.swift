internal import Foundation

/// The findings of a record as JSON, for the `findings` column.
struct FindingsText: Codable {
    struct Entry: Codable {
        var rule: String
        var category: String
        var clause: String?
        var verdict: UInt8
        var count: Int

        init(_ finding: FindingCount) {
            rule = finding.rule
            category = finding.category
            clause = finding.clause
            verdict = finding.verdict
            count = finding.count
        }

        var finding: FindingCount {
            FindingCount(rule: rule, category: category, clause: clause, verdict: verdict, count: count)
        }
    }

    var prompt: [Entry]
    var completion: [Entry]

    /// `nil` if nothing was found.
    static func encode(prompt: [FindingCount], completion: [FindingCount]) throws -> String? {
        if prompt.isEmpty, completion.isEmpty { return nil }
        let text = FindingsText(prompt: prompt.map(Entry.init), completion: completion.map(Entry.init))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(text), as: UTF8.self)
    }

    static func decode(_ text: String?) throws -> (prompt: [FindingCount], completion: [FindingCount]) {
        guard let text else { return ([], []) }
        let findings = try JSONDecoder().decode(Self.self, from: Data(text.utf8))
        return (findings.prompt.map(\.finding), findings.completion.map(\.finding))
    }
}
