internal import Access
internal import Filtering
internal import Limits
internal import Records
internal import Storage

/// A record as commands print it.
struct RecordView: Encodable {
    struct Finding: Encodable {
        let side: String
        let rule: String
        let category: String
        let clause: String?
        let verdict: String
        let count: Int

        init(_ finding: FindingCount, side: String) {
            self.side = side
            rule = finding.rule
            category = finding.category
            clause = finding.clause
            verdict = RecordText.verdict(finding.verdict)
            count = finding.count
        }
    }

    struct Microseconds: Encodable {
        let parse: UInt32
        let decide: UInt32
        let queue: UInt32
        let firstToken: UInt32
        let total: UInt32
    }

    let id: String
    let admittedAt: String
    let settledAt: String
    let key: String?
    let application: String?
    let applicationName: String?
    let organisation: String?
    let stage: String
    let dialect: String
    let model: String
    let stream: Bool
    let observeOnly: Bool
    let outcome: String
    let status: UInt16
    let refusal: String?
    let clause: String?
    let promptVerdict: String
    let completionVerdict: String
    /// Of a stream that a filter ended, the text that had left.
    let releasedBytes: Int?
    let findings: [Finding]
    let tokensReserved: Int
    let inputTokens: Int
    let outputTokens: Int
    let tokensEstimated: Bool
    /// At the prices of the time; absent where the model had none.
    let cost: Money?
    let upstream: String?
    let callerRequestId: String?
    let microseconds: Microseconds

    init(_ record: Record, applicationName: String?) {
        let (admission, settlement) = (record.admission, record.settlement)
        id = admission.record.description
        admittedAt = admission.at.iso8601
        settledAt = settlement.at.iso8601
        key = admission.key?.description
        application = admission.application?.description
        self.applicationName = applicationName
        organisation = admission.organisation?.description
        stage = RecordText.stage(admission.stage)
        dialect = admission.dialect.name
        model = admission.model
        stream = admission.isStream
        observeOnly = admission.observeOnly
        outcome = settlement.outcome.name
        status = settlement.status
        refusal = settlement.refusal
        clause = settlement.clause
        promptVerdict = RecordText.verdict(admission.promptVerdict)
        completionVerdict = RecordText.verdict(settlement.completionVerdict)
        releasedBytes = settlement.releasedBytes
        findings =
            admission.promptFindings.map { Finding($0, side: "prompt") }
            + settlement.completionFindings.map { Finding($0, side: "completion") }
        tokensReserved = admission.tokensReserved
        inputTokens = settlement.inputTokens
        outputTokens = settlement.outputTokens
        tokensEstimated = settlement.tokensEstimated
        cost = settlement.cost.map { Money(nanos: $0) }
        upstream = settlement.upstream
        callerRequestId = admission.callerRequestID
        let times = settlement.microseconds
        microseconds = Microseconds(
            parse: times.parse, decide: times.decide, queue: times.queue, firstToken: times.firstToken,
            total: times.total)
    }
}

/// Prints records one by one: columns of fixed width, or JSON lines.
struct RecordPrinter {
    let names: [ApplicationID: String]
    let json: Bool

    private static let columns: [(title: String, width: Int)] = [
        ("TIME", 20), ("REQUEST", 30), ("APPLICATION", 18), ("MODEL", 18), ("OUTCOME", 15), ("STATUS", 6),
        ("TOKENS", 13), ("MS", 8), ("NOTES", 0),
    ]

    func printHeader() {
        if !json { Output.print(Self.line(Self.columns.map(\.title))) }
    }

    func print(_ record: Record) throws {
        let view = RecordView(record, applicationName: record.admission.application.flatMap { names[$0] })
        Output.print(json ? try Output.jsonLine(view) : Self.line(cells(view)))
    }

    private func cells(_ view: RecordView) -> [String] {
        let findings = view.findings.map { "\($0.side):\($0.category):\($0.verdict)×\($0.count)" }.joined(
            separator: " ")
        return [
            view.admittedAt, view.id, view.applicationName ?? "–", view.model, view.outcome, String(view.status),
            "\(view.inputTokens)+\(view.outputTokens)", String(view.microseconds.total / 1_000),
            [view.refusal, findings.isEmpty ? nil : findings].compactMap { $0 }.joined(separator: " "),
        ]
    }

    static func line(_ cells: [String]) -> String {
        var line = ""
        for (cell, column) in zip(cells, columns) {
            let text = cell.isEmpty ? "–" : Table.visible(cell)
            let cut = column.width > 0 && text.count > column.width ? text.prefix(column.width - 1) + "…" : text[...]
            line += cut + String(repeating: " ", count: max(0, column.width - cut.count)) + "  "
        }
        while line.last == " " { line.removeLast() }
        return line + "\n"
    }
}

/// Words for what records hold as numbers.
enum RecordText {
    static func stage(_ raw: UInt8) -> String {
        Stage(recordValue: raw)?.rawValue ?? "unknown"
    }

    static func verdict(_ raw: UInt8) -> String {
        Verdict(rawValue: raw)?.name ?? "unknown"
    }

    static func matches(_ record: Record, _ filter: RecordFilter) -> Bool {
        (filter.application == nil || filter.application == record.admission.application)
            && (filter.model == nil || filter.model == record.admission.model)
            && (filter.outcome == nil || filter.outcome == record.settlement.outcome)
    }

    /// One field a line.
    static func sheet(_ view: RecordView) -> String {
        let tokens = "\(view.inputTokens) in, \(view.outputTokens) out, \(view.tokensReserved) reserved"
        let times = view.microseconds
        var rows = [
            ("request", view.id), ("admitted", view.admittedAt), ("settled", view.settledAt),
            ("organisation", view.organisation ?? "–"),
            ("application", [view.application, view.applicationName].compactMap { $0 }.joined(separator: " ")),
            ("key", view.key ?? "–"), ("stage", view.stage), ("dialect", view.dialect), ("model", view.model),
            ("stream", view.stream ? "yes" : "no"), ("outcome", view.outcome), ("status", String(view.status)),
            ("refusal", view.refusal ?? "–"), ("clause", view.clause ?? "–"), ("prompt", view.promptVerdict),
            ("completion", view.completionVerdict), ("tokens", tokens + (view.tokensEstimated ? " (estimated)" : "")),
            ("cost", view.cost?.description ?? "–"), ("upstream", view.upstream ?? "–"),
            ("caller's id", view.callerRequestId ?? "–"),
            (
                "microseconds",
                "parse \(times.parse), decide \(times.decide), queue \(times.queue), first token \(times.firstToken), "
                    + "total \(times.total)"
            ),
        ]
        if view.observeOnly { rows.append(("observe-only", "decided, not enforced")) }
        if let released = view.releasedBytes { rows.append(("released", "\(released) bytes before it was ended")) }
        for finding in view.findings {
            let clause = finding.clause.map { ", clause \($0)" } ?? ""
            rows.append(
                (
                    "finding",
                    "\(finding.side): \(finding.rule) (\(finding.category)) \(finding.verdict) ×\(finding.count)\(clause)"
                ))
        }
        return rows.map { name, value in
            name + String(repeating: " ", count: 14 - name.count) + Table.visible(value) + "\n"
        }.joined()
    }
}
