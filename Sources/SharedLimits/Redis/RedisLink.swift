internal import CHiredis
internal import Glibc
internal import Limits
internal import Logging
internal import Snapshots
internal import Synchronization

/// The way to Redis: a thread of its own with one connection, over which calls go one behind the other.
///
/// A thread and not the event loops: a name look-up blocks, no loop may; one connection for all loops makes the calls of
/// all of them one write; and one place sees all deadlines. Handing a call over costs a lock and at most one write to an
/// eventfd, some microseconds beside a round trip.
///
/// `@unchecked Sendable`: `inbox` is behind a lock, `session` is touched by the thread only.
final class RedisLink: @unchecked Sendable {
    /// A call, and who is told its answer: `nil` when there is none in time.
    struct Job: Sendable {
        enum Call: Sendable {
            case leases(LeaseCall, end: @Sendable (LeaseAnswer?) -> Void)
            case budgets(BudgetCall, end: @Sendable (BudgetAnswer?) -> Void)
        }

        let call: Call
        let since: Int64

        init(call: LeaseCall, since: Int64, end: @escaping @Sendable (LeaseAnswer?) -> Void) {
            self.call = .leases(call, end: end)
            self.since = since
        }

        init(call: BudgetCall, since: Int64, end: @escaping @Sendable (BudgetAnswer?) -> Void) {
            self.call = .budgets(call, end: end)
            self.since = since
        }

        /// There is no answer in time.
        func fail() {
            switch call {
            case .leases(_, let end): end(nil)
            case .budgets(_, let end): end(nil)
            }
        }
    }

    private let inbox = Lock(CallInbox())
    private let wake: Int32
    private let state: LinkState
    private let session: RedisSession
    private let thread = Lock<OwnedThread?>(nil)
    private let end = ThreadEnd()

    /// Nanoseconds between two ticks.
    static let tick: Int64 = 25_000_000

    init(
        _ settings: RedisSettings, process: String, lifetime: Int64, metrics: SharedLimitMetrics, log: Logger
    ) throws(RedisFailure) {
        wake = steward_eventfd()
        guard wake >= 0 else { throw RedisFailure(String(cString: strerror(errno))) }
        state = LinkState(awaySince: Moment.now.nanoseconds)
        session = RedisSession(
            settings, process: process, lifetime: lifetime, state: state, metrics: metrics, log: log)
    }

    deinit { close(wake) }

    /// - Parameter onTick: called on the thread every few milliseconds.
    func start(onTick: @escaping @Sendable (Int64) -> Void) throws(RedisFailure) {
        do throws(ThreadFailure) {
            let started = try OwnedThread { [self] in
                run(onTick)
                end.decide(true)
            }
            thread.withLock { $0 = started }
        } catch {
            throw RedisFailure(String(cString: strerror(error.code)))
        }
    }

    /// Ends the thread, after what is under way has been answered or is late. One that hangs, as in looking a name up, is
    /// let go: it ends when it can.
    ///
    /// - Returns: whether it has ended.
    @discardableResult
    func stop(within: Duration) async -> Bool {
        guard let started = beginStop() else { return true }
        let hasEnded = await end.wait(atMost: within)
        if hasEnded { started.join() } else { started.letGo() }
        return hasEnded
    }

    /// Lets the thread end when it can.
    func letGo() { beginStop()?.letGo() }

    private func beginStop() -> OwnedThread? {
        inbox.withLock { $0.stop() }
        signal()
        return thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
    }

    var isOpen: Bool { state.open.load(ordering: .acquiring) }

    /// Since when calls fail; `nil` while they don't.
    var awaySince: Int64? {
        let since = state.away.load(ordering: .relaxed)
        return since == 0 ? nil : since
    }

    /// Takes a call over. Its end comes, once: on the link's thread, or here when there is no way to Redis, too many calls
    /// are under way, or the thread has ended.
    func submit(_ job: Job) {
        switch inbox.withLock({ isOpen ? $0.submit(job) : .refused }) {
        case .taken: break
        case .takenFirst: signal()
        case .refused: job.fail()
        }
    }

    private func signal() {
        var one: UInt64 = 1
        _ = write(wake, &one, 8)
    }

    // MARK: - The thread

    private func run(_ onTick: (Int64) -> Void) {
        RedisSession.blockBrokenPipes()
        var ticked: Int64 = 0
        while true {
            let underWay = session.underWay
            let (jobs, isStopping) = inbox.withLock { ($0.take(underWay: underWay), $0.isStopping) }
            var now = Moment.now.nanoseconds
            for job in jobs { session.send(job) }
            session.step(at: now)
            if isStopping, jobs.isEmpty, session.isIdle { break }
            now = Moment.now.nanoseconds
            if now - ticked >= Self.tick {
                ticked = now
                onTick(now)
            }
            if inbox.withLock({ $0.isEmpty }) { sleep(until: min(session.dueAt, ticked + Self.tick)) }
        }
        session.end()
        for job in inbox.withLock({ $0.close() }) { job.fail() }
    }

    /// Sleeps until something comes, or until that time.
    private func sleep(until time: Int64) {
        let wait = max(0, time - Moment.now.nanoseconds)
        var descriptors = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
        if let interest = session.interest { descriptors.append(interest) }
        _ = poll(&descriptors, nfds_t(descriptors.count), Int32(clamping: (wait + 999_999) / 1_000_000))
        if descriptors[0].revents != 0 {
            var count: UInt64 = 0
            _ = read(wake, &count, 8)
        }
        if descriptors.count > 1, descriptors[1].revents != 0 { session.handle(descriptors[1].revents) }
    }
}

/// What the link's thread tells all others.
final class LinkState: Sendable {
    /// Whether calls have a chance.
    let open = Atomic<Bool>(false)
    /// When calls began to fail, in nanoseconds; 0 while they don't.
    let away: Atomic<Int64>

    init(awaySince: Int64) { away = Atomic(awaySince) }
}
