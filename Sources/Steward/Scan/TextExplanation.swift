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
        return lines.joined(separator: "\n") + "\n\n" + table.text
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
                    text: String(decoding: text[finding.range], as: UTF8.self))
            },
            redacted: report.redacted.map { String(decoding: $0, as: UTF8.self) })
    }
}
