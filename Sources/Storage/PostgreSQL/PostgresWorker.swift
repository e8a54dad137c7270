internal import CPostgreSQL
internal import Snapshots

/// One thread's work: takes jobs, each in a transaction on the connection that the thread owns.
///
/// ```
///   BEGIN ─► job ─► note whether anything changed, COMMIT ─► resume the caller
///    ▲        │ undone for another's sake: again, after a pause      commit's fate unknown: say so
///    └────────┘ connection broke before COMMIT: a new one, again
/// ```
struct PostgresWorker {
    /// Writes are serialisable: they see what they would see if they ran one by one, as they do in SQLite.
    private static let beginWriting = "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE"
    /// Of one snapshot, which no writer can undo.
    private static let beginReading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    /// The row that says that something changed, and its notice, exist only if the transaction wrote anything.
    private static let commitWriting = """
        SELECT pg_notify('\(PostgresListener.channel)', '') WHERE pg_current_xact_id_if_assigned() IS NOT NULL;
        COMMIT
        """

    let pool: PostgresPool

    func run() {
        var connection: PostgresConnection?
        while let job = pool.next() {
            do {
                let outcome = try perform(job, &connection)
                if outcome.hasChanged { pool.onCommit() }
                outcome.succeed()
            } catch {
                job.fail(error)
            }
        }
        connection = nil
        pool.leave()
    }

    private struct Outcome {
        let succeed: @Sendable () -> Void
        var hasChanged = false
    }

    private func perform(_ job: PostgresPool.Job, _ connection: inout PostgresConnection?) throws -> Outcome {
        let backoff = Backoff(first: .milliseconds(2), longest: .milliseconds(200))
        var attempt = 1
        while true {
            let session = try connection ?? pool.connect(at: .now)
            connection = session
            do {
                return try transact(job, on: session)
            } catch let error as CommitLost {
                connection = nil
                throw StorageError.commitUnknown(error.reason)
            } catch {
                let failure = session.failure
                if !session.recover() { connection = nil }
                guard let failure, canRetry(failure.recovery, attempt) else { throw failure?.replacing(error) ?? error }
                attempt += 1
                if failure.recovery == .again {
                    OwnedThread.nap(microseconds: backoff.pause(after: attempt - 1).wholeMicroseconds)
                }
            }
        }
    }

    private func canRetry(_ recovery: PostgresFailure.Recovery, _ attempt: Int) -> Bool {
        switch recovery {
        case .none, .giveUp: false
        case .again: attempt < pool.options.attemptsMax
        case .onceAgain: attempt < 2
        case .reconnect: attempt < 3
        }
    }

    /// The connection broke, or was given up, while a commit was under way.
    private struct CommitLost: Error {
        let reason: String
    }

    private func transact(_ job: PostgresPool.Job, on session: PostgresConnection) throws -> Outcome {
        try session.beginTransaction(job.isReading ? Self.beginReading : Self.beginWriting)
        let succeed = try job.perform(PostgresTransaction(session, pool.options))
        // The job caught it and went on; the server did not.
        if let failure = session.failure { throw failure.error }
        guard !job.isReading else {
            _ = try? session.run("COMMIT")
            return Outcome(succeed: succeed)
        }
        do {
            let outcomes = try session.run(Self.commitWriting)
            guard outcomes.last?.tag == "COMMIT" else { throw StorageError.statement("the transaction was undone") }
            return Outcome(succeed: succeed, hasChanged: outcomes.first.map { $0.rowCount > 0 } ?? false)
        } catch {
            guard session.failure?.isOfConnection == true else { throw error }
            throw CommitLost(reason: "\(error)")
        }
    }
}

extension PostgresFailure {
    /// What to tell the caller: what its own code threw, unless that is the failure itself.
    fileprivate func replacing(_ thrown: any Error) -> any Error {
        recovery == .again ? error : thrown
    }
}
