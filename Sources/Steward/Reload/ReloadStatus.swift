internal import Snapshots
internal import Storage
internal import Telemetry

/// What operators see of reloads: a component of `/health/ready`, which is degraded and never red, and metrics.
struct ReloadStatus: Sendable {
    enum Result: String, CaseIterable {
        case applied
        /// Nothing that a reload takes up was another.
        case unchanged
        case refused
    }

    private let lamp: HealthLamp
    private let reloads: [Result: Counter]
    private let restartsPending: Gauge
    private let appliedAt: Snapshot<Timestamp>

    init(in metrics: MetricsRegistry, _ health: Health) {
        lamp = health.lamp("configuration", .green)
        let family = metrics.counters(
            "steward.configuration.reloads", help: "Times that the configuration was read again, by what came of it.",
            labels: ["result"])
        reloads = Dictionary(uniqueKeysWithValues: Result.allCases.map { ($0, family.with($0.rawValue)) })
        restartsPending = metrics.gauge(
            "steward.configuration.restarts_pending", help: "Settings whose change needs a restart.")
        let appliedAt = Snapshot(Timestamp.now)
        self.appliedAt = appliedAt
        metrics.gauge(
            "steward.configuration.applied.timestamp", unit: .seconds,
            help: "When the configuration in force was taken up, in seconds since 1970."
        ) { Double(appliedAt.current.microseconds) / 1_000_000 }
    }

    /// - Parameter pending: settings that need a restart.
    func note(_ result: Result, pending: Int) {
        lamp.set(.green)
        restartsPending.set(Int64(pending))
        reloads[result]?.add()
        if result == .applied { appliedAt.replace(with: .now) }
    }

    /// - Parameter problems: one line each.
    func refused(_ problems: [String]) {
        let more = problems.count > 1 ? " (and \(problems.count - 1) more, see the log)" : ""
        lamp.set(
            .degraded("What is configured now was not taken up; what was before serves. \(problems.first ?? "")\(more)")
        )
        reloads[.refused]?.add()
    }
}
