internal import Access
internal import CoreMetrics
internal import Gateway
internal import Glibc
internal import Guidelines
internal import Limits
internal import Logging
internal import Moderation
internal import NIOCore
internal import NIOPosix
internal import Records
internal import ServiceLifecycle
internal import SharedLimits
internal import Snapshots
internal import Storage
internal import Telemetry
internal import Web

/// Wires all parts of Steward into one process. Read it top to bottom; a new desk is one line in `desk`.
///
/// ```
///   shutdown:  announcer (ready turns red) ► gateway drains ► rehearsal ► leases go back ► desk ► keys ► retention
///              ► record writer empties the journal ► telemetry ► journal and store close
/// ```
struct Composition {
    let settings: Settings
    let upstream: UpstreamChoice?
    let readyFile: String?
    let metrics = MetricsRegistry()
    let health = Health()

    /// Serves until SIGTERM or SIGINT.
    func serve() async throws {
        ProcessLimits.prepare()
        // Whoever waits for the file must not read that of an earlier run.
        if let readyFile { unlink(readyFile) }
        let folder = DataFolder(path: settings.dataFolder)
        try folder.prepare()
        let lock = try folder.lock()
        let output = LogOutput(
            format: settings.logFormat, levels: settings.logLevels,
            dropped: metrics.counter("steward.log.dropped", help: "Log lines that found no room."),
            now: { Timestamp.now.microseconds })
        LoggingSystem.bootstrap(output.handler)
        MetricsSystem.bootstrap(metrics)
        ProcessMetrics.register(in: metrics)
        let logger = Logger(label: "steward")
        for notice in settings.notices { logger.warning("\(notice)") }
        let policy = try PolicyLoader(settings: settings).policy()
        let ground = try await Ground.open(settings, in: folder, logger: logger)
        do {
            try await serve(on: ground, policy: policy, logger: logger)
        } catch {
            await ground.close()
            output.flush()
            throw error
        }
        await ground.close()
        logger.info("Steward has ended.")
        output.flush()
        _ = consume lock
    }

    private func serve(on ground: Ground, policy: Policy, logger: Logger) async throws {
        let plan = try await ModelPlan.make(settings, upstream: upstream, log: logger)
        let keys = try await keyDirectory(ground)
        var deskSettings = settings.desk
        if deskSettings.port == 0 { deskSettings.port = try FreePort.find() }
        let deskURL = Addresses.url(host: deskSettings.host, port: deskSettings.port)
        let shared = try sharedLimiter()
        let gateway = try await gateway(
            ground, keys, plan, policy, shared, deskURL: settings.effective.text("desk.public_url") ?? deskURL)
        lightLamps(ground, keys, shared)
        let gatewayURL = Addresses.url(
            host: settings.effective.text("gateway.host") ?? "127.0.0.1", port: gateway.port,
            usesTLS: settings.tls != nil)
        let place = ServingPlace(
            gateway: gatewayURL, desk: deskURL,
            publicURL: settings.publicURL ?? gatewayURL,
            exampleModel: plan.models.first?.name ?? "rehearsal", description: plan.description)
        let (listening, heard) = AsyncStream.makeStream(of: Void.self)
        let telemetryPort = Snapshot(0)
        let telemetry = telemetryServer(gateway.upstreamsPage) { port in
            telemetryPort.replace(with: port)
            heard.yield()
        }
        let desk = try desk(policy, deskSettings, place) { heard.yield() }
        let announcer = AnnouncingService(health: health, listening: listening, listenersExpected: 2) {
            try await announce(place, telemetryPort: telemetryPort.current, ground, keys, logger)
        }
        var services: [any Service] = [
            HangupService(logger: logger),
            ListenerService(name: "telemetry listener", place: settings.telemetry.place, base: telemetry),
            RecordWriterService(writer: ground.writer()),
            RetentionService(
                store: ground.records, journal: ground.journal, retention: settings.retention, now: { Timestamp.now }),
            StoreProbe(database: ground.database, lamp: health.lamp("store")), keys,
            ListenerService(name: "desk", place: deskSettings.place, base: desk),
        ]
        if let shared { services.append(SharedLimitsService(limiter: shared)) }
        if let rehearsal = plan.rehearsal { services.append(RehearsalService(running: rehearsal)) }
        if let checks = gateway.healthChecks { services.append(checks) }
        services += [gateway, announcer]
        try await run(services)
    }

    /// Says that all is there. Only now, when nothing can fail any more, a first run makes its key: it is shown once.
    private func announce(
        _ place: ServingPlace, telemetryPort: Int, _ ground: Ground, _ keys: KeyDirectory, _ logger: Logger
    ) async throws {
        let firstKey = try await ground.access.prepareFirstRun(at: .now)
        if firstKey != nil { await keys.refresh() }
        let addresses = Addresses(
            gateway: place.gateway, desk: place.desk,
            telemetry: Addresses.url(host: settings.telemetry.host, port: telemetryPort))
        let announcement = Announcement(
            addresses: addresses, publicURL: place.publicURL, model: place.exampleModel,
            description: place.description, observesOnly: settings.effective.flag("gateway.observe_only") ?? false,
            sandboxKey: firstKey?.secret.reveal(), dataFolder: settings.dataFolder)
        Output.print(announcement.text)
        if let readyFile { try announcement.write(to: readyFile) }
        logger.info("Steward serves.", metadata: ["gateway": "\(place.gateway)", "desk": "\(place.desk)"])
    }

