internal import NIOCore
internal import NIOSSL

/// All upstream pools of one event loop, by the upstream's name.
///
/// `@unchecked Sendable`: touched on its loop only.
final class UpstreamPools: @unchecked Sendable {
    private var pools: [String: UpstreamPool] = [:]

    init(executor: LoopExecutor, models: [ModelSettings], tls: UpstreamTLS, bytesInFlight: ByteBudget) {
        for upstream in models.flatMap(\.upstreams) where pools[upstream.name] == nil {
            pools[upstream.name] = UpstreamPool(
                settings: upstream, tls: tls.contexts[upstream.name], executor: executor,
                bytesInFlight: bytesInFlight)
        }
    }

    subscript(upstream: UpstreamSettings) -> UpstreamPool? { pools[upstream.name] }

    func tick(_ now: NIODeadline) {
        for pool in pools.values { pool.tick(now) }
    }

    func closeAll() {
        for pool in pools.values { pool.closeAll() }
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
