internal import Access
internal import Filtering
internal import Gateway
internal import JSON

/// Scans texts, whole or in pieces, and writes what was found; not for two threads.
struct TextScanner {
    private let screener = Screener()
    private let plan: ScanPlan

    init(_ plan: ScanPlan) {
        self.plan = plan
    }

    /// What was found in a text.
    struct Report {
        var verdict: Verdict
        var findings: [Finding]
        /// By category, from 0 to 1.
        var scores: [(category: Category, score: Double)]
        var language: Language
        var unjudged: Unjudged
        /// The text as it would be passed on, if the verdict is to redact.
        var redacted: [UInt8]?
    }

    func scan(_ line: ScanLine) -> Report {
        let (findings, text) = line.text.withUnsafeBufferPointer { text in
            if let size = plan.pieceBytes { streamed(text, line.role, size) } else { whole(text, line.role) }
        }
        let judged = findings.map { finding in
            var finding = finding
            finding.verdict = plan.verdict(of: finding, line.role)
            return finding
        }
        // Of very many findings some are not kept, perhaps the one that decides.
        let screening = judge(line)
        return Report(
            verdict: screening.verdict, findings: judged, scores: scores(of: line.text, findings),
            language: line.text.withUnsafeBufferPointer(Language.init(of:)), unjudged: screening.unjudged,
            redacted: screening.verdict == .redact ? text : nil)
    }

    /// As the gateway judges it.
    func judge(_ line: ScanLine) -> Screening {
        line.text.withUnsafeBufferPointer { screen($0, line.role, plan.enforced) }
    }

    /// What the classifier says of each of its categories, and what rules found.
    private func scores(of text: [UInt8], _ findings: [Finding]) -> [(category: Category, score: Double)] {
        var scores: [Category: Double] = [:]
        if let classifier = plan.filter.rules.classifier {
            let known = text.withUnsafeBufferPointer { screener.probabilities(of: $0, by: classifier) }
            for (category, probability) in known { scores[category] = probability }
        }
        for finding in findings { scores[finding.category] = max(scores[finding.category] ?? 0, finding.score) }
        return scores.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The words that made a score.
    func reasons(for finding: Finding, in text: [UInt8]) -> [ScoreReason] {
        text.withUnsafeBufferPointer { screener.reasons(for: finding, in: $0, plan.filter.rules) }
    }

    /// The text as rules read it.
    func views(of text: [UInt8]) -> [(view: Rule.View, text: [UInt8])] {
        text.withUnsafeBufferPointer { text in Rule.View.allCases.map { ($0, screener.view($0, of: text)) } }
    }

    private func whole(_ text: UnsafeBufferPointer<UInt8>, _ role: ScanLine.Role) -> ([Finding], [UInt8]) {
        let findings = screen(text, role, plan.filter).findings
        return (findings, Screener.redacting(text, screener.redactions))
    }

    private func screen(
        _ text: UnsafeBufferPointer<UInt8>, _ role: ScanLine.Role, _ filter: FilterPolicy
    ) -> Screening {
        let end = TextBreak(end: text.count, endsSection: false, source: role.source)
        return screener.screen(text, [end], side: role.side, policy: filter)
    }

    private func streamed(
        _ text: UnsafeBufferPointer<UInt8>, _ role: ScanLine.Role, _ size: Int
    ) -> ([Finding], [UInt8]) {
        let stream = screener.stream(side: role.side, source: role.source, policy: plan.filter)
        var output: [UInt8] = []
        output.reserveCapacity(text.count)
        var start = 0
        while start < text.count {
            var end = min(start + size, text.count)
            // Whole characters, as a stream's texts are.
            while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
            stream.feed(UnsafeBufferPointer(rebasing: text[start..<end]), to: &output)
            start = end
        }
        stream.finish(to: &output)
        return (stream.findings, output)
    }
}

/// What texts are scanned under, and how.
struct ScanPlan: Sendable {
    /// Where a policy blocks, this flags: so a stream is read on to its end, and all is found that a whole text has.
    let filter: FilterPolicy
    /// How many bytes at a time go through a stream; `nil` for texts as a whole.
    let pieceBytes: Int?
    /// What the gateway judges by.
    let enforced: FilterPolicy
    private let verdicts: [ScanLine.Role: [String: Verdict]]

