internal import Filtering

/// What the filter sees in one text, for people.
struct TextExplanation: Encodable {
    struct View: Encodable {
        let name: String
        let text: String
    }

    struct Found: Encodable {
        let category: String
        let rule: String
        let verdict: String
        let clause: String?
        /// In Unicode scalars of the text.
        let start: Int
        let end: Int
        let text: String
        /// 1 for what a pattern found.
        let score: Double
        /// The words that made a score, those that count most first.
        let because: [Reason]
    }

    struct Reason: Encodable {
        let text: String
        /// By how much it raised the score, as logarithm of odds.
        let weight: Double
    }

    let role: String
    let verdict: String
    let views: [View]
    let findings: [Found]
    let redacted: String?

    /// As a terminal shows it: nothing of the text can move its cursor.
    var text: String {
        var lines = views.map { "\($0.name): \(Table.visible($0.text))" }
        lines.append("verdict: \(verdict)")
        if let redacted { lines.append("redacted: \(Table.visible(redacted))") }
        guard !findings.isEmpty else { return lines.joined(separator: "\n") + "\nNo rule finds anything in it.\n" }
        var table = Table(["CATEGORY", "VERDICT", "CLAUSE", "RULE", "FROM", "TO", "TEXT"])
        for found in findings {
            table.add([
                found.category, found.verdict, found.clause ?? "none", found.rule, "\(found.start)", "\(found.end)",
                found.text,
            ])
        }
        return lines.joined(separator: "\n") + "\n\n" + table.text + reasons
    }
}

extension TextExplanation {
    /// A line for each finding that a score made.
    fileprivate var reasons: String {
        let lines = findings.filter { !$0.because.isEmpty }.map { found in
            let words = found.because.map { "\(Table.visible($0.text)) +\(Self.rounded($0.weight))" }
            return "\(found.rule) scores \(Self.rounded(found.score)), because of \(words.joined(separator: ", "))\n"
        }
        return lines.isEmpty ? "" : "\n" + lines.joined()
    }

    private static func rounded(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }
}

extension TextScanner {
    func explain(_ text: [UInt8], _ role: ScanLine.Role) -> TextExplanation {
        let report = scan(ScanLine(text: text, role: role))
        var scalars = ScalarOffsets(text)
        return TextExplanation(
            role: role.rawValue, verdict: report.verdict.name,
            views: views(of: text).map {
                .init(name: $0.view.rawValue, text: String(decoding: $0.text, as: UTF8.self))
            },
            findings: report.findings.map { finding in
                let start = scalars.offset(of: finding.range.lowerBound)
                return .init(
                    category: finding.category.rawValue, rule: finding.rule, verdict: finding.verdict.name,
                    clause: finding.clause, start: start, end: start + ScalarOffsets.count(text[finding.range]),
                    text: String(decoding: text[finding.range], as: UTF8.self), score: finding.score,
                    because: reasons(for: finding, in: text).map { reason in
                        .init(text: String(decoding: text[reason.range], as: UTF8.self), weight: reason.weight)
                    })
            },
            redacted: report.redacted.map { String(decoding: $0, as: UTF8.self) })
    }
}
