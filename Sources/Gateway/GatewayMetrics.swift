internal import Limits
internal import Filtering
internal import Records
package import Telemetry

/// What the gateway counts. Handles are resolved when the configuration is loaded; a request only adds.
package struct GatewayMetrics: Sendable {
    let recordFailures: Counter
    let unrecorded: Counter
    let connections: Gauge
    let inFlight: Gauge
    let paths: Gauge
    /// Of streams.
    let lettingsGo: Counter
    let upstreams: UpstreamMetrics
    let judges: JudgeMetrics
    /// By dialect and outcome, at `index(of:_:)`.
    private let exchanges: [Counter]
    private let refusals: MetricFamily<Counter>
    private let findings: MetricFamily<Counter>
    private let stages: [Histogram]
    private let genAI: GenAIMetrics

    package init(in registry: MetricsRegistry) {
        recordFailures = registry.counter(
            "steward.record.failures", help: "Times that a record could not be written.")
        unrecorded = registry.counter(
            "steward.record.unrecorded", help: "Exchanges served without a record, as the failure policy `open` allows."
        )
        connections = registry.gauge("steward.connections", help: "Open client connections.")
        inFlight = registry.gauge("steward.exchanges.in_flight", help: "Exchanges being served.")
        paths = registry.gauge(
            "steward.configuration.paths",
            help: "Request paths: one of each event loop, and those of configurations before that exchanges are on.")
        lettingsGo = registry.counter(
            "steward.stream.let_go",
            help: "Times that text of a stream left before it was known what it becomes, since it had waited too long.")
        let outcomes = registry.counters(
            "steward.exchanges", help: "Exchanges by dialect and outcome.", labels: ["dialect", "outcome"])
        exchanges = RecordDialect.allCases.flatMap { dialect in
            Outcome.allCases.map { outcomes.with(dialect.name, $0.name) }
        }
        refusals = registry.counters("steward.refusals", help: "Refusals by code.", labels: ["code"])
        findings = registry.counters(
            "steward.findings", help: "Findings by category, side and verdict.",
            labels: ["category", "side", "verdict"])
        upstreams = UpstreamMetrics(in: registry)
        judges = JudgeMetrics(in: registry)
        let family = registry.histograms(
            "steward.stage.duration", unit: .seconds, buckets: .stageSeconds,
            help: "Seconds spent in a part of the request path.", labels: ["stage"])
        stages = ["parse", "decide", "queue"].map { family.with($0) }
        genAI = GenAIMetrics(in: registry)
    }

    /// What a model is counted in, by the dialect's index; the same for the same name, so that a model which goes and comes
    /// back counts on.
    func series(of model: String) -> [GenAISeries] {
        Dialect.allCases.map {
            genAI.series(operation: "\($0.traits.operationName)", provider: $0.traits.api.providerName, model: model)
        }
    }

    /// Counts one exchange, from its trace.
    func observe(_ trace: Trace, _ ending: Ending, at now: Moment) {
        exchanges[Self.index(of: trace.dialect, ending.outcome)].add()
        switch ending.outcome {
        case .refused, .blocked: if let code = ending.refusal { refusals.with(code).add() }
        default: if let code = trace.unenforced { refusals.with(code).add() }
        }
        count(trace.prompt, "prompt")
        count(trace.completion, "completion")
        observe(stages[0], from: trace.arrivedAt, to: trace.parsedAt)
        observe(stages[1], from: trace.parsedAt, to: trace.decidedAt)
        observe(stages[2], from: trace.decidedAt, to: trace.sentAt ?? (ending.hasWaitedInVain ? now : nil))
        if let (model, dialect) = trace.asked {
            observe(trace, ending, in: model.series[dialect.index], at: now)
        }
    }

    private func count(_ summary: ScreeningSummary, _ side: String) {
        for finding in summary.findings {
            findings.with(finding.category, side, Verdict(rawValue: finding.verdict)?.name ?? "unknown").add(
                Int64(finding.count))
        }
    }

    /// Stages that were not reached are not counted, or refusals would make all look fast.
    private func observe(_ stage: Histogram, from start: Moment?, to end: Moment?) {
        if let start, let end { stage.observe(end - start) }
    }

    private func observe(_ trace: Trace, _ ending: Ending, in series: GenAISeries, at now: Moment) {
        let total = now - trace.arrivedAt
        switch ending.outcome {
        case .answered, .blocked: series.duration.observe(total)
        default: series.duration(errorType: ending.refusal ?? ending.outcome.name).observe(total)
        }
        let tokens = ending.tokens(of: trace)
        if trace.sentAt != nil {
            series.inputTokens.observe(Int64(tokens.input))
            series.outputTokens.observe(Int64(tokens.output))
        }
        if let firstTokenAt = trace.firstTokenAt {
            series.firstToken.observe(firstTokenAt - trace.arrivedAt)
            if trace.isStream, tokens.output > 1 {
                series.perOutputToken.observe((now - firstTokenAt) / Int64(tokens.output - 1))
            }
        }
    }

    /// Raw values of dialects count from 0, those of outcomes from 1, both without gaps.
    private static func index(of dialect: RecordDialect, _ outcome: Outcome) -> Int {
        Int(dialect.rawValue) * Outcome.allCases.count + Int(outcome.rawValue) - 1
    }
}

extension Ending {
    /// Whether a request that was not sent had waited for a connection: one that no upstream may have, which is told at
    /// once, would make the wait look short.
    fileprivate var hasWaitedInVain: Bool {
        outcome == .clientLeft || outcome == .upstreamFailed && refusal == UpstreamFailure.saturated.code
    }
}
