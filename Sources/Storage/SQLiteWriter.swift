internal import GRDB
internal import Snapshots

/// Commits writes in groups: those that wait while the disk syncs share the next sync.
///
/// ```
///   submit ─► waiting ─► BEGIN IMMEDIATE
///                          SAVEPOINT ─ job 1 ─ RELEASE
///                          SAVEPOINT ─ job 2 ─ ROLLBACK TO      it threw: only its own changes are undone
///                          …
///                        COMMIT (one sync) ─► notify ─► resume every caller
/// ```
/// A job is acknowledged only after the commit. If the whole group is undone because of one job (a deferred constraint,
/// an error after which SQLite itself rolls back), each job runs again in a transaction of its own.
final class SQLiteWriter: Sendable {
    struct Job: Sendable {
        /// Does the work and returns what to call once it is committed.
        let perform: @Sendable (SQLiteTransaction) throws -> @Sendable () -> Void
        let fail: @Sendable (any Error) -> Void
    }

    private struct Queue {
        var waiting: [Job] = []
        /// Whether a drain is scheduled or running.
        var isDraining = false
        var isClosed = false
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    private typealias Outcome = Result<@Sendable () -> Void, any Error>

    /// How many jobs share one commit; bounds how long the first of them waits for the others.
    private static let groupMax = 256

    private let pool: DatabasePool
    private let watch: SQLiteWatch
    private let waitingMax: Int
    /// Held for a few lines; never while SQLite works.
    private let queue = Lock(Queue())

    init(pool: DatabasePool, waitingMax: Int, watch: SQLiteWatch) {
        self.pool = pool
        self.waitingMax = waitingMax
        self.watch = watch
    }

    func submit(_ job: Job) {
        let (refusal, isFirst) = queue.withLock { queue -> (StorageError?, Bool) in
            if queue.isClosed { return (.closed, false) }
            if queue.waiting.count >= waitingMax { return (.overloaded(waiting: queue.waiting.count), false) }
            queue.waiting.append(job)
            defer { queue.isDraining = true }
            return (nil, !queue.isDraining)
        }
        if let refusal {
            job.fail(refusal)
        } else if isFirst {
            scheduleDrain()
        }
    }

    /// Returns when all that was submitted is done; later jobs fail.
    func close() async {
        await withCheckedContinuation { continuation in
            let isIdle = queue.withLock { queue in
                queue.isClosed = true
                if queue.isDraining { queue.closers.append(continuation) }
                return !queue.isDraining
            }
            if isIdle { continuation.resume() }
        }
    }

    private func scheduleDrain() {
        pool.asyncWriteWithoutTransaction { connection in
            self.drain(SQLiteTransaction(connection))
        }
    }

    private func drain(_ transaction: SQLiteTransaction) {
        let group = queue.withLock { queue in
            let group = Array(queue.waiting.prefix(Self.groupMax))
            queue.waiting.removeFirst(group.count)
            return group
        }
        let before = transaction.totalChanges
        let outcomes = run(group, in: transaction)
        if transaction.totalChanges != before { watch.notify() }
        for (job, outcome) in zip(group, outcomes) {
            switch outcome {
            case .success(let succeed): succeed()
            case .failure(let error): job.fail(error)
            }
        }
        let closers = queue.withLock { queue -> [CheckedContinuation<Void, Never>]? in
            guard queue.waiting.isEmpty else { return nil }
            queue.isDraining = false
            defer { queue.closers = [] }
            return queue.closers
        }
        if let closers {
            for closer in closers { closer.resume() }
        } else {
            scheduleDrain()
        }
    }

    private func run(_ group: [Job], in transaction: SQLiteTransaction) -> [Outcome] {
        if group.count > 1, let outcomes = runTogether(group, in: transaction) { return outcomes }
        return group.map { runAlone($0, in: transaction) }
    }

    /// `nil` if the group was undone as a whole and each job should run alone.
    private func runTogether(_ group: [Job], in transaction: SQLiteTransaction) -> [Outcome]? {
        do {
            try transaction.execute("BEGIN IMMEDIATE")
            let outcomes = try group.map { try runInSavepoint($0, in: transaction) }
            try transaction.execute("COMMIT")
            return outcomes
        } catch {
            rollBack(transaction)
            switch error {
            // Trying each alone would wait for the lock or the broken disk as many times, to the same end. On a full
            // disk it fails at once, or one that is smaller still finds room.
            case StorageError.busy, StorageError.inputOutput:
                return group.map { _ in .failure(error) }
            default:
                return nil
            }
        }
    }

    /// The job's own failure is an outcome; what is thrown concerns the whole group.
    private func runInSavepoint(_ job: Job, in transaction: SQLiteTransaction) throws -> Outcome {
        try transaction.execute("SAVEPOINT job")
        let outcome: Outcome
        do {
            outcome = .success(try job.perform(transaction))
        } catch {
            // SQLite has undone everything, this job's predecessors included.
            guard transaction.isOpen else { throw error }
            try transaction.execute("ROLLBACK TO job")
            outcome = .failure(error)
        }
        try transaction.execute("RELEASE job")
        return outcome
    }

    private func runAlone(_ job: Job, in transaction: SQLiteTransaction) -> Outcome {
        do {
            try transaction.execute("BEGIN IMMEDIATE")
            let succeed = try job.perform(transaction)
            try transaction.execute("COMMIT")
            return .success(succeed)
        } catch {
            rollBack(transaction)
            return .failure(error)
        }
    }

    private func rollBack(_ transaction: SQLiteTransaction) {
        guard transaction.isOpen else { return }
        // Fails only if SQLite has rolled back already.
        _ = try? transaction.execute("ROLLBACK")
    }
}
