internal import Telemetry

/// What is counted of upstreams, by their names.
struct UpstreamMetrics: Sendable {
    private let failures: MetricFamily<Counter>
    private let retries: MetricFamily<Counter>
    private let hedges: MetricFamily<Counter>
    private let hedgesWon: MetricFamily<Counter>
    private let outstanding: MetricFamily<Gauge>
    private let breakersOpen: MetricFamily<Gauge>
    private let breakersOpened: MetricFamily<Counter>
    private let queued: MetricFamily<Gauge>
    private let healthChecks: MetricFamily<Counter>
    private let unhealthy: MetricFamily<Gauge>
    private let removals: MetricFamily<Counter>

    init(in registry: MetricsRegistry) {
        failures = registry.counters(
            "steward.upstream.failures", help: "Failed calls by upstream and code.", labels: ["upstream", "code"])
        retries = registry.counters(
            "steward.upstream.retries", help: "Requests sent to another upstream, by the one that could not take them.",
            labels: ["upstream"])
        hedges = registry.counters(
            "steward.upstream.hedges", help: "Requests sent to an upstream while another one was silent.",
            labels: ["upstream"])
        hedgesWon = registry.counters(
            "steward.upstream.hedges_won", help: "Those that it answered first.", labels: ["upstream"])
        outstanding = registry.gauges(
            "steward.upstream.outstanding", help: "Requests that an upstream has not answered to the end.",
            labels: ["upstream"])
        breakersOpen = registry.gauges(
            "steward.upstream.breaker_open",
            help: "1 from when an upstream failed too often until a trial request succeeds.",
            labels: ["upstream"])
        breakersOpened = registry.counters(
            "steward.upstream.breaker_openings", help: "Times that an upstream's breaker opened.", labels: ["upstream"])
        queued = registry.gauges(
            "steward.upstream.queued", help: "Requests that wait for an upstream's next free connection.",
            labels: ["upstream"])
        healthChecks = registry.counters(
            "steward.upstream.health_checks", help: "Health checks by upstream and result.",
            labels: ["upstream", "result"])
        unhealthy = registry.gauges(
            "steward.upstream.unhealthy", help: "1 while an upstream is left alone because its health checks fail.",
            labels: ["upstream"])
        removals = registry.counters(
            "steward.upstream.health_removals", help: "Times that health checks took an upstream out of the choice.",
            labels: ["upstream"])
    }

    /// What is shown of an upstream while it works.
    func gauges(of upstream: String) -> UpstreamState.Gauges {
        UpstreamState.Gauges(
            outstanding: outstanding.with(upstream), isOpen: breakersOpen.with(upstream), queued: queued.with(upstream),
            opened: breakersOpened.with(upstream))
    }

    /// What is shown of an upstream that is checked.
    func healthSeries(of upstream: String) -> UpstreamHealthChecks.Series {
        UpstreamHealthChecks.Series(
            passed: healthChecks.with(upstream, "passed"), failed: healthChecks.with(upstream, "failed"),
            isUnhealthy: unhealthy.with(upstream), removals: removals.with(upstream))
    }

    func retried(after upstream: String) { retries.with(upstream).add() }

    func hedged(to upstream: String) { hedges.with(upstream).add() }

    func hedgeWon(by upstream: String) { hedgesWon.with(upstream).add() }

    func failed(_ upstream: String, _ failure: UpstreamFailure) {
        failures.with(upstream, failure.code).add()
    }
}
