internal import Glibc
internal import Logging
internal import NIOCore
internal import Rehearsal
internal import ServiceLifecycle
internal import SharedLimits
internal import Snapshots
internal import Storage
internal import Telemetry
internal import UnixSignals

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
    /// Host and port, and how to choose others.
    let place: String
    let base: Base

    func run() async throws {
        do {
            try await base.run()
        } catch let error as IOError {
            throw ListenerFailure.make(name, place, error)
        }
    }
}

enum ListenerFailure {
    static func make(_ name: String, _ place: String, _ error: IOError) -> CommandFailure {
        let reason = String(cString: strerror(error.errnoCode))
        return CommandFailure(
            "The \(name) can't listen on \(place): \(reason). Stop what listens there, or choose another address.",
            .system)
    }
}

/// Keeps the in-process rehearsal model until the gateway no longer needs it.
struct RehearsalService: Service {
    let running: RunningRehearsal

    func run() async throws {
        try? await gracefulShutdown()
        try await running.stop(grace: .seconds(1))
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

/// SIGHUP ends nothing: certificates, keys and limits are followed by themselves, other settings need a restart.
struct HangupService: Service {
    let logger: Logger

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        await cancelWhenGracefulShutdown {
            for await _ in signals {
                logger.notice("SIGHUP is ignored. Keys and certificates are read by themselves; restart for settings.")
            }
        }
    }
}
