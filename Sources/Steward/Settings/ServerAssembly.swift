internal import Gateway
internal import Foundation
internal import Limits
internal import NIOCore
internal import NIOSSL

/// Makes the gateway's models and judges of what the file says, and finds what does not fit together.
struct ServerAssembly {
    private let environment: [String: String]
    private(set) var problems: [SettingProblem] = []
    /// What is no error, but perhaps not meant.
    var notices: [String] = []
    /// Where each name of a model, and of an upstream, was first written.
    private var modelNames: [String: SettingPlace] = [:]
    private(set) var upstreamNames: [String: SettingPlace] = [:]

    init(environment: [String: String]) {
        self.environment = environment
    }

    mutating func models(_ written: [WrittenModel]) -> [ModelSettings] {
        written.compactMap { model($0) }
    }

    private mutating func model(_ written: WrittenModel) -> ModelSettings? {
        guard let name = written.fields["name"] else { return nil }
        claim(name.texts[0], name.place)
        let aliases = written.fields["aliases"]
        for alias in aliases?.texts ?? [] { claim(alias, aliases?.place ?? name.place) }
        var upstreams: [UpstreamSettings] = []
        for (index, upstream) in written.upstreams.enumerated() {
            if let settings = self.upstream(upstream, model: name.texts[0], index) { upstreams.append(settings) }
        }
        var model = ModelSettings(name: name.texts[0], upstreams: upstreams)
        model.aliases = aliases?.texts ?? []
        model.outputTokensDefault = written.fields.integer("output_tokens_default") ?? model.outputTokensDefault
        model.outputTokensMax = written.fields.integer("output_tokens_max") ?? model.outputTokensMax
        model.admitsUnscreened = Set(
            (written.fields["admit_unscreened"]?.texts ?? []).compactMap(Unscreenable.init(rawValue:)))
        model.hedgeAfter = written.fields.time("hedge_after")
        model.prices = prices(written.fields)
        if model.outputTokensDefault > model.outputTokensMax {
            let place =
                (written.fields["output_tokens_default"] ?? written.fields["output_tokens_max"])?.place ?? written.place
            report(
                place,
                "`output_tokens_default` (\(model.outputTokensDefault)) is above `output_tokens_max` (\(model.outputTokensMax)).",
                "Lower the first or raise the second.")
        }
        return model
    }

    /// `nil` where none is written, or what is written is incomplete, which was reported.
    private func prices(_ fields: [String: Written]) -> TokenPrices? {
        func price(_ name: String) -> TokenPrice? {
            fields["price.\(name)"].flatMap { try? TokenPrice(perMillion: $0.texts[0]) }
        }
        guard let input = price("input"), let output = price("output") else { return nil }
        return TokenPrices(
            input: input, output: output, cachedInput: price("cached_input"), cacheWrite: price("cache_write"))
    }

    /// Where a budget is in money, each model needs a price: one without would cost nothing.
    mutating func requirePrices(_ written: [WrittenModel], for effective: EffectiveSettings) {
        guard let budget = effective.moneyBudget else { return }
        for model in written where !model.fields.keys.contains(where: { $0.hasPrefix("price.") }) {
            guard let name = model.fields["name"] else { continue }
            report(
                name.place, "The model \(Shown.quoted(name.texts[0])) has no price, but `\(budget)` is in money.",
                "Write `price:` beside its name and below it `input: …` and `output: …`, each for a million tokens; 0 where "
                    + "they cost nothing.")
        }
    }

    private mutating func claim(_ name: String, _ place: SettingPlace) {
        guard let first = modelNames[name] else {
            modelNames[name] = place
            return
        }
        report(
            place, "The model name \(Shown.quoted(name)) is taken at \(first).",
            "Give each model and alias a name of its own; several servers of one model are its `upstreams`.")
    }

