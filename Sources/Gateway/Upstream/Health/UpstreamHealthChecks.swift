internal import Limits
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import Snapshots
internal import Telemetry

/// Asks upstreams, off the request path, whether they are well; those that are not are taken out of the choice.
///
/// A check knows nothing of requests, and the breaker nothing of checks: a failed check opens no breaker and a passed one
/// closes none. An upstream is asked when both let it be. So a server that answers checks but fails requests stays left
/// alone, and one that is taken out gets no request as a trial.
package final class UpstreamHealthChecks: Service {
    /// What metrics show of one upstream.
    struct Series: Sendable {
        let passed: Counter
        let failed: Counter
        let isUnhealthy: Gauge
        let removals: Counter
    }

    private let group: any EventLoopGroup
    private let log: Logger
    /// By the upstream's name; held for a comparison.
    private let watches = Lock<[String: HealthWatch]>([:])
    /// Those that are to begin.
    private let begun: AsyncStream<HealthWatch>
    private let beginning: AsyncStream<HealthWatch>.Continuation

    init(group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, log: Logger) {
        self.group = group
        self.log = log
        (begun, beginning) = AsyncStream.makeStream()
    }

    /// Checks these from now on and no others. Those of which nothing has changed keep their record.
    func follow(_ targets: [String: HealthTarget]) {
        watches.withLock { watches in
            for (name, watch) in watches where !(targets[name]?.isSame(as: watch.target) ?? false) {
                watch.stop(for: targets[name])
                watches[name] = nil
            }
            for (name, target) in targets where watches[name] == nil {
                let watch = HealthWatch(target)
                watches[name] = watch
                beginning.yield(watch)
            }
        }
    }

    /// Checks until shutdown is asked for.
    package func run() async {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { tasks in
                for await watch in self.begun { tasks.addTask { await self.keep(watch) } }
            }
        }
    }

    /// Checks until the watch is over.
    private func keep(_ watch: HealthWatch) async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.check(watch) }
            tasks.addTask { for await _ in watch.end {} }
            await tasks.next()
            tasks.cancelAll()
        }
    }

    private func check(_ watch: HealthWatch) async {
        let target = watch.target
        var record = HealthRecord(target.check, isHealthy: !target.state.isUnhealthy)
        // Neither all upstreams at once, nor all gateways that were started together.
        var pause = target.check.interval * Double.random(in: 0...0.2)
        while (try? await Task.sleep(for: pause)) != nil {
            let problem = await problem(of: target)
            // One that was broken off says nothing.
            if Task.isCancelled { return }
            (problem == nil ? target.series.passed : target.series.failed).add()
            if let change = record.note(hasPassed: problem == nil) {
                watch.whileItLasts { tell(change, of: target, problem) }
            }
            pause = target.check.interval * Double.random(in: 0.9...1.1)
        }
    }

    /// Why a check failed, for the operator's log; `nil` if it passed.
    private func problem(of target: HealthTarget) async -> String? {
        do {
            let status = try await HealthProbe.status(
                of: target.upstream, target.check, tls: target.tls, on: group.next())
            return status == target.check.status ? nil : "status \(status)"
        } catch {
            return "\(error)"
        }
    }

    private func tell(_ change: HealthRecord.Change, of target: HealthTarget, _ problem: String?) {
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
