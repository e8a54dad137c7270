internal import NIOSSL
internal import Snapshots
internal import Telemetry

/// One upstream that is checked.
struct HealthTarget: Sendable {
    let upstream: UpstreamSettings
    let check: HealthCheckSettings
    let tls: NIOSSLContext?
    let state: UpstreamState
    let series: UpstreamHealthChecks.Series

    /// Whether a watch over this one can go on for the other.
    func isSame(as other: HealthTarget) -> Bool {
        upstream == other.upstream && tls === other.tls && state === other.state
    }

    /// Those of a plan, by the upstream's name.
    static func all(of plan: GatewayPlan, _ metrics: UpstreamMetrics) -> [String: HealthTarget] {
        var targets: [String: HealthTarget] = [:]
        for upstream in plan.settings.models.flatMap(\.upstreams) {
            guard let check = upstream.health else { continue }
            targets[upstream.name] = HealthTarget(
                upstream: upstream, check: check, tls: plan.tls[upstream.name], state: plan.states[upstream.name],
                series: metrics.healthSeries(of: upstream.name))
        }
        return targets
    }
}

/// The checks of one upstream under one configuration, which last until that is replaced.
final class HealthWatch: Sendable {
    let target: HealthTarget
    /// Ends when the watch is over.
    let end: AsyncStream<Void>
    private let ending: AsyncStream<Void>.Continuation
    private let isOver = Lock(false)

    init(_ target: HealthTarget) {
        self.target = target
        (end, ending) = AsyncStream.makeStream()
    }

    /// Nothing is said of the upstream by this watch once this has returned.
    ///
    /// - Parameter next: who watches the same upstream from now on, if anybody does.
    func stop(for next: HealthTarget?) {
        isOver.withLock { $0 = true }
        ending.finish()
        if next?.state === target.state { return }
        // Nobody would bring it back.
        target.state.readmit()
        target.series.isUnhealthy.set(0)
    }

    /// - Returns: what `body` does, or `nil` if the watch is over.
    func whileItLasts<Result: Sendable>(_ body: () -> Result) -> Result? {
        isOver.withLock { $0 ? nil : body() }
    }
}
