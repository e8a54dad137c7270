internal import Glibc
internal import NIOCore

/// What belongs to one event loop: its connections, its upstream pools, its working memory, its clock.
///
/// `@unchecked Sendable`: everything mutable is touched on `loop` only.
final class GatewayLoop: @unchecked Sendable {
    let loop: any EventLoop
    let executor: LoopExecutor
    let settings: HTTPSettings
    let bytesInFlight: ByteBudget
    let upstreams: UpstreamPools
    private let proxies: TrustedProxies
    let path: RequestPath
    private(set) var date = DateField(at: time(nil))
    private var connections: [ObjectIdentifier: ConnectionHandler] = [:]
    private var ticker: RepeatedTask?
    private var ticked = NIODeadline.now()
    private var hasWaived = false
    private var onDrained: EventLoopPromise<Void>?

    init(
        executor: LoopExecutor, settings: HTTPSettings, bytesInFlight: ByteBudget, proxies: TrustedProxies,
        upstreams: UpstreamPools, path: RequestPath
    ) {
        self.executor = executor
        loop = executor.loop
        self.settings = settings
        self.bytesInFlight = bytesInFlight
        self.proxies = proxies
        self.upstreams = upstreams
        self.path = path
    }

    /// Begins to keep deadlines. Called once, on the loop.
    func start() {
        loop.preconditionInEventLoop()
        ticker = loop.scheduleRepeatedTask(initialDelay: LoopClock.tick, delay: LoopClock.tick) { [self] _ in tick() }
    }

    func stop() {
        loop.preconditionInEventLoop()
        ticker?.cancel()
        upstreams.closeAll()
        for connection in connections.values { connection.abort() }
        onDrained?.succeed()
        onDrained = nil
    }

    /// Lets running exchanges end; the future succeeds when none is left. New requests are answered 503 meanwhile.
    func drain() -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        onDrained = promise
        for connection in connections.values { connection.closeAfterAnswer() }
        settleDrain()
        return promise.futureResult
    }

    func clientAddress(of head: RequestHead, peer: ClientAddress) -> ClientAddress {
        proxies.clientAddress(of: head, peer: peer)
    }

    func connectionOpened(_ connection: ConnectionHandler) {
        connections[ObjectIdentifier(connection)] = connection
        if onDrained != nil { connection.closeAfterAnswer() }
    }

    func connectionClosed(_ connection: ConnectionHandler) {
        connections[ObjectIdentifier(connection)] = nil
    }

    private func tick() {
        date.update(to: time(nil))
        let elapsed = NIODeadline.now() - ticked
        ticked = ticked + elapsed
        executor.clock.advance(by: elapsed)
        // Something held the loop up, so bytes may be waiting that it has not seen: it looks first, once.
        hasWaived = elapsed > LoopClock.lateness && !hasWaived
        if hasWaived { return }
        let now = executor.clock.now
        for connection in connections.values where connection.deadline < now { connection.timeOut() }
        upstreams.tick(now)
        settleDrain()
    }

    private func settleDrain() {
        guard let onDrained, connections.values.allSatisfy(\.isIdle) else { return }
        self.onDrained = nil
        onDrained.succeed()
    }
}
