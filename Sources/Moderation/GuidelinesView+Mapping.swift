internal import Filtering
internal import Guidelines

/// The engine's clause, where `Clause` means the view's.
private typealias SourceClause = Clause

extension GuidelinesView {
    init(_ guidelines: Guidelines) {
        self.init(
            title: guidelines.title, language: guidelines.language, version: guidelines.version,
            shortVersion: guidelines.shortVersion, published: guidelines.published,
            introduction: Self.paragraphs(guidelines.introduction),
            groups: SourceClause.Kind.allCases.compactMap { kind in
                Group(kind, guidelines.clauses.filter { $0.kind == kind })
            })
    }

    /// Blank lines part paragraphs; a single line break is a space.
    static func paragraphs(_ text: String) -> [String] {
        var paragraphs: [String] = []
        var lines: [Substring] = []
        for line in (text + "\n\n").split(separator: "\n", omittingEmptySubsequences: false) {
            if line.contains(where: { !$0.isWhitespace }) {
                lines.append(line)
            } else if !lines.isEmpty {
                paragraphs.append(lines.joined(separator: " "))
                lines = []
            }
        }
        return paragraphs
    }
}

extension GuidelinesView.Group {
    /// `nil` if no clause is of this kind.
    fileprivate init?(_ kind: SourceClause.Kind, _ clauses: [SourceClause]) {
        guard !clauses.isEmpty else { return nil }
        switch kind {
        case .prohibited:
            self.init(
                anchor: "kind_prohibited", title: "Prohibited uses",
                about: "Nobody may do these, whatever the application.",
                tone: "stop", clauses: clauses.map(GuidelinesView.Clause.init))
        case .highRisk:
            self.init(
                anchor: "kind_prohibited_high_risk", title: "Prohibited high-risk uses",
                about: "Not allowed however well the model does, because its errors would harm people badly.",
                tone: "care", clauses: clauses.map(GuidelinesView.Clause.init))
        case .extraScrutiny:
            self.init(
                anchor: "kind_extra_scrutiny", title: "Uses that need extra scrutiny",
                about: "Allowed with an approval that looked at this domain, and under its conditions.",
                tone: "watch", clauses: clauses.map(GuidelinesView.Clause.init))
        }
    }
}

extension GuidelinesView.Clause {
    fileprivate init(_ clause: SourceClause) {
        self.init(
            id: clause.id, title: clause.title, paragraphs: GuidelinesView.paragraphs(clause.text),
            enforcement: clause.enforcement.map(GuidelinesView.Enforcement.init),
            enforcementNote: clause.enforcementNote, whyNotEnforced: clause.whyNotEnforced, meant: clause.meant,
            notMeant: clause.notMeant)
    }
}

extension GuidelinesView.Enforcement {
    fileprivate init(_ entry: ClauseEnforcement) {
        let stage =
            switch entry.stage {
            case nil: "Both"
            case .sandbox: "Sandbox"
            case .production: "Production"
            }
        self.init(
            categories: entry.categories.map(\.rawValue), stage: stage, prompt: .init(entry.prompt),
            completion: .init(entry.completion))
    }
}

extension GuidelinesView.Outcome {
    fileprivate init(_ verdict: Verdict) {
        switch verdict {
        case .allow: self.init(tone: "allow", word: "Allowed")
        case .flag: self.init(tone: "flag", word: "Flagged")
        case .redact: self.init(tone: "redact", word: "Redacted")
        case .block: self.init(tone: "block", word: "Blocked")
        case .notEvaluated: self.init(tone: "none", word: "Not evaluated")
        }
    }
}
