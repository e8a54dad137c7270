internal import Filtering
internal import Glibc
internal import NIOCore

/// What belongs to one event loop: its connections, its upstream pools, its working memory, its clock.
///
/// `@unchecked Sendable`: everything mutable is touched on `loop` only.
final class GatewayLoop: @unchecked Sendable {
    let loop: any EventLoop
    let executor: LoopExecutor
    let bytesInFlight: ByteBudget
    /// What exchanges that begin now go down.
    private(set) var path: RequestPath
    private let parts: GatewayParts
    private let screener = Screener()
    private let ids = RecordIDSource()
    /// Of configurations before, for as long as exchanges are on them, and their pools that the path has no use for.
    private var formerPaths: [Weak<RequestPath>] = []
    private var formerPools: [Weak<UpstreamPool>] = []
    private(set) var date = DateField(at: time(nil))
    private var connections: [ObjectIdentifier: ConnectionHandler] = [:]
    private var ticker: RepeatedTask?
    private var ticked = NIODeadline.now()
    private var hasWaived = false
    private var onDrained: EventLoopPromise<Void>?

    private struct Weak<Object: AnyObject> {
        weak var object: Object?
    }

    init(executor: LoopExecutor, parts: GatewayParts, plan: GatewayPlan) {
        self.executor = executor
        self.parts = parts
        loop = executor.loop
        bytesInFlight = parts.bytesInFlight
        let pools = UpstreamPools(plan, executor: executor, bytesInFlight: parts.bytesInFlight)
        path = RequestPath(plan, parts, pools: pools, screener: screener, ids: ids, executor: executor)
    }

    /// Exchanges that begin from now on are served by another plan; the others go on as they began.
    func follow(_ plan: GatewayPlan) {
        loop.preconditionInEventLoop()
        let before = path
        let pools = UpstreamPools(
            plan, executor: executor, bytesInFlight: bytesInFlight, after: before.forward.pools)
        path = RequestPath(plan, parts, pools: pools, screener: screener, ids: ids, executor: executor)
        formerPaths.append(Weak(object: before))
        for pool in before.forward.pools.pools(notAmong: pools) {
            formerPools.append(Weak(object: pool))
            pool.retire()
        }
        for connection in connections.values { connection.pathChanged() }
    }

    /// Begins to keep deadlines. Called once, on the loop.
    func start() {
        loop.preconditionInEventLoop()
        ticker = loop.scheduleRepeatedTask(initialDelay: LoopClock.tick, delay: LoopClock.tick) { [self] _ in tick() }
    }

    func stop() {
        loop.preconditionInEventLoop()
        ticker?.cancel()
        path.forward.pools.closeAll()
        for pool in formerPools { pool.object?.closeAll() }
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
        path.forward.pools.tick(now)
        if !formerPaths.isEmpty || !formerPools.isEmpty { tickFormer(now) }
        settleDrain()
    }

    private func tickFormer(_ now: NIODeadline) {
        for pool in formerPools { pool.object?.tick(now) }
        formerPools.removeAll { $0.object == nil }
        guard !formerPaths.isEmpty else { return }
        formerPaths.removeAll { $0.object == nil }
        if formerPaths.isEmpty { screener.forget(allBut: path.screen.policy.filters) }
    }

    /// Of configurations before this one: paths that exchanges are on, and pools that connections are of.
    var formerCounts: (paths: Int, pools: Int) {
        loop.preconditionInEventLoop()
        return (formerPaths.count { $0.object != nil }, formerPools.count { $0.object != nil })
    }

    private func settleDrain() {
        guard let onDrained, connections.values.allSatisfy(\.isIdle) else { return }
        self.onDrained = nil
        onDrained.succeed()
    }
}
