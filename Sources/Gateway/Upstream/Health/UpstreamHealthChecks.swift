internal import Limits
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import ServiceLifecycle
internal import Telemetry

/// Asks upstreams, off the request path, whether they are well; those that are not are taken out of the choice.
///
/// A check knows nothing of requests, and the breaker nothing of checks: a failed check opens no breaker and a passed one
/// closes none. An upstream is asked when both let it be. So a server that answers checks but fails requests stays left
/// alone, and one that is taken out gets no request as a trial.
package struct UpstreamHealthChecks: Service {
    /// One upstream that is checked.
    struct Target: Sendable {
        let upstream: UpstreamSettings
        let check: HealthCheckSettings
        let tls: NIOSSLContext?
        let state: UpstreamState
        let series: Series
    }

    /// What metrics show of it.
    struct Series: Sendable {
        let passed: Counter
        let failed: Counter
        let isUnhealthy: Gauge
        let removals: Counter
    }

    private let targets: [Target]
    private let group: any EventLoopGroup
    private let log: Logger

    /// `nil` if no upstream is to be checked.
    init?(
        models: [ModelSettings], tls: UpstreamTLS, states: UpstreamStates, metrics: UpstreamMetrics,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, log: Logger
    ) {
        var targets: [String: Target] = [:]
        for upstream in models.flatMap(\.upstreams) {
            guard let check = upstream.health else { continue }
            targets[upstream.name] = Target(
                upstream: upstream, check: check, tls: tls.contexts[upstream.name], state: states[upstream.name],
                series: metrics.healthSeries(of: upstream.name))
        }
        guard !targets.isEmpty else { return nil }
        self.targets = Array(targets.values)
        self.group = group
        self.log = log
    }

    /// Checks until shutdown is asked for.
    package func run() async {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { tasks in
                for target in targets { tasks.addTask { await watch(target) } }
            }
        }
    }

    private func watch(_ target: Target) async {
        var record = HealthRecord(target.check)
        // Neither all upstreams at once, nor all gateways that were started together.
        var pause = target.check.interval * Double.random(in: 0...0.2)
        while (try? await Task.sleep(for: pause)) != nil {
            let problem = await problem(of: target)
            // One that was broken off says nothing.
            if Task.isCancelled { return }
            (problem == nil ? target.series.passed : target.series.failed).add()
            if let change = record.note(hasPassed: problem == nil) { tell(change, of: target, problem) }
            pause = target.check.interval * Double.random(in: 0.9...1.1)
        }
    }

    /// Why a check failed, for the operator's log; `nil` if it passed.
    private func problem(of target: Target) async -> String? {
        do {
            let status = try await HealthProbe.status(
                of: target.upstream, target.check, tls: target.tls, on: group.next())
            return status == target.check.status ? nil : "status \(status)"
        } catch {
            return "\(error)"
        }
    }

    private func tell(_ change: HealthRecord.Change, of target: Target, _ problem: String?) {
        let upstream = Logger.MetadataValue(stringLiteral: target.upstream.name)
        switch change {
        case .removed:
            target.state.remove(at: .now, for: target.check.interval * target.check.healthyAfter)
            target.series.isUnhealthy.set(1)
            target.series.removals.add()
            log.warning(
                "upstream unhealthy: it is left alone until it passes its health checks",
                metadata: ["upstream": upstream, "check": "\(target.check.path)", "problem": "\(problem ?? "")"])
        case .readmitted:
            target.state.readmit()
            target.series.isUnhealthy.set(0)
            log.notice("upstream healthy again", metadata: ["upstream": upstream])
        }
    }
}
