package import Access
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import ServiceLifecycle
package import Snapshots

/// The gateway's listener, its event loops and their request paths, as one service.
package struct Gateway: Service {
    private let settings: GatewaySettings
    private let parts: GatewayParts
    /// What is served by; replaced before the loops' paths are.
    private let plan: Snapshot<GatewayPlan>
    private let group: MultiThreadedEventLoopGroup
    private let loops: [GatewayLoop]
    private let channel: any Channel
    private let certificates: ServerCertificates?

    /// Runs beside the gateway, and for as long.
    package let healthChecks: UpstreamHealthChecks

    /// Where it listens, once made.
    package let port: Int

    /// Binds the listener. Connections are accepted from now on.
    package init(
        _ settings: GatewaySettings, _ policy: Policy, _ keys: Snapshot<KeySnapshot>, _ parts: GatewayParts
    ) async throws {
        self.settings = settings
        self.parts = parts
        group = MultiThreadedEventLoopGroup(numberOfThreads: settings.threads)
        let plan = try GatewayPlan(settings, policy, keys, parts.metrics)
        self.plan = Snapshot(plan)
        parts.bytesInFlight.resize(to: settings.http.bytesInFlightMax)
        var loops: [GatewayLoop] = []
        for eventLoop in group.makeIterator() {
            let loop = GatewayLoop(executor: LoopExecutor(eventLoop), parts: parts, plan: plan)
            try await eventLoop.submit { loop.start() }.get()
            loops.append(loop)
        }
        self.loops = loops
        healthChecks = UpstreamHealthChecks(log: parts.log)
        healthChecks.follow(HealthTarget.all(of: plan, parts.metrics.upstreams))
        certificates = try settings.tls.map { try ServerCertificates($0, log: parts.log) }
        channel = try await Self.listen(settings, group, loops, certificates, parts.metrics)
        port = channel.localAddress?.port ?? settings.port
    }

    /// What operators may see of its upstreams.
    package var upstreamsPage: UpstreamsPage { UpstreamsPage(plan: plan) }

    /// Gets ready to serve by another configuration. Nothing changes yet.
    ///
    /// - Throws: if the authorities of an upstream can't be read.
    package func prepare(
        _ settings: GatewaySettings, _ policy: Policy, _ keys: Snapshot<KeySnapshot>
    ) throws -> GatewayPlan {
        try GatewayPlan(settings, policy, keys, parts.metrics, after: plan.current)
    }

    /// Serves by what `prepare` has made last; returns when every loop does. What began before ends as it began.
    ///
    /// Where it listens, its threads, its certificate's files and its drain time stay those of the start.
    package func follow(_ next: GatewayPlan) async {
        next.follow(plan.current)
        plan.replace(with: next)
        parts.bytesInFlight.resize(to: next.settings.http.bytesInFlightMax)
        let swaps = loops.map { loop in loop.loop.submit { loop.follow(next) } }
        for swap in swaps { try? await swap.get() }
        healthChecks.follow(HealthTarget.all(of: next, parts.metrics.upstreams))
    }

    /// Of configurations before this one, over all loops: paths that exchanges are on, and pools that connections are of.
    func formerCounts() async throws -> (paths: Int, pools: Int) {
        var sum = (paths: 0, pools: 0)
        for loop in loops {
            let counts = try await loop.loop.submit { loop.formerCounts }.get()
            sum = (sum.paths + counts.paths, sum.pools + counts.pools)
        }
        return sum
    }

    private static func listen(
        _ settings: GatewaySettings, _ group: MultiThreadedEventLoopGroup, _ loops: [GatewayLoop],
        _ certificates: ServerCertificates?, _ metrics: GatewayMetrics
    ) async throws -> any Channel {
        let byLoop = Dictionary(uniqueKeysWithValues: loops.map { (ObjectIdentifier($0.loop), $0) })
        return try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.tcpOption(.unsentBytesMax), value: 131_072)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let loop = byLoop[ObjectIdentifier(channel.eventLoop)] else {
                        throw ChannelError.operationUnsupported
                    }
                    if let certificates {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLServerHandler(context: certificates.context.current))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ConnectionHandler(
                            loop: loop,
                            isAboveBound: metrics.connections.current >= Int64(loop.path.http.connectionsMax),
                            count: metrics.connections))
                }
            }
            .bind(host: settings.host, port: settings.port).get()
    }

    /// Serves until shutdown is asked for; then lets running exchanges end, within the drain time.
    package func run() async throws {
        await withTaskGroup(of: Void.self) { tasks in
            if let certificates { tasks.addTask { await certificates.watch() } }
            try? await gracefulShutdown()
            await drain()
            tasks.cancelAll()
        }
        try await group.shutdownGracefully()
    }

    private func drain() async {
        parts.isDraining.set()
        parts.log.info("draining", metadata: ["in_flight": "\(parts.metrics.inFlight.current)"])
        let deadline = NIODeadline.now() + settings.http.drainTimeout
        let draining = loops.map { loop in
            (loop.loop.flatSubmit { loop.drain() }, loop.loop.scheduleTask(deadline: deadline) { loop.stop() })
        }
        for (drained, timeout) in draining {
            try? await drained.get()
            timeout.cancel()
        }
        try? await channel.close().get()
        for loop in loops { try? await loop.loop.submit { loop.stop() }.get() }
        parts.log.info("drained", metadata: ["in_flight": "\(parts.metrics.inFlight.current)"])
    }
}

extension NIOBSDSocket.Option {
    /// How many bytes the system takes of an answer before it has sent them. Without a bound it takes megabytes in large
    /// steps, and who reads slowly can't be told from who reads nothing.
    fileprivate static let unsentBytesMax = Self(rawValue: TCP_NOTSENT_LOWAT)
}
