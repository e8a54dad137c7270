internal import Gateway

/// The server given on the command line, in place of the configured models.
struct UpstreamChoice: Sendable {
    let url: UpstreamURL
    /// Asked of the server when empty.
    let models: [String]
    let credential: CredentialText?

    /// The same with the names that the server was asked for, so that it is asked once.
    func naming(_ models: [ModelSettings]) -> UpstreamChoice {
        UpstreamChoice(url: url, models: models.map(\.name), credential: credential)
    }
}

/// Which models are served, and the rehearsal model if it is among them.
struct ModelPlan: Sendable {
    let models: [ModelSettings]
    let hasRehearsal: Bool
    /// A sentence about where answers come from.
    let description: String

    /// One that examples ask for.
    var exampleModel: String { models.first?.name ?? "rehearsal" }

    /// The flags win over the file; with neither, the rehearsal model stands in.
    ///
    /// - Parameter rehearsal: asked for the rehearsal model only if it is among those that are served.
    static func make(
        _ settings: Settings, upstream: UpstreamChoice?, rehearsal: RehearsalKeeper
    ) async throws -> ModelPlan {
        var models = settings.models
        var sources = models.isEmpty ? [] : ["\(models.count) configured"]
        if let upstream {
            models = try await self.models(of: upstream)
            sources = ["those of \(upstream.url.host):\(upstream.url.port)"]
        }
        let isRehearsing = settings.effective.flag("rehearsal.enabled") ?? models.isEmpty
        guard isRehearsing else {
            guard !models.isEmpty else {
                throw CommandFailure(
                    "No model is configured and the rehearsal model is switched off. Write `models:` into steward.yaml, "
                        + "or give --upstream URL.", .configuration)
            }
            return ModelPlan(
                models: models, hasRehearsal: false, description: "Models: \(sources.joined(separator: ", ")).")
        }
        let taken = Set(models.flatMap { [$0.name] + $0.aliases })
        let served = try await rehearsal.served()
        models += rehearsalModels(served, beside: models).filter { !taken.contains($0.name) }
        let note = "The rehearsal model answers; it is no language model."
        return ModelPlan(
            models: models, hasRehearsal: true,
            description: sources.isEmpty ? note : "Models: \(sources.joined(separator: ", ")), and rehearsal. \(note)")
    }

    private static func models(of upstream: UpstreamChoice) async throws -> [ModelSettings] {
        let names =
            upstream.models.isEmpty
            ? try await UpstreamModels(url: upstream.url, credential: upstream.credential).names() : upstream.models
        return names.map { name in
            let url = upstream.url
            var server = UpstreamSettings(
                name: name, host: url.host, port: url.port, usesTLS: url.usesTLS, basePath: url.basePath)
            server.credential = upstream.credential.map { Credential($0.value) }
            return ModelSettings(name: name, upstreams: [server])
        }
    }

    private static func rehearsalModels(
        _ rehearsal: RehearsalKeeper.Served, beside models: [ModelSettings]
    ) -> [ModelSettings] {
        // The gateway keeps connections by the upstream's name, so ours must be nobody else's.
        let taken = Set(models.flatMap(\.upstreams).map(\.name))
        var upstream = "rehearsal"
        while taken.contains(upstream) { upstream += "-built-in" }
        let server = UpstreamSettings(name: upstream, host: rehearsal.url.host, port: rehearsal.url.port)
        return rehearsal.names.map { name in
            var model = ModelSettings(name: name, upstreams: [server])
            model.takesOptions = true
            model.prices = .free
            model.admitsUnscreened = Set(Unscreenable.allCases)
            return model
        }
    }
}
