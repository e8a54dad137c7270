internal import Access
internal import CoreMetrics
internal import Gateway
internal import Glibc
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
internal import UnixSignals
internal import Web

/// Wires all parts of Steward into one process. Read it top to bottom; a new desk is one line in `desk`.
///
/// ```
///   shutdown:  announcer (ready turns red) ► no more reloads ► gateway drains ► rehearsal ► leases go back ► desk ► keys
///              ► retention ► record writer empties the journal ► telemetry ► journal and store close
/// ```
struct Composition {
    let reader: ConfigurationReader
    let settings: Settings
    let upstream: UpstreamChoice?
    let example: ExampleCall
    let readyFile: String?
    let metrics = MetricsRegistry()
    let health = Health()

    /// Serves until SIGTERM or SIGINT.
    func serve() async throws {
        // Early, so that a hangup during the start ends nothing and leads to a reload after it.
        let hangups = await UnixSignalsSequence(trapping: .sighup)
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
        let configuration = try Configuration(settings)
        for notice in configuration.texts.notices(on: .today) { logger.warning("\(notice)") }
        let ground = try await Ground.open(settings, in: folder, logger: logger)
        do {
            // A file that outlives what it names would tell of a gateway that is gone.
            defer { if let readyFile { Announcement.withdraw(readyFile) } }
            try await serve(configuration, on: ground, hangups, output, logger: logger)
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

    private func serve(
        _ configuration: Configuration, on ground: Ground, _ hangups: UnixSignalsSequence, _ output: LogOutput,
        logger: Logger
    ) async throws {
        let rehearsal = RehearsalKeeper()
        let plan = try await ModelPlan.make(settings, upstream: upstream, rehearsal: rehearsal)
        let keys = try await keyDirectory(ground)
        var deskSettings = settings.desk
        if deskSettings.port == 0 { deskSettings.port = try FreePort.find() }
        let deskURL = Addresses.url(host: deskSettings.host, port: deskSettings.port)
        let shared = try sharedLimiter()
        let writer = ground.writer()
        let budgets = await budgetKeeper(ground, writer, shared)
        let samples = try settings.sampleSeal().map { sampleService(ground, under: $0) }
        let gateway = try await gateway(
            ground, keys, plan, configuration.policy, shared, budgets, samples?.sampler, desk: deskURL)
        lightLamps(ground, keys, shared)
        let addresses = OwnAddresses(gateway: gatewayURL(port: gateway.port), desk: deskURL)
        let (listening, heard) = AsyncStream.makeStream(of: Void.self)
        let telemetryPort = Snapshot(0)
        let telemetry = telemetryServer(gateway.upstreamsPage) { port in
            telemetryPort.replace(with: port)
            heard.yield()
        }
        let content = try DeskContent(settings, plan, configuration.policy, addresses)
        let desk = try desk(content, deskSettings, ground) { heard.yield() }
        let announcer = AnnouncingService(health: health, listening: listening, listenersExpected: 2) {
            try await announce(plan, addresses, telemetryPort: telemetryPort.current, ground, keys, logger)
        }
        let reloader = Reloader(
            reader, serving: configuration,
            Reloader.Parts(
                gateway: gateway, keys: keys, rehearsal: rehearsal, desk: content, addresses: addresses,
                health: health, status: ReloadStatus(in: metrics, health), output: output,
                upstream: upstream?.naming(plan.models.filter { !$0.takesOptions })), log: logger)
        var services: [any Service] = [
            ListenerService(
                name: "telemetry listener", place: settings.telemetry.place, portFlag: "--telemetry-port",
                base: telemetry),
            RecordWriterService(writer: writer), budgets,
            RetentionService(
                store: ground.records, journal: ground.journal, retention: settings.retention, now: { Timestamp.now }),
            StoreProbe(database: ground.database, lamp: health.lamp("store")), keys,
            ListenerService(name: "desk", place: deskSettings.place, portFlag: "--desk-port", base: desk),
        ]
        if let shared { services.append(SharedLimitsService(limiter: shared)) }
        if let samples { services.append(samples) }
        services += [
            rehearsal, gateway.healthChecks, gateway,
            ReloadService(hangups: hangups, reload: { await reloader.reload() }, begin: { await reloader.begin($0) }),
            announcer,
        ]
        try await run(services)
    }

    /// Says that all is there. Only now, when nothing can fail any more, a first run makes its key: it is shown once.
    private func announce(
        _ plan: ModelPlan, _ own: OwnAddresses, telemetryPort: Int, _ ground: Ground, _ keys: KeyDirectory,
        _ logger: Logger
    ) async throws {
        let firstKey = try await ground.access.prepareFirstRun(at: .now)
        if firstKey != nil { await keys.refresh() }
        let addresses = Addresses(
            gateway: own.gateway, desk: own.desk,
            telemetry: Addresses.url(host: settings.telemetry.host, port: telemetryPort))
        let announcement = Announcement(
            addresses: addresses, publicURL: settings.publicURL ?? own.gateway, model: plan.exampleModel,
            example: example, description: plan.description, observesOnly: settings.observesOnly,
            sandboxKey: firstKey?.secret.reveal(), dataFolder: settings.dataFolder)
        Output.print(announcement.text)
        if let readyFile { try announcement.write(to: readyFile) }
        logger.info("Steward serves.", metadata: ["gateway": "\(own.gateway)", "desk": "\(own.desk)"])
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

    private func gatewayURL(port: Int) -> String {
        Addresses.url(
            host: settings.effective.text("gateway.host") ?? "127.0.0.1", port: port, usesTLS: settings.tls != nil)
    }

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

    /// Knows what was spent before the first request comes: a restart opens no budget again.
    private func budgetKeeper(_ ground: Ground, _ writer: RecordWriter, _ shared: SharedLimiter?) async -> BudgetKeeper
    {
        let keeper = BudgetKeeper(
            budgets: Budgets(), shared: shared?.budgets, writer: writer, records: ground.records,
            lamp: health.lamp("budgets"))
        keeper.register(in: metrics)
        await keeper.begin()
        return keeper
    }

    private func sampleService(_ ground: Ground, under seal: SampleSeal) -> SampleService {
        SampleService(
            sampler: TextSampler(settings.sampling, in: metrics), store: SampleStore(database: ground.database),
            seal: seal, textsMax: settings.effective.integer("samples.texts_max"),
            retention: .seconds(86_400 * settings.effective.integer("samples.retention_days")))
    }

    private func gateway(
        _ ground: Ground, _ keys: KeyDirectory, _ plan: ModelPlan, _ policy: Policy, _ shared: SharedLimiter?,
        _ budgets: BudgetKeeper, _ sampler: TextSampler?, desk: String
    ) async throws -> Gateway {
        // Its own address is for the desk alone, and is not known yet.
        let gatewaySettings = try settings.gateway(plan, OwnAddresses(gateway: "", desk: desk))
        let limiter = Limiter(startingAt: .now)
        metrics.gauge("steward.limiter.subjects", help: "Keys, applications and organisations that are using limits.") {
            Double(limiter.subjectCount)
        }
        ground.register(in: metrics)
        let parts = GatewayParts(
            digester: ground.digester, limiter: limiter, sharedLimiter: shared, budgets: budgets.budgets,
            sharedBudgets: shared?.budgets, failures: FailureGuard(seed: .random(in: .min ... .max), startingAt: .now),
            journal: ground.journal, metrics: GatewayMetrics(in: metrics), sampler: sampler,
            log: Logger(label: "steward.gateway"))
        do {
            return try await Gateway(gatewaySettings, policy, keys.snapshot, parts)
        } catch let error as IOError {
            let place = "\(gatewaySettings.host):\(gatewaySettings.port)"
            throw ListenerFailure.make("gateway", place, portFlag: "--port", error)
        }
    }

    private func desk(
        _ content: DeskContent, _ listener: ListenerSettings, _ ground: Ground,
        onListening: @escaping @Sendable () -> Void
    ) throws -> DeskServer {
        let moderation = try Moderation(guidelines: content.guidelines, home: content.home)
        let samples = SampleRoutes(
            desk: SampleDesk(store: SampleStore(database: ground.database)), seal: try settings.sampleSeal(),
            terms: content.terms)
        let authenticator = AdminAuthenticator(
            tokens: ground.access.tokens,
            failures: FailureGuard(seed: .random(in: .min ... .max), startingAt: .now), proxies: content.proxies)
        let router = DeskRouter.make(
            site: content.site, settings: listener, desks: [moderation, AdminDesk(authenticator, desks: [samples])])
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
        health.setObserveOnly(settings.observesOnly)
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
