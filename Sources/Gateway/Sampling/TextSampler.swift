internal import Access
package import Filtering
internal import Records
internal import Snapshots
package import Storage
internal import Synchronization
package import Telemetry

/// How many texts are kept for people to judge, as shares from 0 to 1 by what is known of a text.
package struct SamplingSettings: Sendable, Equatable {
    /// Of those in which a rule found something.
    package var found = 0.01
    /// Of those with a score near the threshold of a rule.
    package var unsure = 0.01
    /// Of all others.
    package var others = 0.0001
    /// Of a text; the rest of it is not kept.
    package var textBytesMax = 16_384
    /// Of all that waits to be written; more is dropped.
    package var waitingBytesMax = 4 << 20

    package init() {}

    var highest: Double { max(found, unsure, others) }
}

/// A text that was drawn, with what the filter saw in it.
package struct SampledText: Sendable {
    package enum Reason: String, Sendable, CaseIterable {
        /// A rule found something.
        case found
        /// A score is near a threshold.
        case unsure
        /// Drawn from all others.
        case random
    }

    package let record: RecordID
    package let at: Timestamp
    package let application: ApplicationID
    /// As records have it.
    package let stage: UInt8
    package let side: Side
    package let reason: Reason
    /// How likely a text such as this one is drawn: above 0, so that what is counted of samples can be made good.
    package let probability: Double
    package let verdict: Verdict
    /// Ranges are offsets in `text`; empty behind its end.
    package let findings: [Finding]
    /// What the classifier said, by category, from 0 to 1.
    package let scores: [(category: Filtering.Category, probability: Double)]
    package let text: [UInt8]
    /// Whether there was more of it.
    package let isCut: Bool
}

/// Draws texts for people to judge, at known shares, and hands them over without waiting.
///
/// What may show the sexual abuse of children is never kept here: who looks for it needs a legal basis and a path of its own.
package final class TextSampler: Sendable {
    let settings: SamplingSettings
    private let state = Atomic<UInt64>(UInt64.random(in: .min ... .max))
    private let inbox = Lock(Inbox())
    private let outcomes: MetricFamily<Counter>

    private struct Inbox {
        var texts: [SampledText] = []
        var bytes = 0
    }

    private static let neverKept = Filtering.Category("sexual.minors")

    package init(_ settings: SamplingSettings, in registry: MetricsRegistry) {
        self.settings = settings
        outcomes = registry.counters(
            "steward.samples", help: "Texts drawn for people to judge, by what came of it: kept, dropped or withheld.",
            labels: ["outcome"])
    }

    /// A number for one text, from 0 to 1; `nil` if it is above all shares, as it nearly always is.
    ///
    /// Source: G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators" (2014).
    func draw() -> Double? {
        var word = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        word = (word ^ word &>> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word &>> 27) &* 0x94D0_49BB_1331_11EB
        let number = Double((word ^ word &>> 31) &>> 11) * 0x1p-53
        return number < settings.highest ? number : nil
    }

    /// Draws for a text that is at hand, and keeps it if it is drawn.
    func take(
        _ text: [UInt8], _ screening: Screening, side: Side, under policy: FilterPolicy, key: KeyEntry, trace: Trace
    ) {
        guard let drawn = draw() else { return }
        take(text, screening, side: side, drawn: drawn, under: policy, key: key, trace: trace)
    }

    /// Keeps a text if the number drawn for it is below the share of its kind.
    func take(
        _ text: [UInt8], _ screening: Screening, side: Side, drawn: Double, under policy: FilterPolicy, key: KeyEntry,
        trace: Trace, isCut: Bool = false
    ) {
        // That a judge finds nothing is no finding.
        let findings = screening.findings.filter {
            $0.verdict != .notEvaluated && !($0.verdict == .allow && $0.rule.hasPrefix(JudgeSettings.serverName("")))
        }
        let isFound = !findings.isEmpty
        let isUnsure = policy.isUnsure(screening.highest, side)
        let probability = max(isFound ? settings.found : 0, isUnsure ? settings.unsure : 0)
        let share = isFound || isUnsure ? probability : settings.others
        guard drawn < share, !text.isEmpty else { return }
        if Self.mustBeWithheld(findings) { return outcomes.with("withheld").add() }
        var end = min(text.count, settings.textBytesMax)
        while end > 0, end < text.count, text[end] & 0xC0 == 0x80 { end -= 1 }
        keep(
            SampledText(
                record: trace.id, at: trace.at, application: key.application, stage: key.stage.recordValue, side: side,
                reason: isFound ? .found : isUnsure ? .unsure : .random, probability: share, verdict: screening.verdict,
                findings: findings.map { finding in
                    var finding = finding
                    finding.range = finding.range.clamped(to: 0..<end)
                    return finding
                },
                scores: policy.rules.classifier?.probabilities(of: screening.highest) ?? [], text: Array(text[..<end]),
                isCut: isCut || end < text.count))
    }

    /// Where there are more findings than are kept, nobody knows what is not among them.
    private static func mustBeWithheld(_ findings: [Finding]) -> Bool {
        findings.contains { neverKept.covers($0.category) }
            || Verdict.allCases.contains { verdict in
                findings.count { $0.verdict == verdict } >= Screening.findingsMax
            }
    }

    private func keep(_ text: SampledText) {
        let isKept = inbox.withLock { inbox in
            guard inbox.bytes + text.text.count <= settings.waitingBytesMax else { return false }
            inbox.bytes += text.text.count
            inbox.texts.append(text)
            return true
        }
        if !isKept { outcomes.with("dropped").add() }
    }

    /// Counts what came of those that were taken.
    package func note(kept: Int, dropped: Int) {
        outcomes.with("kept").add(Int64(kept))
        outcomes.with("dropped").add(Int64(dropped))
    }

    /// All that waits.
    package func takeAll() -> [SampledText] {
        inbox.withLock { inbox in
            defer { inbox = Inbox() }
            return inbox.texts
        }
    }
}
