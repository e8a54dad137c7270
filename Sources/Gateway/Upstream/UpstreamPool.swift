internal import Access
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Storage

/// The connections of one event loop to one upstream.
///
/// `@unchecked Sendable`: touched on its loop only.
final class UpstreamPool: @unchecked Sendable {
    let settings: UpstreamSettings
    /// What requests begin with, by the dialect's index.
    private let heads: [[UInt8]]
    let executor: LoopExecutor
    let state: UpstreamState
    let bytesInFlight: ByteBudget
    private let loop: any EventLoop
    private let tls: NIOSSLContext?
    /// Last used first, so that those which are not needed grow old and are closed.
    private var idle: [UpstreamConnection] = []
    private var all: [ObjectIdentifier: UpstreamConnection] = [:]
    private var connecting = 0
    private var queue: FairQueue<ApplicationID, Waiter>
    private let queueTime: TimeAmount

    /// Who waits for a free connection.
    private final class Waiter {
        let client: Exchange
        let deadline: NIODeadline
        var continuation: UnsafeContinuation<Bool, Never>?

        init(client: Exchange, deadline: NIODeadline) {
            self.client = client
            self.deadline = deadline
        }

        func end(_ isTurn: Bool) {
            continuation?.resume(returning: isTurn)
            continuation = nil
        }
    }

    /// Shorter than the keep-alive time of common servers, so that they seldom close a connection that we take.
    private static let idleTimeMax = TimeAmount.seconds(30)

    init(
        settings: UpstreamSettings, tls: NIOSSLContext?, executor: LoopExecutor, state: UpstreamState,
        resilience: ResilienceSettings, bytesInFlight: ByteBudget
    ) {
        self.settings = settings
        self.state = state
        queue = FairQueue(countMax: resilience.queueMax)
        queueTime = .nanoseconds(resilience.queueNanoseconds)
        heads = Dialect.allCases.map { UpstreamRequest.head($0, to: settings) }
        self.tls = tls
        self.executor = executor
        self.bytesInFlight = bytesInFlight
        loop = executor.loop
    }

    /// What a request in this dialect begins with, up to the value of `accept`.
    func head(of dialect: Dialect) -> [UInt8] { heads[dialect.index] }

    var connectionCount: Int { all.count + connecting }

    /// Whether a request would not have to wait.
    var hasRoom: Bool { queue.isEmpty && (!idle.isEmpty || connectionCount < settings.connectionsMax) }

    /// Sends a request on an idle or a new connection; waits for one, in turn with other applications, where all are busy.
    ///
    /// A server may close an idle connection just as it is taken; then the request, of which no byte was answered, is
    /// sent once more on a fresh one by the caller (`isOnReusedConnection`).
    ///
    /// - Throws: `saturated` when too many wait, or it took too long.
    func send(
        _ request: ByteBuffer, for caller: Authenticated, onFreshConnection: Bool = false
    ) async throws(UpstreamFailure) -> UpstreamExchange {
        // From here on, or many that come at once would all go where nobody is yet.
        state.began()
        do throws(UpstreamFailure) {
            let (connection, isReused) = try await connection(for: caller, isFresh: onFreshConnection)
            return connection.send(request, isReused: isReused)
        } catch {
            state.ended()
            throw error
        }
    }

    private func connection(
        for caller: Authenticated, isFresh: Bool
    ) async throws(UpstreamFailure) -> (UpstreamConnection, isReused: Bool) {
        var isTurn = queue.isEmpty
        while true {
            if isTurn, !isFresh {
                while let connection = idle.popLast() {
                    if connection.isUsable { return (connection, true) }
                }
            }
            if isTurn, connectionCount < settings.connectionsMax { return (try await connect(), false) }
            guard await waitForTurn(caller) else { throw .saturated }
            isTurn = true
        }
    }

    private func waitForTurn(_ caller: Authenticated) async -> Bool {
        let waiter = Waiter(client: caller.exchange, deadline: executor.clock.deadline(in: queueTime))
        switch queue.join(waiter, of: caller.key.application, isPreferred: caller.key.stage == .production) {
        case .refused: return false
        case .inPlaceOf(let gone): gone.end(false)
        case .waiting: state.queued(1)
        }
        return await withUnsafeContinuation { waiter.continuation = $0 }
    }

    /// Somebody may go on: a connection is free, or may be made.
    private func callNext() {
        guard let waiter = queue.next() else { return }
        state.queued(-1)
        waiter.end(true)
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
            // The place is free again.
            defer { callNext() }
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
        callNext()
    }

    func connectionClosed(_ connection: UpstreamConnection) {
        all[ObjectIdentifier(connection)] = nil
        idle.removeAll { $0 === connection }
        callNext()
    }

    func tick(_ now: NIODeadline) {
        for connection in all.values { connection.tick(now) }
        let stale = idle.prefix { $0.idleSince + Self.idleTimeMax < now }
        for connection in stale { connection.abort() }
        if queue.isEmpty { return }
        for waiter in queue.removeAll(where: { !$0.client.isAwaited() || $0.deadline < now }) {
            state.queued(-1)
            waiter.end(false)
        }
    }

    func closeAll() {
        for waiter in queue.removeAll(where: { _ in true }) { waiter.end(false) }
        for connection in all.values { connection.abort() }
    }
}
