internal import Judges
internal import Limits
internal import Logging
internal import Telemetry

/// Tells the operator, in metrics and log, what judges said and why they did not.
struct JudgeReport: Sendable {
    let metrics: JudgeMetrics
    let log: Logger

    func note(_ opinion: JudgeOpinion, nanoseconds: Int64, in trace: Trace) {
        metrics.observe(opinion, nanoseconds: nanoseconds)
        guard let failure = opinion.failure else { return }
        let judge = opinion.seat.judge
        var metadata: Logger.Metadata = [
            "request_id": "\(trace.id)", "judge": "\(judge.name)", "side": "\(opinion.seat.side.name)",
            "failure": "\(failure.code)", "on_failure": "\(judge.isShadow ? "shadow" : judge.onFailure.rawValue)",
        ]
        if let detail = failure.detail { metadata["detail"] = "\(detail)" }
        log.warning("judge failed", metadata: metadata)
    }
}

/// What is counted of judges, by their names.
struct JudgeMetrics: Sendable {
    private let opinions: MetricFamily<Counter>
    private let durations: MetricFamily<Histogram>
    private let remembered: MetricFamily<Counter>

    init(in registry: MetricsRegistry) {
        opinions = registry.counters(
            "steward.judge.opinions",
            help: "Texts on which a judge was asked, by its outcome: found, clear, or why there is no opinion.",
            labels: ["judge", "side", "outcome"])
        durations = registry.histograms(
            "steward.judge.duration", unit: .seconds, buckets: .stageSeconds,
            help: "Seconds until a judge had said all of a text, or was given up.", labels: ["judge"])
        remembered = registry.counters(
            "steward.judge.remembered", help: "Questions that were answered by what a judge had said before.",
            labels: ["judge"])
    }

    func observe(_ opinion: JudgeOpinion, nanoseconds: Int64) {
        let outcome =
            opinion.failure?.code ?? (opinion.findings.isEmpty ? "clear" : "found")
        opinions.with(opinion.seat.judge.name, opinion.seat.side.name, outcome).add()
        durations.with(opinion.seat.judge.name).observe(nanoseconds)
    }

    func remembered(by judge: String) { remembered.with(judge).add() }
}
