internal import Filtering
internal import JSON

/// Judges the text that stands in events beside what grows: each event's by itself, since no protocol tells any there piece
/// by piece.
struct EventScreen {
    private let screener: Screener
    private let filter: FilterPolicy
    private let observesOnly: Bool
    private let placeholders: Placeholders
    private(set) var verdict = Verdict.allow
    private(set) var findings: [Finding] = []
    private(set) var isBlocked = false
    /// The last text that may leave as it is; servers that have any repeat it in every event.
    private var last: (bytes: [UInt8], breaks: [TextBreak]) = ([], [])

    private static let findingsMax = 64

    /// - Parameter placeholders: what is given back in what is told again of texts.
    init(screener: Screener, filter: FilterPolicy, observesOnly: Bool, placeholders: Placeholders = Placeholders()) {
        self.placeholders = placeholders
        self.screener = screener
        self.filter = filter
        self.observesOnly = observesOnly
    }

    /// Judges members of one event, and takes out of them what must not leave.
    ///
    /// - Returns: whether all may leave as it is. If not, and `isBlocked`, nothing of the event may.
    mutating func judge(
        _ members: [(key: JSONNode, value: JSONNode)], of document: JSONDocument, edits: inout JSONEdits
    ) -> Bool {
        members.isEmpty || judge(Passage(of: members, in: document), edits: &edits)
    }

    /// Judges what has left to a tool in pieces as the tree that clients read it as, where values are laid end to end and
    /// spelled otherwise. What must not leave can't be taken out any more, so it ends the stream.
    ///
    /// - Returns: whether the stream may go on.
    /// - Throws: `UpstreamFailure.malformed` for what readers may take for different trees.
    mutating func judge(left json: [UInt8]) throws(UpstreamFailure) -> Bool {
        let document: JSONDocument
        let json = placeholders.isEmpty ? json : placeholders.masking(json)
        switch ToolInput(json, markers: filter.markers) {
        case .tree(let tree): document = tree
        case .noTree: return true
        case .ambiguous(let problem): throw .malformed("a tool's input with \(problem.rawValue)")
        }
        let screening = screener.screen(
            Passage(of: document, as: Self.inputPlaces), side: .completion, policy: filter)
        let mustStop = !observesOnly && (screening.verdict == .redact || screening.verdict == .block)
        verdict = verdict.combined(with: mustStop ? .block : screening.verdict)
        if mustStop { isBlocked = true }
        guard findings.count < Self.findingsMax || mustStop else { return true }
        findings += screening.findings.map { finding in
            var finding = finding
            if mustStop, finding.verdict == .redact { finding.verdict = .block }
            return finding
        }
        return !mustStop
    }

    private static let inputPlaces = ProtocolPlaces.Kind([], inputs: [[]], isAnswer: true)

    /// Judges what of an event is no text that grows.
    mutating func judge(_ passage: borrowing Passage, edits: inout JSONEdits) -> Bool {
        if passage.bytes.isEmpty { return true }
        let restorations = observesOnly || placeholders.isEmpty ? [] : passage.restorations(placeholders)
        if restorations.isEmpty, passage.bytes == last.bytes, passage.breaks == last.breaks { return true }
        let screening = screener.screen(passage, side: .completion, policy: filter)
        verdict = verdict.combined(with: screening.verdict)
        if findings.count < Self.findingsMax || screening.verdict == .block { findings += screening.findings }
        guard !observesOnly, screening.verdict == .redact || screening.verdict == .block else {
            if !restorations.isEmpty { return !passage.redact(restorations, into: &edits) }
            last = (passage.bytes, passage.breaks)
            return true
        }
        isBlocked =
            screening.verdict == .block || !passage.redact(screener.redactions + restorations, into: &edits)
        return false
    }
}
