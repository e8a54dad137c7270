internal import Access
internal import NIOCore
internal import NIOSSL

/// The upstream pools of one path, on one event loop. Two paths may have some in common.
///
/// `@unchecked Sendable`: touched on its loop only.
final class UpstreamPools: @unchecked Sendable {
    /// By the upstream's name.
    private var pools: [String: UpstreamPool] = [:]
    /// By the model's index and the dialect's, in the order of the settings.
    private let serving: [[[UpstreamPool]]]

    /// - Parameter former: those of the path before; pools of upstreams that have not changed go on, with their connections.
    init(_ plan: GatewayPlan, executor: LoopExecutor, bytesInFlight: ByteBudget, after former: UpstreamPools? = nil) {
        let (models, resilience) = (plan.settings.models, plan.settings.resilience)
        var pools: [String: UpstreamPool] = [:]
        for upstream in plan.settings.servers where pools[upstream.name] == nil {
            let (tls, state) = (plan.tls[upstream.name], plan.states[upstream.name])
            if let pool = former?.pools[upstream.name], pool.serves(upstream, tls, state) {
                pool.follow(resilience)
                pools[upstream.name] = pool
            } else {
                pools[upstream.name] = UpstreamPool(
                    settings: upstream, tls: tls, executor: executor, state: state, resilience: resilience,
                    bytesInFlight: bytesInFlight)
            }
        }
        serving = models.map { model in
            Dialect.allCases.map { dialect in
                model.upstreams.filter { $0.dialects.contains(dialect) }.compactMap { pools[$0.name] }
            }
        }
        self.pools = pools
    }

    /// Those that serve a model of the same plan in a dialect.
    func serving(_ model: Model, _ dialect: Dialect) -> [UpstreamPool] { serving[model.index][dialect.index] }

    /// That of a judge of the same plan.
    func judge(_ server: String) -> UpstreamPool {
        guard let pool = pools[server] else { preconditionFailure("A judge of another plan.") }
        return pool
    }

    /// Those that are not among `others`.
    func pools(notAmong others: UpstreamPools) -> [UpstreamPool] {
        pools.filter { others.pools[$0] !== $1 }.map(\.value)
    }

    func tick(_ now: NIODeadline) {
        for pool in pools.values { pool.tick(now) }
    }

    func closeAll() {
        for pool in pools.values { pool.closeAll() }
    }
}

/// What all event loops share of the upstreams, by name.
struct UpstreamStates: Sendable {
    /// What makes an upstream the same, whatever else changes about it.
    private struct Server: Hashable {
        let host: String
        let port: Int
        let usesTLS: Bool
        let basePath: String

        init(_ upstream: UpstreamSettings) {
            (host, port, usesTLS, basePath) = (upstream.host, upstream.port, upstream.usesTLS, upstream.basePath)
        }
    }

    private let known: [String: (server: Server, state: UpstreamState)]

    /// - Parameter former: those of the configuration before; what is known of a server that is still there stays known.
    init(
        _ servers: [UpstreamSettings], _ settings: BreakerSettings, _ metrics: UpstreamMetrics,
        after former: UpstreamStates? = nil
    ) {
        var known: [String: (server: Server, state: UpstreamState)] = [:]
        for upstream in servers where known[upstream.name] == nil {
            let server = Server(upstream)
            if let before = former?.known[upstream.name], before.server == server {
                known[upstream.name] = before
            } else {
                let state = UpstreamState(settings, gauges: metrics.gauges(of: upstream.name))
                known[upstream.name] = (server, state)
            }
        }
        self.known = known
    }

    /// - Precondition: it is one of the settings'.
    subscript(name: String) -> UpstreamState {
        guard let known = known[name] else { preconditionFailure("An upstream of no settings.") }
        return known.state
    }

    /// Takes the place of `former`: what is carried on keeps to these settings, what is not is retired.
    func follow(_ settings: BreakerSettings, after former: UpstreamStates) {
        for (name, before) in former.known where known[name]?.state !== before.state { before.state.retire() }
        for (_, state) in known.values { state.follow(settings) }
    }
}

/// TLS towards upstreams: certificates and host names are always verified.
struct UpstreamTLS: Sendable {
    /// By the upstream's name: what it is verified by, beside the system's authorities.
    private var contexts: [String: (authorities: [NIOSSLCertificate], context: NIOSSLContext)] = [:]

    /// - Parameter former: of the configuration before; a context whose authorities are the same goes on.
    init(_ servers: [UpstreamSettings], after former: UpstreamTLS? = nil) throws {
        for upstream in servers where upstream.usesTLS && contexts[upstream.name] == nil {
            let authorities = try upstream.authoritiesFile.map(NIOSSLCertificate.fromPEMFile) ?? []
            if let before = former?.contexts[upstream.name], before.authorities == authorities {
                contexts[upstream.name] = before
                continue
            }
            var configuration = TLSConfiguration.makeClientConfiguration()
            if !authorities.isEmpty { configuration.additionalTrustRoots = [.certificates(authorities)] }
            configuration.applicationProtocols = ["http/1.1"]
            contexts[upstream.name] = (authorities, try NIOSSLContext(configuration: configuration))
        }
    }

    subscript(name: String) -> NIOSSLContext? { contexts[name]?.context }
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
