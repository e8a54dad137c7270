/// The metrics of model calls, under OpenTelemetry's names (semantic conventions 1.41, which dashboards know).
///
/// | OpenTelemetry | here |
/// | --- | --- |
/// | `gen_ai.server.request.duration` | `gen_ai_server_request_duration_seconds` |
/// | `gen_ai.server.time_to_first_token` | `gen_ai_server_time_to_first_token_seconds` |
/// | `gen_ai.server.time_per_output_token` | `gen_ai_server_time_per_output_token_seconds` |
/// | `gen_ai.client.token.usage` | `gen_ai_client_token_usage` |
///
/// Source: https://github.com/open-telemetry/semantic-conventions/blob/v1.41.0/docs/gen-ai/gen-ai-metrics.md
package struct GenAIMetrics: Sendable {
    private let duration: MetricFamily<Histogram>
    private let firstToken: MetricFamily<Histogram>
    private let perToken: MetricFamily<Histogram>
    private let tokens: MetricFamily<Histogram>

    /// - Parameter seriesMax: combinations of operation, provider, model (and error type) kept per metric.
    package init(in registry: MetricsRegistry, seriesMax: Int = 500) {
        let labels = ["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"]
        duration = registry.histograms(
            "gen_ai.server.request.duration", unit: .seconds, buckets: .requestSeconds,
            help: "Seconds from a request's first byte to its answer's last.", labels: labels + ["error.type"],
            seriesMax: seriesMax)
        firstToken = registry.histograms(
            "gen_ai.server.time_to_first_token", unit: .seconds, buckets: .firstTokenSeconds,
            help: "Seconds from a request's first byte to its answer's first token.", labels: labels,
            seriesMax: seriesMax)
        perToken = registry.histograms(
            "gen_ai.server.time_per_output_token", unit: .seconds, buckets: .perTokenSeconds,
            help: "Seconds per output token after the first.", labels: labels, seriesMax: seriesMax)
        tokens = registry.histograms(
            "gen_ai.client.token.usage", unit: .count, buckets: .tokens,
            help: "Tokens a request used, by gen_ai_token_type.", labels: labels + ["gen_ai.token.type"],
            seriesMax: seriesMax)
    }

    /// The series of one operation on one model. Resolve it when the configuration is loaded, not per request.
    ///
    /// - Parameters:
    ///   - operation: `chat`, `text_completion`, `embeddings`, as OpenTelemetry spells them.
    ///   - provider: the upstream's kind, such as `openai`.
    ///   - model: a model of the configuration; never a caller's word for one, which could fill the table.
    package func series(operation: String, provider: String, model: String) -> GenAISeries {
        let labels = [operation, provider, model]
        return GenAISeries(
            firstToken: firstToken.with(labels), perOutputToken: perToken.with(labels),
            inputTokens: tokens.with(labels + ["input"]), outputTokens: tokens.with(labels + ["output"]),
            duration: duration.with(labels + [""]), durations: duration, labels: labels)
    }
}

/// Handles of one operation on one model; durations are observed in nanoseconds.
package final class GenAISeries: Sendable {
    package let firstToken: Histogram
    package let perOutputToken: Histogram
    package let inputTokens: Histogram
    package let outputTokens: Histogram
    /// The duration of requests that succeeded (`error_type` is empty, which Prometheus reads as absent).
    package let duration: Histogram

    fileprivate let durations: MetricFamily<Histogram>
    fileprivate let labels: [String]

    fileprivate init(
        firstToken: Histogram, perOutputToken: Histogram, inputTokens: Histogram, outputTokens: Histogram,
        duration: Histogram, durations: MetricFamily<Histogram>, labels: [String]
    ) {
        (self.firstToken, self.perOutputToken, self.duration) = (firstToken, perOutputToken, duration)
        (self.inputTokens, self.outputTokens) = (inputTokens, outputTokens)
        (self.durations, self.labels) = (durations, labels)
    }

    /// The duration of requests that ended in an error, by a closed set of types such as `429` or `timeout`. A look-up.
    package func duration(errorType: String) -> Histogram {
        durations.with(labels + [errorType])
    }
}
