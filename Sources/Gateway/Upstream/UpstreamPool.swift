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
    private var queueTime: TimeAmount
    /// No new request chooses it, so what becomes idle is closed.
    private var isRetired = false

    /// What a request may send on.
    private enum Place {
        case idle(UpstreamConnection)
        /// A connection that may be made; it is counted as `connecting`.
        case new
    }

    private typealias Connected = Result<NIOLoopBound<UpstreamConnection>, UpstreamFailure>

    /// Who waits for a place.
    private struct Waiter {
        let client: Exchange
        let needsFresh: Bool
        let deadline: NIODeadline
        /// `nil` when there will be none.
        let place = LoopPromise<Place?>()
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

    // MARK: - Reloads

    /// Whether it can go on serving an upstream: everything about that is as before, but for how its health is checked.
    func serves(_ upstream: UpstreamSettings, _ tls: NIOSSLContext?, _ state: UpstreamState) -> Bool {
        var upstream = upstream
        upstream.health = settings.health
        return upstream == settings && tls === self.tls && state === self.state
    }

    /// Who comes from now on waits by other settings.
    func follow(_ resilience: ResilienceSettings) {
        queue.countMax = resilience.queueMax
        queueTime = .nanoseconds(resilience.queueNanoseconds)
    }

    /// Whoever has chosen it, or still will on a path that has it, is served to the end; then its connections are closed.
    func retire() {
        isRetired = true
        closeIdle()
    }

    private func closeIdle() {
        let connections = idle
        idle = []
        for connection in connections { connection.abort() }
    }

    // MARK: - For the path

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
        // Somebody waits only while there is no place, so who finds nobody waiting takes nobody's turn.
        var place = queue.isEmpty ? take(isFresh: isFresh) : nil
        if place == nil {
            place = await waitForPlace(caller, isFresh: isFresh)
            if let granted = place, Task.isCancelled || !caller.exchange.isAwaited() {
                giveBack(granted)
                throw .cancelled
            }
        }
        switch place {
        case .idle(let connection)?: return (connection, true)
        case .new?: return (try await connect(), false)
        case nil: throw Task.isCancelled ? .cancelled : .saturated
        }
    }

    /// A place, if there is one.
    private func take(isFresh: Bool) -> Place? {
        if !isFresh {
            while let connection = idle.popLast() {
                if connection.isUsable { return .idle(connection) }
            }
        } else if connectionCount >= settings.connectionsMax, let oldest = idle.first {
            idle.removeFirst()
            // From here on its place is taken, by the time that closing it calls somebody else, and though TLS may take its
            // time to say goodbye.
            all[ObjectIdentifier(oldest)] = nil
            connecting += 1
            oldest.abort()
            return .new
        }
        guard connectionCount < settings.connectionsMax else { return nil }
        connecting += 1
        return .new
    }

    private func giveBack(_ place: Place) {
        switch place {
        case .idle(let connection): giveBack(connection)
        case .new:
            connecting -= 1
            callNext()
        }
    }

    private func waitForPlace(_ caller: Authenticated, isFresh: Bool) async -> Place? {
        let waiter = Waiter(
            client: caller.exchange, needsFresh: isFresh, deadline: executor.clock.deadline(in: queueTime))
        switch queue.join(waiter, of: caller.key.application, isPreferred: caller.key.stage == .production) {
        case .refused: return nil
        case .inPlaceOf(let gone): gone.place.keep(nil)
        case .waiting: state.queued(1)
        }
        return await withTaskCancellationHandler {
            await waiter.place.value()
        } onCancel: { [place = waiter.place] in
            cancel(place)
        }
    }

    /// Who hedges cancels, and who asks a judge; both do so on the loop.
    private func cancel(_ place: LoopPromise<Place?>) {
        loop.preconditionInEventLoop()
        state.queued(-Int64(queue.removeAll { $0.place === place }.count))
        place.keep(nil)
    }

    /// Gives what is free to those who wait, each in turn.
    private func callNext() {
        if queue.isEmpty { return }
        idle.removeAll { !$0.isUsable }
        while !idle.isEmpty || connectionCount < settings.connectionsMax, let waiter = queue.next() {
            state.queued(-1)
            waiter.place.keep(take(isFresh: waiter.needsFresh))
        }
    }

    /// - Precondition: a place was taken for it.
    private func connect() async throws(UpstreamFailure) -> UpstreamConnection {
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(settings.timeouts.connect)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { [self] channel in
                // A name with several addresses has several channels tried, of which one wins.
                channel.eventLoop.makeCompletedFuture {
                    try channel.addTLS(tls, with: settings)
                    try channel.pipeline.syncOperations.addHandler(UpstreamConnection(pool: self))
                }
            }
        let outcome = LoopPromise<Connected>()
        bootstrap.connect(host: settings.host, port: settings.port)
            .flatMapThrowing { [loop] channel in
                let connection = try channel.pipeline.syncOperations.handler(type: UpstreamConnection.self)
                return NIOLoopBound(connection, eventLoop: loop)
            }
            .whenComplete { [self] in connected($0, outcome) }
        return try await withTaskCancellationHandler {
            await outcome.value()
        } onCancel: {
            outcome.keep(.failure(.cancelled))
        }.get().value
    }

    private func connected(
        _ result: Result<NIOLoopBound<UpstreamConnection>, any Error>, _ outcome: LoopPromise<Connected>
    ) {
        connecting -= 1
        switch result {
        case .success(let bound):
            let connection = bound.value
            // A server may have closed it already; who sends on it is told so.
            if connection.isUsable { all[ObjectIdentifier(connection)] = connection } else { callNext() }
            // Who wanted it may have left; it is as good for another.
            if !outcome.keep(.success(bound)), connection.isUsable { giveBack(connection) }
        case .failure(let error):
            outcome.keep(.failure(Self.failure(of: error)))
            // The place is free again.
            callNext()
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
        if isRetired { closeIdle() }
    }

    func connectionClosed(_ connection: UpstreamConnection) {
        all[ObjectIdentifier(connection)] = nil
        idle.removeAll { $0 === connection }
        callNext()
    }

    func tick(_ now: NIODeadline) {
        for connection in all.values { connection.tick(now) }
        let stale = idle.prefix { $0.idleSince + Self.idleTimeMax < now }
        idle.removeFirst(stale.count)
        for connection in stale { connection.abort() }
        if queue.isEmpty { return }
        for waiter in queue.removeAll(where: { !$0.client.isAwaited() || $0.deadline < now }) {
            state.queued(-1)
            waiter.place.keep(nil)
        }
    }

    func closeAll() {
        for waiter in queue.removeAll(where: { _ in true }) { waiter.place.keep(nil) }
        for connection in all.values { connection.abort() }
    }
}
