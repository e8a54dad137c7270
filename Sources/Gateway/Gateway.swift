package import Access
internal import Filtering
package import Limits
package import Logging
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
package import Records
internal import ServiceLifecycle
package import SharedLimits
package import Snapshots

/// The gateway's listener, its event loops and their request paths, as one service.
package struct Gateway: Service {
    /// What the path needs of the rest of Steward.
    package struct Dependencies: Sendable {
        package var keys: Snapshot<KeySnapshot>
        package var digester: KeyDigester
        package var policy: Snapshot<Policy>
        package var limiter: Limiter
        /// Decides in place of the limiter where processes share limits.
        package var sharedLimiter: SharedLimiter?
        package var failures: FailureGuard
        package var journal: Journal
        package var metrics: GatewayMetrics

        package init(
            keys: Snapshot<KeySnapshot>, digester: KeyDigester, policy: Snapshot<Policy>, limiter: Limiter,
            sharedLimiter: SharedLimiter? = nil, failures: FailureGuard, journal: Journal, metrics: GatewayMetrics
        ) {
            self.keys = keys
            self.digester = digester
            self.policy = policy
            self.limiter = limiter
            self.sharedLimiter = sharedLimiter
            self.failures = failures
            self.journal = journal
            self.metrics = metrics
        }
    }

    private let settings: GatewaySettings
    private let group: MultiThreadedEventLoopGroup
    private let loops: [GatewayLoop]
    private let channel: any Channel
    private let certificates: ServerCertificates?
    private let isDraining: DrainFlag
    private let metrics: GatewayMetrics
    private let log: Logger

    /// Runs beside the gateway, and for as long; `nil` if no upstream is to be checked.
    package let healthChecks: UpstreamHealthChecks?

    /// What operators may see of its upstreams.
    package let upstreamsPage: UpstreamsPage

    /// Where it listens, once made.
    package let port: Int

    /// Binds the listener. Connections are accepted from now on.
    package init(_ settings: GatewaySettings, _ dependencies: Dependencies, log: Logger) async throws {
        self.settings = settings
        self.log = log
        metrics = dependencies.metrics
        isDraining = DrainFlag()
        group = MultiThreadedEventLoopGroup(numberOfThreads: settings.threads)
        let tls = try UpstreamTLS(models: settings.models)
        let budget = ByteBudget(settings.http.bytesInFlightMax)
        let proxies = TrustedProxies(networks: settings.trustedProxies)
        let states = UpstreamStates(
            models: settings.models, settings.resilience.breaker, dependencies.metrics.upstreams)
        let models = ModelTable(settings.models, settings.resilience)
        var loops: [GatewayLoop] = []
        for eventLoop in group.makeIterator() {
            let executor = LoopExecutor(eventLoop)
            let pools = UpstreamPools(
                executor: executor, models: settings.models, tls: tls, states: states,
                resilience: settings.resilience, bytesInFlight: budget)
            let path = Self.path(
                settings, dependencies, models: models, pools: pools, executor: executor, isDraining: isDraining,
                log: log)
            let loop = GatewayLoop(
                executor: executor, settings: settings.http, bytesInFlight: budget, proxies: proxies, upstreams: pools,
                path: path)
            try await eventLoop.submit { loop.start() }.get()
            loops.append(loop)
        }
        self.loops = loops
        upstreamsPage = UpstreamsPage(models: models, states: states, settings.resilience)
        healthChecks = UpstreamHealthChecks(
            models: settings.models, tls: tls, states: states, metrics: dependencies.metrics.upstreams, log: log)
        certificates = try settings.tls.map { try ServerCertificates($0, log: log) }
        channel = try await Self.listen(settings, group, loops, certificates, dependencies.metrics)
        port = channel.localAddress?.port ?? settings.port
    }

    /// Wires the stages of one event loop.
    private static func path(
        _ settings: GatewaySettings, _ dependencies: Dependencies, models: ModelTable, pools: UpstreamPools,
        executor: LoopExecutor,
        isDraining: DrainFlag, log: Logger
    ) -> RequestPath {
        let screener = Screener()
        let parse = ParseStage(bodyBytesMax: settings.http.bodyBytesMax, settings: settings.dialects)
        let answers = AnswerHeads(
            observesOnly: settings.observesOnly, headers: settings.headers, addresses: settings.addresses)
        let failures = UpstreamFailureReport(metrics: dependencies.metrics.upstreams, log: log)
        let record = RecordStage(
            journal: dependencies.journal, failure: settings.recordFailure, observesOnly: settings.observesOnly,
            metrics: dependencies.metrics)
        return RequestPath(
            authenticate: AuthenticateStage(
                keys: dependencies.keys, digester: dependencies.digester, failures: dependencies.failures),
            parse: parse,
            admit: AdmitStage(models: models),
            limit: LimitStage(
                limiter: dependencies.limiter, shared: dependencies.sharedLimiter,
                endUsers: EndUserReader(digester: dependencies.digester), observesOnly: settings.observesOnly),
            screen: ScreenStage(
                policy: dependencies.policy, screener: screener, observesOnly: settings.observesOnly, executor: executor
            ),
            record: record,
            forward: ForwardStage(
                pools: pools, headers: FieldNames(settings.headers.toUpstream),
                screener: screener, observesOnly: settings.observesOnly, failures: failures),
            completion: CompletionStage(
                screener: screener, observesOnly: settings.observesOnly, executor: executor,
                answerBytesMax: settings.http.answerBytesMax),
            stream: StreamStage(
                screener: screener, observesOnly: settings.observesOnly, eventBytesMax: settings.http.eventBytesMax,
                textsMax: settings.http.streamTextsMax,
                record: record, answers: answers),
            answers: answers,
            local: LocalAnswers(
                models: models, parse: parse, policy: dependencies.policy, screener: screener, startedAt: .now,
                executor: executor),
            metrics: dependencies.metrics, failures: failures, isDraining: isDraining, log: log)
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
                            isAboveBound: metrics.connections.current >= Int64(settings.http.connectionsMax),
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
        isDraining.set()
        log.info("draining", metadata: ["in_flight": "\(metrics.inFlight.current)"])
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
        log.info("drained", metadata: ["in_flight": "\(metrics.inFlight.current)"])
    }
}

extension NIOBSDSocket.Option {
    /// How many bytes the system takes of an answer before it has sent them. Without a bound it takes megabytes in large
    /// steps, and who reads slowly can't be told from who reads nothing.
    fileprivate static let unsentBytesMax = Self(rawValue: TCP_NOTSENT_LOWAT)
}
