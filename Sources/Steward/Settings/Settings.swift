internal import Access
internal import Gateway
internal import Limits
internal import Logging
internal import Moderation
internal import NIOCore
internal import Records
internal import Storage
internal import Telemetry
internal import Web

/// All settings, valid and complete, as the parts of Steward take them.
struct Settings: Sendable {
    let effective: EffectiveSettings
    /// Those of the file; empty if it has none.
    let models: [ModelSettings]
    let writtenModels: [WrittenModel]
    let judges: [JudgeSettings]
    let writtenJudges: [WrittenJudge]
    let environment: [String: String]
    /// The file that was read.
    let file: String?
    /// What is no error, but perhaps not meant.
    let notices: [String]

    /// The same, but with the values of `old` where a change needs a restart.
    func keeping(_ old: Settings) -> Settings {
        Settings(
            effective: effective.keeping(old.effective), models: models, writtenModels: writtenModels,
            judges: judges, writtenJudges: writtenJudges, environment: environment, file: file, notices: notices)
    }

    /// The gateway's address as callers write it, without `/v1`, where the operator said it.
    var publicURL: String? {
        guard let url = effective.text("gateway.public_url")?.withoutSlashes else { return nil }
        return String(url.hasSuffix("/v1") ? url.dropLast(3) : url)
    }

    var dataFolder: String { effective.text("data.dir") ?? "./data" }

    /// What to tell somebody who allows a key the model `name` alone; `nil` if that model is configured, or if that can't
    /// be told from the settings.
    func doubt(aboutModel name: String) -> String? {
        // Without models of their own, others are served: the rehearsal model's, or those of `serve --upstream`.
        guard !models.isEmpty, !models.contains(where: { $0.name == name }) else { return nil }
        if effective.flag("rehearsal.enabled") == true, name.hasPrefix("rehearsal") { return nil }
        if let model = models.first(where: { $0.aliases.contains(name) }) {
            return "“\(name)” is an alias. The key can use the model only if it is allowed “\(model.name)”."
        }
        return "The settings have no model “\(name)”. The key can use it once there is one."
    }

    func gateway(models: [ModelSettings], desk: String) throws -> GatewaySettings {
        var gateway = GatewaySettings(models: models, addresses: PublicAddresses(desk: desk))
        gateway.judges = judges
        gateway.host = effective.text("gateway.host") ?? gateway.host
        gateway.port = effective.integer("gateway.port")
        gateway.threads = effective.integer("gateway.threads")
        gateway.tls = tls
        gateway.http = http
        gateway.resilience = resilience
        gateway.dialects.messagesMax = effective.integer("gateway.messages_max")
        gateway.dialects.choicesMax = effective.integer("gateway.choices_max")
        gateway.headers.toUpstream = Set(effective.list("headers.to_upstream").map { $0.lowercased() })
        gateway.headers.toCaller = Set(effective.list("headers.to_caller").map { $0.lowercased() })
        gateway.trustedProxies = try effective.list("gateway.trusted_proxies").map { try Network(parsing: $0) }
        gateway.observesOnly = observesOnly
        gateway.currency = currency
        gateway.recordFailure = effective.text("records.failure") == "open" ? .open : .closed
        return gateway
    }

    var tls: TLSFiles? {
        guard let chain = effective.text("gateway.tls.certificate_chain"),
            let key = effective.text("gateway.tls.private_key")
        else { return nil }
        return TLSFiles(certificateChain: chain, privateKey: key)
    }

    private var http: HTTPSettings {
        var http = HTTPSettings()
        http.connectionsMax = effective.integer("gateway.http.connections_max")
        http.headBytesMax = effective.integer("gateway.http.head_bytes_max")
        http.headerFieldsMax = effective.integer("gateway.http.header_fields_max")
        http.bodyBytesMax = effective.integer("gateway.http.body_bytes_max")
        http.answerBytesMax = effective.integer("gateway.http.answer_bytes_max")
        http.eventBytesMax = effective.integer("gateway.http.event_bytes_max")
        http.streamTextsMax = effective.integer("gateway.http.stream_texts_max")
        http.bytesInFlightMax = effective.integer("gateway.http.bytes_in_flight_max")
        http.headTimeout = TimeAmount(effective.duration("gateway.http.head_timeout"))
        http.bodyTimeout = TimeAmount(effective.duration("gateway.http.body_timeout"))
        http.keepAliveTimeout = TimeAmount(effective.duration("gateway.http.keep_alive_timeout"))
        http.writeTimeout = TimeAmount(effective.duration("gateway.http.write_timeout"))
        http.drainTimeout = TimeAmount(effective.duration("gateway.http.drain_timeout"))
        return http
    }

    private var resilience: ResilienceSettings {
        var resilience = ResilienceSettings()
        resilience.breaker.failuresMin = effective.integer("resilience.breaker_failures")
        resilience.breaker.sharePercent = effective.integer("resilience.breaker_percent")
        resilience.breaker.windowNanoseconds = TimeAmount(effective.duration("resilience.breaker_window")).nanoseconds
        resilience.breaker.pauseNanoseconds = TimeAmount(effective.duration("resilience.breaker_pause")).nanoseconds
        resilience.retryPercent = effective.integer("resilience.retry_percent")
        resilience.hedgePercent = effective.integer("resilience.hedge_percent")
        resilience.queueMax = effective.integer("resilience.queue_max")
        resilience.queueNanoseconds = TimeAmount(effective.duration("resilience.queue_timeout")).nanoseconds
        return resilience
    }

