internal import Glibc
internal import Logging
internal import NIOCore
internal import Rehearsal
internal import ServiceLifecycle
internal import SharedLimits
internal import Snapshots
internal import Storage
internal import Telemetry

/// Waits until desk and telemetry listen, announces, then marks the process as draining when shutdown begins.
///
/// The last in the group, so the first to hear of shutdown: `/health/ready` turns red before the gateway drains.
struct AnnouncingService: Service {
    let health: Health
    let listening: AsyncStream<Void>
    let listenersExpected: Int
    let announce: @Sendable () async throws -> Void

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            var count = 0
            for await _ in listening {
                count += 1
                if count == listenersExpected { break }
            }
            if count == listenersExpected { try await announce() }
        }
        try? await gracefulShutdown()
        health.startDraining()
    }
}

/// A listener by its name, so that a taken port is said in words.
struct ListenerService<Base: Service>: Service {
    let name: String
    /// Host and port.
    let place: String
    /// The flag that chooses another port.
    let portFlag: String
    let base: Base

    func run() async throws {
        do {
            try await base.run()
        } catch let error as IOError {
            throw ListenerFailure.make(name, place, portFlag: portFlag, error)
        }
    }
}

enum ListenerFailure {
    static func make(_ name: String, _ place: String, portFlag: String, _ error: IOError) -> CommandFailure {
        let reason = String(cString: strerror(error.errnoCode))
        return CommandFailure(
            "The \(name) can't listen on \(place): \(reason). Stop what listens there, or choose another port with "
                + "\(portFlag).",
            .system)
    }
}

/// The in-process rehearsal model: started when a configuration first needs it, kept until the gateway needs nothing more.
///
/// An actor because starting is asynchronous work; one configuration is made at a time.
actor RehearsalKeeper: Service {
    /// Where it is, and what it calls its models.
    struct Served: Sendable {
        let url: UpstreamURL
        let names: [String]
    }

    private var running: RunningRehearsal?
    private var served: Served?

    func served() async throws -> Served {
        if let served { return served }
        let running = try await RehearsalServer(
            configuration: RehearsalConfiguration(), logger: Logger(label: "steward.rehearsal")
        ).start()
        self.running = running
        let url = try UpstreamURL(running.baseURL)
        let served = Served(url: url, names: try await UpstreamModels(url: url, credential: nil).names())
        self.served = served
        return served
    }

    func run() async throws {
        try? await gracefulShutdown()
        try await stop(grace: .seconds(1))
    }

    func stop(grace: Duration) async throws {
        let running = running
        (self.running, served) = (nil, nil)
        try await running?.stop(grace: grace)
    }
}

/// Gives leases of shared limits back once the gateway has drained.
struct SharedLimitsService: Service {
    let limiter: SharedLimiter

    func run() async throws {
        try? await gracefulShutdown()
        await limiter.leave()
    }
}

/// Lights the store's lamp: reads a row every few seconds.
///
/// Service goes on for a while without the store, so the lamp turns red only when nothing was read for some time. Whether
/// reads fail or never end makes no difference.
struct StoreProbe: Service {
    let database: any Database
    let lamp: HealthLamp
    var interval = Duration.seconds(2)
    /// How long ago the last read may be; then the lamp is red.
    var patience = Duration.seconds(12)

    func run() async throws {
        let lastRead = Lock(ContinuousClock.now)
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await read(lastRead) }
                group.addTask { await watch(lastRead) }
            }
        }
    }

    /// Reads, one at a time, until it is cancelled.
    private func read(_ lastRead: Lock<ContinuousClock.Instant>) async {
        while !Task.isCancelled {
            if (try? await database.read { try $0.query("SELECT 1 AS one") }) != nil {
                lastRead.withLock { lastRead in
                    lastRead = .now
                    lamp.set(.green)
                }
            }
            try? await Task.sleep(for: interval)
        }
    }

    private func watch(_ lastRead: Lock<ContinuousClock.Instant>) async {
        while !Task.isCancelled {
            let rest = lastRead.withLock { lastRead in
                let rest = patience - (.now - lastRead)
                if rest <= .zero { lamp.set(.red("The store can't be read.")) }
                return rest
            }
            try? await Task.sleep(for: rest > .zero ? rest : interval)
        }
    }
}
