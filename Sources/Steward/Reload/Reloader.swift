internal import Access
internal import Filtering
internal import Gateway
internal import Logging
internal import NIOPosix
internal import Telemetry

/// Takes up a configuration that was changed while serving: the whole of it, or nothing.
///
/// ```
///   read and compile (off the loops) ► get ready: models, TLS, keys ► swap: keys, paths, desk, logs, health
///   └──────────── a problem leaves everything as it is ───────────┘   └── nothing of this can fail ──┘
/// ```
/// An actor because its work is asynchronous; `ReloadService` asks for one thing at a time.
actor Reloader {
    /// What a reload changes.
    struct Parts: Sendable {
        let gateway: Gateway
        let keys: KeyDirectory
        let rehearsal: RehearsalKeeper
        let desk: DeskContent
        let addresses: OwnAddresses
        let health: Health
        let status: ReloadStatus
        let output: LogOutput
        /// In place of configured models, with the names that were served from the start.
        let upstream: UpstreamChoice?
    }

    private let reader: ConfigurationReader
    private let parts: Parts
    private let log: Logger
    private var current: Configuration

    init(_ reader: ConfigurationReader, serving current: Configuration, _ parts: Parts, log: Logger) {
        self.reader = reader
        self.current = current
        self.parts = parts
        self.log = log
    }

    func reload() async {
        do {
            try await takeUp()
        } catch {
            // A shutdown breaks it off.
            if Task.isCancelled { return }
            let problems = CommandFailure(error).message.split(separator: "\n").map(String.init)
            log.error(
                "The configuration was not taken up; the one before stays in force.",
                metadata: ["problems": "\(problems.count)"])
            for problem in problems { log.error("\(problem)") }
            parts.status.refused(problems)
        }
    }

    /// Judges by what the policy file says for another day; nothing is read anew.
    func begin(_ day: PolicyDay) async {
        do {
            let former = current
            guard former.texts.on(day).overrides != former.texts.overrides else { return }
            let next = try await NIOThreadPool.singleton.runIfActive { try Configuration(former, on: day) }
            try await serve(next)
            log.notice("Some of the filter's policy has ended.", metadata: ["day": "\(day)"])
            for notice in next.texts.notices(on: day) { log.warning("\(notice)") }
        } catch {
            if Task.isCancelled { return }
            log.error("What has ended of the filter's policy stays in force.", metadata: ["problem": "\(error)"])
            parts.status.refused(["\(error)"])
        }
    }

    private func takeUp() async throws {
        let (reader, former) = (reader, current)
        let (next, changes) = try await NIOThreadPool.singleton.runIfActive { try reader.read(after: former) }
        let differences = next.differences(from: former, changes)
        if differences.isEmpty {
            log.notice("The configuration was read again; nothing has changed that a reload takes up.")
        } else {
            try await serve(next)
            log.notice(
                "The configuration was taken up.", metadata: ["changed": "\(differences.joined(separator: "; "))"])
            for notice in next.settings.notices + next.texts.notices(on: .today) { log.warning("\(notice)") }
        }
        for change in changes.pending {
            log.warning("This setting needs a restart; the old value stays.", metadata: ["setting": "\(change)"])
        }
        parts.status.note(differences.isEmpty ? .unchanged : .applied, pending: changes.pending.count)
    }

    private func serve(_ next: Configuration) async throws {
        let settings = next.settings
        let plan = try await ModelPlan.make(settings, upstream: parts.upstream, rehearsal: parts.rehearsal)
        let keys = settings.limits == current.settings.limits ? nil : try await parts.keys.prepare(settings.limits)
        let gateway = parts.gateway
        let gatewaySettings = try settings.gateway(plan, parts.addresses)
        let snapshot = keys?.snapshot ?? parts.keys.snapshot
        // Reads files of authorities.
        let gatewayPlan = try await NIOThreadPool.singleton.runIfActive {
            try gateway.prepare(gatewaySettings, next.policy, snapshot)
        }
        // From here on nothing fails.
        if let keys { await parts.keys.follow(keys) }
        await gateway.follow(gatewayPlan)
        parts.desk.show(settings, plan, next.policy, parts.addresses)
        parts.output.follow(settings.logLevels)
        parts.health.setObserveOnly(settings.observesOnly)
        current = next
    }
}
