package import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import ServiceLifecycle
internal import Snapshots

/// The rehearsal model as a server: an upstream that speaks OpenAI's and Anthropic's dialects, is
/// deterministic and fails on request.
///
/// ```swift
/// let running = try await RehearsalServer(configuration: RehearsalConfiguration(), logger: logger).start()
/// // … http://127.0.0.1:\(running.port)/v1/chat/completions
/// try await running.stop()
/// ```
package struct RehearsalServer: Service {
    private let configuration: RehearsalConfiguration
    private let logger: Logger
    private let onStart: @Sendable (RunningRehearsal) -> Void

    /// - Parameter onStart: told the port when `run()` accepts connections.
    package init(
        configuration: RehearsalConfiguration, logger: Logger,
        onStart: @escaping @Sendable (RunningRehearsal) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.logger = logger
        self.onStart = onStart
    }

    /// Listens and serves until the returned server is stopped.
    ///
    /// - Throws: an `IOError` if the address can't be bound.
    package func start() async throws -> RunningRehearsal {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, configuration.threads))
        let observations = RehearsalObservations()
        let model = RehearsalModel(configuration: configuration, observations: observations)
        let connections = ConnectionSet()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    connections.add(channel)
                    var limits = NIOHTTPDecoderLimitConfiguration()
                    limits.maxHeaderFieldSize = 1 << 20
                    let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
                    try channel.pipeline.syncOperations.addHandlers([
                        ByteToMessageHandler(decoder), RehearsalHandler(model: model, logger: logger),
                    ])
                }
            }
        do {
            let listener = try await bootstrap.bind(host: configuration.host, port: configuration.port).get()
            let port = listener.localAddress?.port ?? configuration.port
            return RunningRehearsal(
                host: configuration.host, port: port, observations: observations, listener: listener,
                connections: connections, group: group)
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
    }

    /// Serves until graceful shutdown or cancellation.
    package func run() async throws {
        let running = try await start()
        logger.info("The rehearsal model listens; it is no language model.", metadata: ["url": "\(running.baseURL)"])
        onStart(running)
        // Cancellation ends the wait as shutdown does; either way the server is stopped below.
        try? await gracefulShutdown()
        try await running.stop()
    }
}

/// A rehearsal model that listens.
package struct RunningRehearsal: Sendable {
    package let host: String
    package let port: Int
    package let observations: RehearsalObservations

    fileprivate let listener: any Channel
    fileprivate let connections: ConnectionSet
    fileprivate let group: MultiThreadedEventLoopGroup

    /// `http://host:port`, without `/v1`.
    package var baseURL: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "http://[\(host)]:\(port)" : "http://\(host):\(port)"
    }

    /// Stops listening, lets answers finish within the grace time, then closes what is left.
    package func stop(grace: Duration = .seconds(5)) async throws {
        try? await listener.close()
        let open = connections.all
        for channel in open { channel.pipeline.fireUserInboundEventTriggered(Quiesce()) }
        let timer = group.next().scheduleTask(in: TimeAmount(grace)) {
            for channel in open { channel.close(promise: nil) }
        }
        for channel in open { try? await channel.closeFuture.get() }
        timer.cancel()
        try await group.shutdownGracefully()
    }
}

/// The open connections of a server, behind a lock; each takes itself out when it closes.
private final class ConnectionSet: Sendable {
    private let channels = Lock<[ObjectIdentifier: any Channel]>([:])

    var all: [any Channel] {
        channels.withLock { Array($0.values) }
    }

    func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        channels.withLock { $0[id] = channel }
        channel.closeFuture.whenComplete { [channels] _ in
            channels.withLock { $0[id] = nil }
        }
    }
}
