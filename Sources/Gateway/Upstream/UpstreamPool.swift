internal import Access
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// The connections of one event loop to one upstream.
///
/// `@unchecked Sendable`: touched on its loop only.
final class UpstreamPool: @unchecked Sendable {
    let settings: UpstreamSettings
    /// What requests begin with, by the dialect's index.
    private let heads: [[UInt8]]
    let executor: LoopExecutor
    let bytesInFlight: ByteBudget
    private let loop: any EventLoop
    private let tls: NIOSSLContext?
    /// Last used first, so that those which are not needed grow old and are closed.
    private var idle: [UpstreamConnection] = []
    private var all: [ObjectIdentifier: UpstreamConnection] = [:]
    private var connecting = 0

    /// Shorter than the keep-alive time of common servers, so that they seldom close a connection that we take.
    private static let idleTimeMax = TimeAmount.seconds(30)

    init(settings: UpstreamSettings, tls: NIOSSLContext?, executor: LoopExecutor, bytesInFlight: ByteBudget) {
        self.settings = settings
        heads = Dialect.allCases.map { UpstreamRequest.head($0, to: settings) }
        self.tls = tls
        self.executor = executor
        self.bytesInFlight = bytesInFlight
        loop = executor.loop
    }

    /// What a request in this dialect begins with, up to the value of `accept`.
    func head(of dialect: Dialect) -> [UInt8] { heads[dialect.index] }

    var connectionCount: Int { all.count + connecting }

    /// Sends a request on an idle or a new connection.
    ///
    /// A server may close an idle connection just as it is taken; then the request, of which no byte was answered, is
    /// sent once more on a fresh one by the caller (`isOnReusedConnection`).
    func send(_ request: ByteBuffer, onFreshConnection: Bool = false) async throws(UpstreamFailure) -> UpstreamExchange
    {
        if !onFreshConnection {
            while let connection = idle.popLast() {
                if connection.isUsable { return connection.send(request, isReused: true) }
            }
        }
        guard connectionCount < settings.connectionsMax else { throw .saturated }
        let connection = try await connect()
        return connection.send(request, isReused: false)
    }

    private func connect() async throws(UpstreamFailure) -> UpstreamConnection {
        connecting += 1
        defer { connecting -= 1 }
        let connection = UpstreamConnection(pool: self)
        let bound = NIOLoopBound(connection, eventLoop: loop)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(settings.timeouts.connect)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { [tls, settings] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        // TLS can't be told an address as a server's name.
                        let name = IPAddress(settings.host) == nil ? settings.host : nil
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: name))
                    }
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
        let result = await withUnsafeContinuation {
            (continuation: UnsafeContinuation<Result<Void, any Error>, Never>) in
            bootstrap.connect(host: settings.host, port: settings.port).map { _ in }
                .whenComplete { continuation.resume(returning: $0) }
        }
        switch result {
        case .success:
            all[ObjectIdentifier(connection)] = connection
            return connection
        case .failure(let error):
            throw Self.failure(of: error)
        }
    }

    private static func failure(of error: any Error) -> UpstreamFailure {
        if let error = error as? ChannelError, case .connectTimeout = error { return .connectTimeout }
        return .connect("\(error)")
    }

    // MARK: - For connections and the loop

    func giveBack(_ connection: UpstreamConnection) {
        idle.append(connection)
    }

    func connectionClosed(_ connection: UpstreamConnection) {
        all[ObjectIdentifier(connection)] = nil
        idle.removeAll { $0 === connection }
    }

    func tick(_ now: NIODeadline) {
        for connection in all.values { connection.tick(now) }
        let stale = idle.prefix { $0.idleSince + Self.idleTimeMax < now }
        for connection in stale { connection.abort() }
    }

    func closeAll() {
        for connection in all.values { connection.abort() }
    }
}