    private mutating func upstream(_ written: WrittenUpstream, model: String, _ index: Int) -> UpstreamSettings? {
        let fields = written.fields
        let name = fields["name"]?.texts[0] ?? "\(model)-\(index + 1)"
        let place = fields["name"]?.place ?? written.place
        if let first = upstreamNames[name] {
            report(place, "The upstream name \(Shown.quoted(name)) is taken at \(first).", "Choose another `name`.")
        }
        upstreamNames[name] = upstreamNames[name] ?? place
        guard let address = fields["url"], let url = try? UpstreamURL(address.texts[0]) else { return nil }
        var upstream = UpstreamSettings(
            name: name, host: url.host, port: url.port, usesTLS: url.usesTLS, basePath: url.basePath)
        upstream.credential = credential(fields)
        upstream.credentialField =
            fields["credential_field"].flatMap { CredentialField(rawValue: $0.texts[0]) } ?? upstream.credentialField
        noteOpen(upstream.credential, url, address.place)
        upstream.model = fields["model"]?.texts[0]
        upstream.priority = fields.integer("priority") ?? upstream.priority
        upstream.weight = fields.integer("weight") ?? upstream.weight
        upstream.connectionsMax = fields.integer("connections_max") ?? upstream.connectionsMax
        if let dialects = fields["dialects"] {
            upstream.dialects = Set(dialects.texts.compactMap(Dialect.init(rawValue:)))
            if upstream.dialects.isEmpty {
                report(dialects.place, "`dialects` is empty.", "Write what the server speaks, or take the line out.")
            }
        }
        if let authorities = fields["authorities_file"] {
            upstream.authoritiesFile = authorities.texts[0]
            check(authorities: authorities, usesTLS: url.usesTLS)
        }
        upstream.timeouts = timeouts(fields)
        upstream.health = health(fields)
        return upstream
    }

    private func timeouts(_ fields: [String: Written]) -> UpstreamTimeouts {
        var timeouts = UpstreamTimeouts()
        timeouts.connect = fields.time("timeouts.connect") ?? timeouts.connect
        timeouts.firstByte = fields.time("timeouts.first_byte") ?? timeouts.firstByte
        timeouts.idle = fields.time("timeouts.idle") ?? timeouts.idle
        timeouts.total = fields.time("timeouts.total") ?? timeouts.total
        return timeouts
    }

    private mutating func health(_ fields: [String: Written]) -> HealthCheckSettings? {
        guard let interval = fields.duration("health.interval") else {
            let name = ModelCatalogue.health.map(\.name).first { fields["health.\($0)"] != nil }
            if let name, let written = fields["health.\(name)"] {
                report(
                    written.place, "`health.\(name)` is set, but no interval in which the server is checked.",
                    "Write `interval` beside it, like 5s.")
            }
            return nil
        }
        var check = HealthCheckSettings(interval: interval)
        check.path = fields["health.path"]?.texts[0] ?? check.path
        check.timeout = fields.duration("health.timeout") ?? check.timeout
        check.status = fields.integer("health.status") ?? check.status
        check.unhealthyAfter = fields.integer("health.unhealthy_after") ?? check.unhealthyAfter
        check.healthyAfter = fields.integer("health.healthy_after") ?? check.healthyAfter
        return check
    }

    mutating func noteOpen(_ credential: Credential?, _ url: UpstreamURL, _ place: SettingPlace) {
        if credential != nil, !url.usesTLS, !["127.0.0.1", "::1", "localhost"].contains(url.host) {
            notices.append("\(place): The credential of this server goes over the network unencrypted.")
        }
    }

    mutating func credential(_ fields: [String: Written]) -> Credential? {
        let (variable, file) = (fields["credential_env"], fields["credential_file"])
        if let variable, file != nil {
            report(variable.place, "Both `credential_env` and `credential_file` are set.", "Keep one of them.")
        }
        if let variable {
            return credential(
                environment[variable.texts[0]], variable.place,
                "`credential_env` names a variable whose value can't be sent as an API key.")
        }
        guard let file else { return nil }
        return credential(
            try? String(contentsOfFile: file.texts[0], encoding: .utf8), file.place,
            "`credential_file` names a file whose text can't be sent as an API key.")
    }

    private mutating func credential(_ text: String?, _ place: SettingPlace, _ complaint: String) -> Credential? {
        if let secret = text.flatMap(CredentialText.init) { return Credential(secret.value) }
        report(place, complaint, CredentialText.advice)
        return nil
    }

    mutating func check(authorities: Written, usesTLS: Bool) {
        if !usesTLS {
            report(
                authorities.place, "`authorities_file` is set, but the address is http://.",
                "Write https:// in `url`, or take the line out.")
        } else if (try? NIOSSLCertificate.fromPEMFile(authorities.texts[0]))?.isEmpty ?? true {
            report(
                authorities.place, "`authorities_file` names a file without a certificate.",
                "Write the path of a PEM file with at least one.")
        }
    }

    mutating func report(_ place: SettingPlace, _ message: String, _ advice: String) {
        problems.append(SettingProblem(place: place, message: message, advice: advice))
    }
}

extension [String: Written] {
    func integer(_ name: String) -> Int? {
        if case .integer(let number)? = self[name]?.value { number } else { nil }
    }

    fileprivate func time(_ name: String) -> TimeAmount? { duration(name).map { TimeAmount($0) } }

    func duration(_ name: String) -> Duration? {
        if case .duration(let duration)? = self[name]?.value { duration } else { nil }
    }
}
