internal import Filtering
internal import Records
package import Telemetry

/// What the gateway counts. Handles are resolved when the configuration is loaded; a request only adds.
package struct GatewayMetrics: Sendable {
    let recordFailures: Counter
    let unrecorded: Counter
    let connections: Gauge
    let inFlight: Gauge
    /// By dialect and outcome, at `index(of:_:)`.
    private let exchanges: [Counter]
    private let refusals: MetricFamily<Counter>
    private let findings: MetricFamily<Counter>
    private let upstreamFailures: MetricFamily<Counter>
    private let stages: [Histogram]
    private let models: [SeriesKey: GenAISeries]

    private struct SeriesKey: Hashable {
        let dialect: Dialect
        let model: String
    }

    package init(in registry: MetricsRegistry, models: [ModelSettings]) {
        recordFailures = registry.counter(
            "steward.record.failures", help: "Times that a record could not be written.")
        unrecorded = registry.counter(
            "steward.record.unrecorded", help: "Exchanges served without a record, as the failure policy `open` allows."
        )
        connections = registry.gauge("steward.connections", help: "Open client connections.")
        inFlight = registry.gauge("steward.exchanges.in_flight", help: "Exchanges being served.")
        let outcomes = registry.counters(
            "steward.exchanges", help: "Exchanges by dialect and outcome.", labels: ["dialect", "outcome"])
        exchanges = RecordDialect.allCases.flatMap { dialect in
            Outcome.allCases.map { outcomes.with(dialect.name, $0.name) }
        }
        refusals = registry.counters("steward.refusals", help: "Refusals by code.", labels: ["code"])
        findings = registry.counters(
            "steward.findings", help: "Findings by category, side and verdict.",
            labels: ["category", "side", "verdict"])
        upstreamFailures = registry.counters(
            "steward.upstream.failures", help: "Failed calls by upstream and code.", labels: ["upstream", "code"])
        let family = registry.histograms(
            "steward.stage.duration", unit: .seconds, buckets: .stageSeconds,
            help: "Seconds spent in a part of the request path.", labels: ["stage"])
        stages = ["parse", "decide", "queue"].map { family.with($0) }
        let series = GenAIMetrics(in: registry)
        var byModel: [SeriesKey: GenAISeries] = [:]
        for model in models {
            for dialect in Dialect.allCases {
                byModel[SeriesKey(dialect: dialect, model: model.name)] = series.series(
                    operation: "\(dialect.operationName)", provider: "openai", model: model.name)
            }
        }
        self.models = byModel
    }

    /// Counts one exchange, from its trace.
    func observe(
        _ trace: Trace, _ ending: Ending, model: Model?, dialect: Dialect?, at now: ContinuousClock.Instant
    ) {
        exchanges[Self.index(of: trace.dialect, ending.outcome)].add()
        if let refusal = ending.refusal { refusals.with(refusal).add() }
        for (summary, side) in [(trace.prompt, "prompt"), (trace.completion, "completion")] {
            for finding in summary.findings {
                findings.with(finding.category, side, Verdict(rawValue: finding.verdict)?.name ?? "unknown").add(
                    Int64(finding.count))
            }
        }
        let times = trace.times(at: now)
        for (histogram, microseconds) in zip(stages, [times.parse, times.decide, times.queue]) {
            histogram.observe(Int64(microseconds) * 1_000)
        }
        guard let model, let dialect, let series = models[SeriesKey(dialect: dialect, model: model.settings.name)]
        else {
            return
        }
        let total = Int64(times.total) * 1_000
        switch ending.outcome {
        case .answered, .blocked: series.duration.observe(total)
        default: series.duration(errorType: ending.refusal ?? ending.outcome.name).observe(total)
        }
        let tokens = ending.tokens(of: trace)
        if trace.sentAt != nil {
            series.inputTokens.observe(Int64(tokens.input))
            series.outputTokens.observe(Int64(tokens.output))
        }
        if times.firstToken > 0 {
            series.firstToken.observe(Int64(times.firstToken) * 1_000)
            if trace.isStream, tokens.output > 1 {
                series.perOutputToken.observe((total - Int64(times.firstToken) * 1_000) / Int64(tokens.output - 1))
            }
        }
    }

    /// Raw values of dialects count from 0, those of outcomes from 1, both without gaps.
    private static func index(of dialect: RecordDialect, _ outcome: Outcome) -> Int {
        Int(dialect.rawValue) * Outcome.allCases.count + Int(outcome.rawValue) - 1
    }

    func upstreamFailed(_ upstream: String, _ failure: UpstreamFailure) {
        upstreamFailures.with(upstream, failure.code).add()
    }
}