    var desk: ListenerSettings {
        ListenerSettings(host: effective.text("desk.host") ?? "127.0.0.1", port: effective.integer("desk.port"))
    }

    var telemetry: ListenerSettings {
        ListenerSettings(
            host: effective.text("telemetry.host") ?? "127.0.0.1", port: effective.integer("telemetry.port"))
    }

    var limits: LimitDefaults {
        LimitDefaults(
            sandbox: limits("sandbox"), production: limits("production"), organisation: limits("organisation"),
            sandboxUsers: endUsers("sandbox"), productionUsers: endUsers("production"))
    }

    private func endUsers(_ stage: String) -> EndUserDefaults {
        EndUserDefaults(
            limits: limits("\(stage).end_user"), isRequired: effective.flag("limits.\(stage).require_end_user") ?? false
        )
    }

    private func limits(_ scope: String) -> LimitSettings {
        LimitSettings(
            requestsPerMinute: effective.limit("limits.\(scope).requests_per_minute"),
            tokensPerMinute: effective.limit("limits.\(scope).tokens_per_minute"),
            concurrentRequests: effective.limit("limits.\(scope).concurrent_requests"),
            tokensPerDay: effective.limit("limits.\(scope).tokens_per_day"), budget: budget(scope))
    }

    private func budget(_ scope: String) -> BudgetSettings? {
        let path = "limits.\(scope).budget"
        return BudgetSettings(
            tokensPerDay: effective.limit("\(path).tokens_per_day"),
            tokensPerMonth: effective.limit("\(path).tokens_per_month"),
            moneyPerDay: effective.amount("\(path).money_per_day"),
            moneyPerMonth: effective.amount("\(path).money_per_month"))
    }

    /// What prices and budgets are in.
    var currency: String { effective.text("limits.currency") ?? "USD" }

    var retention: Retention {
        Retention(
            recordDays: effective.integer("records.retention_days"),
            usageDays: effective.integer("records.usage_retention_days"))
    }

    /// Where PostgreSQL is; `nil` for SQLite in the data folder.
    func postgres() throws -> (address: PostgresAddress, options: PostgresOptions)? {
        guard let url = effective.text("database.url") else { return nil }
        var address = try PostgresAddress(url)
        if let variable = effective.text("database.password_env") {
            address.password = environment[variable]
        } else if let file = effective.text("database.password_file") {
            address.password = try String(TextFile.read(file).prefix { !$0.isNewline })
        }
        var options = PostgresOptions()
        options.connectionsMax = effective.integer("database.connections_max")
        options.statementTimeout = effective.duration("database.statement_timeout")
        return (address, options)
    }

    /// Whether the digest key comes from elsewhere than the data folder.
    var hasOwnDigestKey: Bool {
        effective.text("keys.digest_key_env") != nil || effective.text("keys.digest_key_file") != nil
    }

    func journal(folder: String) -> Journal.Configuration {
        let durability = effective.text("records.durability").flatMap(JournalDurability.init(rawValue:)) ?? .crash
        return Journal.Configuration(
            folder: folder, durability: durability, bytesMax: effective.integer("records.journal_bytes_max"),
            isWrittenInTurns: durability == .crash)
    }

    var logFormat: LogFormat { effective.text("log.format").flatMap(LogFormat.init(rawValue:)) ?? .text }

    var logLevels: LogLevels {
        var levels = LogLevels(effective.text("log.level").flatMap(Logger.Level.init(rawValue:)) ?? .info)
        for item in effective.list("log.levels") {
            let parts = item.split(separator: "=")
            if parts.count == 2 { levels.rules[String(parts[0])] = Logger.Level(rawValue: String(parts[1])) }
        }
        return levels
    }

    /// Under what texts of samples are sealed; `nil` where none are kept.
    ///
    /// - Throws: `CommandFailure` for what is no key.
    func sampleSeal() throws -> SampleSeal? {
        let (variable, file) = (effective.text("samples.key_env"), effective.text("samples.key_file"))
        guard let source = variable ?? file else { return nil }
        let text = try variable.map { environment[$0] ?? "" } ?? TextFile.read(source)
        guard let seal = SampleSeal(hexadecimal: text) else {
            throw CommandFailure(
                "\(source) holds no key for samples: 64 hexadecimal digits. Make one with `openssl rand -hex 32`.",
                .configuration)
        }
        return seal
    }

    var sampling: SamplingSettings {
        var sampling = SamplingSettings()
        sampling.found = Double(effective.integer("samples.found_per_million")) / 1_000_000
        sampling.unsure = Double(effective.integer("samples.unsure_per_million")) / 1_000_000
        sampling.others = Double(effective.integer("samples.others_per_million")) / 1_000_000
        sampling.textBytesMax = effective.integer("samples.text_bytes_max")
        return sampling
    }

    func digester(dataFolder: String) throws -> KeyDigester {
        if let variable = effective.text("keys.digest_key_env") {
            return try DigestKey.parse(environment[variable] ?? "", source: variable)
        }
        if let file = effective.text("keys.digest_key_file") { return try DigestKey.read(file) }
        return try DigestKey.readOrMake(dataFolder + "/digest.key")
    }
}
