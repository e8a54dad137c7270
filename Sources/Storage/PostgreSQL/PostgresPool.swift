internal import Snapshots

/// What waits for a connection, and the threads that have one each.
///
/// ```
///   submit ─► waiting (bounded) ─► an idle thread, or a new one up to the bound ─► its own connection
/// ```
/// libpq blocks, so it runs on threads of ours: never on an event loop, nor on one of Swift's.
final class PostgresPool: Sendable {
    struct Job: Sendable {
        let isReading: Bool
        /// Does the work and returns what to call once it is committed.
        let perform: @Sendable (PostgresTransaction) throws -> @Sendable () -> Void
        let fail: @Sendable (any Error) -> Void
    }

    private struct State {
        /// `nil` where one was taken, so that what it held is let go.
        var waiting: [Job?] = []
        /// Jobs are taken from here on; the array is cut when half of it is taken.
        var first = 0
        var threadCount = 0
        var idleCount = 0
        var isClosed = false
        var closers: [CheckedContinuation<Void, Never>] = []
        var outage: Outage?

        var waitingCount: Int { waiting.count - first }

        mutating func next() -> Job? {
            guard first < waiting.count else { return nil }
            defer {
                first += 1
                if first > 64, first > waiting.count / 2 {
                    waiting.removeFirst(first)
                    first = 0
                }
            }
            return waiting[first].take()
        }
    }

    /// While the server is away, only one in a while tries to reach it; the others fail at once.
    private struct Outage {
        var failures: Int
        var retryAt: ContinuousClock.Instant
        var error: StorageError
    }

    let address: PostgresAddress
    let options: PostgresOptions
    let onCommit: @Sendable () -> Void
    private let backoff: Backoff
    private let wake = Semaphore()
    /// Held for a few lines; never while libpq works.
    private let state = Lock(State())

    /// - Parameter onCommit: Called on a thread of the pool after a transaction that changed something.
    init(_ address: PostgresAddress, _ options: PostgresOptions, onCommit: @escaping @Sendable () -> Void) {
        self.address = address
        self.options = options
        self.onCommit = onCommit
        backoff = Backoff(first: .milliseconds(50), longest: options.pauseMax)
    }

    // MARK: - Jobs

    func submit(_ job: Job) {
        enum Step { case refuse(StorageError), wake, start }
        let step = state.withLock { state -> Step in
            if state.isClosed { return .refuse(.closed) }
            guard state.waitingCount < options.waitingMax else {
                return .refuse(.overloaded(waiting: state.waitingCount))
            }
            state.waiting.append(job)
            // An idle thread that was woken still counts as idle until it takes its job.
            if state.idleCount >= state.waitingCount || state.threadCount >= options.connectionsMax { return .wake }
            state.threadCount += 1
            return .start
        }
        switch step {
        case .refuse(let error): job.fail(error)
        case .wake: wake.post()
        case .start: start()
        }
    }

    private func start() {
        do throws(ThreadFailure) {
            try OwnedThread { PostgresWorker(pool: self).run() }.letGo()
        } catch {
            // The others do the work; without any, nobody would.
            let orphans = state.withLock { state -> [Job] in
                var orphans: [Job] = []
                while state.threadCount == 1, let job = state.next() { orphans.append(job) }
                return orphans
            }
            for job in orphans { job.fail(StorageError.unavailable("the system has no thread left")) }
            leave()
        }
    }

    /// The next job for the calling thread, which sleeps until there is one; `nil` when it should end.
    func next() -> Job? {
        while true {
            let (job, isClosed) = state.withLock { state -> (Job?, Bool) in
                let job = state.next()
                if job == nil, !state.isClosed { state.idleCount += 1 }
                return (job, state.isClosed)
            }
            if job != nil || isClosed { return job }
            // tidy: A thread of ours.
            wake.wait()
            state.withLock { $0.idleCount -= 1 }
        }
    }

    /// The calling thread ends.
    func leave() {
        let closers = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.threadCount -= 1
            guard state.threadCount == 0 else { return [] }
            defer { state.closers = [] }
            return state.closers
        }
        for closer in closers { closer.resume() }
    }

    /// Refuses what comes, and lets the threads end once nothing waits.
    func shutDown() {
        let idle = state.withLock { state in
            state.isClosed = true
            return state.idleCount
        }
        for _ in 0..<idle { wake.post() }
    }

    /// Returns when all that was submitted is done.
    func close() async {
        shutDown()
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.threadCount > 0 { state.closers.append(continuation) }
                return state.threadCount == 0
            }
            if isOver { continuation.resume() }
        }
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    // MARK: - Connections

    /// A new connection, unless the server was found to be away a moment ago. Blocks.
    ///
    /// - Throws: `StorageError.unavailable`.
    func connect(at now: ContinuousClock.Instant) throws(StorageError) -> PostgresConnection {
        let refusal = state.withLock { state -> StorageError? in
            guard var outage = state.outage else { return nil }
            if now < outage.retryAt { return outage.error }
            // This one tries; the others wait for what it finds.
            outage.retryAt = now + options.pauseMax
            state.outage = outage
            return nil
        }
        if let refusal { throw refusal }
        do throws(StorageError) {
            let connection = try PostgresConnection(address, options)
            state.withLock { $0.outage = nil }
            return connection
        } catch {
            state.withLock { state in
                let failures = (state.outage?.failures ?? 0) + 1
                state.outage = Outage(
                    failures: failures, retryAt: .now + backoff.pause(after: failures), error: error)
            }
            throw error
        }
    }
}