    private func run(_ services: [any Service]) async throws {
        var configuration = ServiceGroupConfiguration(
            services: services.map {
                // When one part fails the others end as at a shutdown, so that what was answered reaches the store.
                ServiceGroupConfiguration.ServiceConfiguration(
                    service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup)
            },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "steward.services"))
        // Past the drain time only the journal is emptied; a hanging part must not hold the process for good.
        configuration.maximumGracefulShutdownDuration =
            settings.effective.duration("gateway.http.drain_timeout") + .seconds(30)
        try await ServiceGroup(configuration: configuration).run()
    }

    // MARK: - Parts

    private func keyDirectory(_ ground: Ground) async throws -> KeyDirectory {
        var options = KeyDirectory.Options()
        options.limits = settings.limits
        return try await KeyDirectory(
            database: ground.database, options: options, logger: Logger(label: "steward.access"))
    }

    /// Where several processes share limits: connects in the background, while the rest starts.
    private func sharedLimiter() throws -> SharedLimiter? {
        guard let redis = settings.redis else { return nil }
        let logger = Logger(label: "steward.limits")
        if redis.password != nil, !["127.0.0.1", "::1", "localhost"].contains(redis.host) {
            logger.warning("The password of Redis goes over the network unencrypted.")
        }
        let shared = try SharedLimiter(
            redis, terms: settings.leaseTerms, metrics: SharedLimitMetrics(in: metrics), log: logger)
        metrics.gauge(
            "steward.limits.shared.subjects", help: "Keys, applications and organisations of which leases are held."
        ) { [weak shared] in Double(shared?.subjectCount ?? 0) }
        try shared.start()
        return shared
    }

    private func gateway(
        _ ground: Ground, _ keys: KeyDirectory, _ plan: ModelPlan, _ policy: Policy, _ shared: SharedLimiter?,
        deskURL: String
    ) async throws -> Gateway {
        var gatewaySettings = try settings.gateway(models: plan.models, desk: String(deskURL.withoutSlashes))
        if plan.rehearsal != nil { gatewaySettings.headers.toUpstream.insert("x-rehearsal") }
        let limiter = Limiter(startingAt: .now)
        metrics.gauge("steward.limiter.subjects", help: "Keys, applications and organisations that are using limits.") {
            Double(limiter.subjectCount)
        }
        ground.register(in: metrics)
        let dependencies = Gateway.Dependencies(
            keys: keys.snapshot, digester: ground.digester,
            policy: Snapshot(policy), limiter: limiter, sharedLimiter: shared,
            failures: FailureGuard(seed: .random(in: .min ... .max), startingAt: .now), journal: ground.journal,
            metrics: GatewayMetrics(in: metrics, models: plan.models))
        do {
            return try await Gateway(gatewaySettings, dependencies, log: Logger(label: "steward.gateway"))
        } catch let error as IOError {
            throw ListenerFailure.make("gateway", "\(gatewaySettings.host):\(gatewaySettings.port)", error)
        }
    }

    private func desk(
        _ policy: Policy, _ listener: ListenerSettings, _ place: ServingPlace,
        onListening: @escaping @Sendable () -> Void
    ) throws -> DeskServer {
        let name = settings.effective.text("desk.name") ?? "Steward"
        let site = try Site(name: name, version: StewardVersion.current, navigation: Moderation.navigation)
        let moderation = try Moderation(
            guidelines: Snapshot(policy.guidelines), siteName: name, baseURL: place.publicURL + "/v1",
            exampleModel: place.exampleModel)
        let router = DeskRouter.make(site: site, settings: listener, desks: [moderation])
        return DeskServer(
            router, settings: listener, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "steward.desk"), onListening: { _ in onListening() })
    }

    private func telemetryServer(
        _ upstreams: UpstreamsPage, onListening: @escaping @Sendable (Int) -> Void
    ) -> TelemetryServer {
        TelemetryServer(
            metrics: metrics, health: health, pages: ["/upstreams": { upstreams.json(at: .now) }],
            settings: settings.telemetry,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "steward.telemetry"),
            onListening: { onListening($0.port ?? 0) })
    }

    /// What turns `/health/ready` red.
    private func lightLamps(_ ground: Ground, _ keys: KeyDirectory, _ shared: SharedLimiter?) {
        let away = settings.leaseTerms.away
        if let shared {
            health.check("limits") { [weak shared] in
                guard shared?.isAway ?? false else { return .green }
                return away == .closed
                    ? .red("Redis is away, so what no lease covers is answered 503.")
                    : .degraded("Redis is away, so each gateway admits its own share of the limits.")
            }
        }
        let journal = ground.journal
        health.setObserveOnly(settings.effective.flag("gateway.observe_only") ?? false)
        health.check("keys") {
            keys.isStale() ? .red("The keys could not be read for a while, so a revoked one might be let in.") : .green
        }
        health.check("journal") {
            switch journal.state {
            case .healthy: .green
            case .failed(let error): .red(JournalText.text(error))
            }
        }
        // The gateway has bound its port by now; its drain is seen as draining.
        health.lamp("gateway").set(.green)
    }

}

/// What is known of this run before it is announced.
private struct ServingPlace: Sendable {
    let gateway: String
    let desk: String
    let publicURL: String
    let exampleModel: String
    let description: String
}

extension ListenerSettings {
    fileprivate var place: String { "\(host):\(port)" }
}

/// What the process asks of the system before it serves.
enum ProcessLimits {
    /// As many open files as we may have, and no death by a reader that went away.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        if getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            setrlimit(resource, &limit)
        }
    }
}
