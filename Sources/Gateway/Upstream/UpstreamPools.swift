internal import Access
internal import NIOCore
internal import NIOSSL

/// All upstream pools of one event loop.
///
/// `@unchecked Sendable`: touched on its loop only.
final class UpstreamPools: @unchecked Sendable {
    /// By the upstream's name.
    private var pools: [String: UpstreamPool] = [:]
    /// By the model's index and the dialect's, in the order of the settings.
    private var serving: [[[UpstreamPool]]] = []

    init(
        executor: LoopExecutor, models: [ModelSettings], tls: UpstreamTLS, states: UpstreamStates,
        resilience: ResilienceSettings, bytesInFlight: ByteBudget
    ) {
        for upstream in models.flatMap(\.upstreams) where pools[upstream.name] == nil {
            pools[upstream.name] = UpstreamPool(
                settings: upstream, tls: tls.contexts[upstream.name], executor: executor,
                state: states[upstream.name], resilience: resilience, bytesInFlight: bytesInFlight)
        }
        serving = models.map { model in
            Dialect.allCases.map { dialect in
                model.upstreams.filter { $0.dialects.contains(dialect) }.compactMap { pools[$0.name] }
            }
        }
    }

    /// Those that serve a model in a dialect.
    func serving(_ model: Model, _ dialect: Dialect) -> [UpstreamPool] { serving[model.index][dialect.index] }

    func tick(_ now: NIODeadline) {
        for pool in pools.values { pool.tick(now) }
    }

    func closeAll() {
        for pool in pools.values { pool.closeAll() }
    }
}

/// What all event loops share of the upstreams, by name.
struct UpstreamStates: Sendable {
    private let states: [String: UpstreamState]

    init(models: [ModelSettings], _ settings: BreakerSettings, _ metrics: UpstreamMetrics) {
        let names = Set(models.flatMap(\.upstreams).map(\.name))
        states = Dictionary(
            uniqueKeysWithValues: names.map { name in
                (name, UpstreamState(settings, gauges: metrics.gauges(of: name)))
            })
    }

    /// - Precondition: it is one of the settings'.
    subscript(name: String) -> UpstreamState {
        guard let state = states[name] else { preconditionFailure("An upstream of no settings.") }
        return state
    }
}

/// TLS towards upstreams: certificates and host names are always verified.
struct UpstreamTLS: Sendable {
    let contexts: [String: NIOSSLContext]

    init(models: [ModelSettings]) throws {
        var contexts: [String: NIOSSLContext] = [:]
        for upstream in models.flatMap(\.upstreams) where upstream.usesTLS {
            var configuration = TLSConfiguration.makeClientConfiguration()
            if let file = upstream.authoritiesFile {
                configuration.additionalTrustRoots = [.file(file)]
            }
            configuration.applicationProtocols = ["http/1.1"]
            contexts[upstream.name] = try NIOSSLContext(configuration: configuration)
        }
        self.contexts = contexts
    }
}

extension Channel {
    /// Adds what speaks TLS with a server; called on the channel's loop, before anything else is added.
    func addTLS(_ context: NIOSSLContext?, with upstream: UpstreamSettings) throws {
        guard let context else { return }
        // TLS can't be told an address as a server's name.
        let name = IPAddress(upstream.host) == nil ? upstream.host : nil
        try pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: context, serverHostname: name))
    }
}
