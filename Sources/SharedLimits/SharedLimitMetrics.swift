package import Telemetry

/// What is counted of shared limits.
package struct SharedLimitMetrics: Sendable {
    let answered: Counter
    let late: Counter
    let failed: Counter
    let lost: Counter
    let roundTrip: Histogram
    /// 0 closed, 1 open.
    let breaker: Gauge
    let byLease: Counter
    let byRedis: Counter
    let byShare: Counter
    let byNobody: Counter
    /// Of all decisions, requests that were refused.
    let refused: Counter

    package init(in registry: MetricsRegistry) {
        let calls = registry.counters(
            "steward.limits.shared.calls", help: "Calls of Redis by what became of them.", labels: ["result"])
        answered = calls.with("answered")
        late = calls.with("late")
        failed = calls.with("refused")
        lost = registry.counter(
            "steward.limits.shared.disconnects", help: "Times that the connection to Redis was given up or lost.")
        roundTrip = registry.histogram(
            "steward.limits.shared.call.duration", unit: .seconds, buckets: .stageSeconds,
            help: "Seconds from sending a call to Redis to its answer.")
        breaker = registry.gauge(
            "steward.limits.shared.breaker", help: "1 while Redis is not asked because it is away or too slow, else 0.")
        breaker.set(1)
        let decisions = registry.counters(
            "steward.limits.shared.decisions", help: "Decisions by what they were made from.", labels: ["by"])
        byLease = decisions.with("lease")
        byRedis = decisions.with("redis")
        byShare = decisions.with("local_share")
        byNobody = decisions.with("none")
        refused = registry.counter(
            "steward.limits.shared.refusals", help: "Requests that shared limits refused, by whatever they decided.")
    }
}