    init(
        _ policy: Policy, _ stage: Stage, _ application: String?, holdBackBytesMax: Int, pieceBytes: Int?
    ) throws(FilterError) {
        self.pieceBytes = pieceBytes
        func filter(_ change: (Enforcement) -> Enforcement) throws(FilterError) -> FilterPolicy {
            try FilterPolicy(
                policy.rules, holdBackBytesMax: holdBackBytesMax, allowed: policy.overrides.allowed(for: application),
                markers: policy.overrides.markers,
                inTools: { rule in
                    policy.enforcedInTools(rule, stage: stage, application: application).map {
                        EnforcedRule(category: $0.category, change($0.enforcement))
                    }
                },
                unjudged: { rule, side in
                    change(policy.enforcement(unjudged: rule, side: side, stage: stage, application: application))
                },
                enforcement: { rule, side in
                    change(policy.enforcement(of: rule, side: side, stage: stage, application: application))
                })
        }
        let enforced = try filter { $0 }
        self.enforced = enforced
        var verdicts: [ScanLine.Role: [String: Verdict]] = [:]
        for role in ScanLine.Role.allCases {
            verdicts[role] = Dictionary(
                (policy.rules.rules + Unjudged.rules.map(\.rule)).map {
                    ($0.id, enforced.verdict(of: $0, role.side, role.source))
                },
                uniquingKeysWith: { first, _ in first })
        }
        self.verdicts = verdicts
        self.filter = try filter { enforcement in
            var enforcement = enforcement
            if enforcement.verdict == .block { enforcement.verdict = .flag }
            return enforcement
        }
    }

    func verdict(of finding: Finding, _ role: ScanLine.Role) -> Verdict {
        verdicts[role]?[finding.rule] ?? finding.verdict
    }
}

extension TextScanner.Report {
    /// One line of JSON; offsets are of Unicode scalars in the text that was given.
    func json(of line: ScanLine) -> [UInt8] {
        var writer = JSONWriter(capacity: 256)
        writer.object { writer in
            writer.key("id" as StaticString)
            writer.raw(line.id)
            writer.key("verdict" as StaticString)
            writer.string(verdict.name)
            writer.key("scores" as StaticString)
            writer.object { writer in
                for (category, score) in scores {
                    writer.key(category.rawValue)
                    writer.double(score)
                }
            }
            writer.key("language" as StaticString)
            writer.string(language.code)
            writer.key("findings" as StaticString)
            writeFindings(line.text, to: &writer)
            if !unjudged.isEmpty {
                writer.key("not_evaluated" as StaticString)
                writer.array { writer in for rule in unjudged.findings { writer.string(rule.category.rawValue) } }
            }
            if let redacted {
                writer.key("redacted" as StaticString)
                writer.string(utf8: redacted)
            }
        }
        return writer.bytes
    }

    private func writeFindings(_ text: [UInt8], to writer: inout JSONWriter) {
        var scalars = ScalarOffsets(text)
        writer.array { writer in
            for finding in findings {
                let start = scalars.offset(of: finding.range.lowerBound)
                let count = ScalarOffsets.count(text[finding.range])
                writer.object { writer in
                    writer.key("category" as StaticString)
                    writer.string(finding.category.rawValue)
                    writer.key("score" as StaticString)
                    writer.double(finding.score)
                    writer.key("start" as StaticString)
                    writer.int(start)
                    writer.key("end" as StaticString)
                    writer.int(start + count)
                    writer.key("rule" as StaticString)
                    writer.string(finding.rule)
                    writer.key("verdict" as StaticString)
                    writer.string(finding.verdict.name)
                    if let clause = finding.clause {
                        writer.key("clause" as StaticString)
                        writer.string(clause)
                    }
                }
            }
        }
    }
}

/// Counts the Unicode scalars before places of a text that come in order.
struct ScalarOffsets {
    private let text: [UInt8]
    private var known = (byte: 0, scalar: 0)

    init(_ text: [UInt8]) {
        self.text = text
    }

    mutating func offset(of byte: Int) -> Int {
        if byte < known.byte { known = (0, 0) }
        known = (byte, known.scalar + Self.count(text[known.byte..<byte]))
        return known.scalar
    }

    static func count(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.reduce(0) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
    }
}
