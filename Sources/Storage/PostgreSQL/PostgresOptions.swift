/// How a process uses a PostgreSQL server.
package struct PostgresOptions: Sendable, Hashable {
    /// How many connections, and so threads, do the work; they are made when they are needed. One more listens.
    package var connectionsMax = 8
    /// How many reads and writes may wait; more are refused as `StorageError.overloaded`.
    package var waitingMax = 16_384
    /// How long one statement may take; then it is undone as `StorageError.timedOut`.
    package var statementTimeout: Duration = .seconds(30)
    /// How much later than that the server's word on it may come; then the server is taken for one that is away.
    package var answerSlack: Duration = .seconds(5)
    /// How long a migration waits for another process that changes the schema.
    package var schemaLockTimeout: Duration = .seconds(600)
    /// How long one statement of a migration may take, such as building an index.
    package var migrationTimeout: Duration = .seconds(6 * 3_600)
    /// How long a connection may take to be made, by address of the host; libpq counts whole seconds, two at least.
    package var connectTimeout: Duration = .seconds(5)
    /// How often a transaction is run again that the server undid for another's sake.
    package var attemptsMax = 12
    /// The longest pause between two tries to reach a server that is away.
    package var pauseMax: Duration = .seconds(5)

    package init() {}

    /// How long we wait for the answer to a statement.
    var patience: Duration { statementTimeout + answerSlack }

    /// What libpq is told beside the address, which wins where it says something else.
    var parameters: [(name: String, value: String)] {
        [
            ("connect_timeout", String(max(2, connectTimeout.components.seconds))),
            // A server that vanished without a word is noticed within 25 s, while something waits for it within 15 s.
            ("keepalives", "1"), ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "15000"), ("application_name", "steward"),
        ]
    }

    /// What is set in each session. A commit is acknowledged once it is on the disk, also where the server's default is
    /// `synchronous_commit = off`; stronger settings stay.
    var session: String {
        """
        SET statement_timeout = \(statementTimeout.wholeMilliseconds);
        SET idle_in_transaction_session_timeout = \(max(60_000, 2 * statementTimeout.wholeMilliseconds));
        SET lock_timeout = \(statementTimeout.wholeMilliseconds / 2);
        SET bytea_output = hex;
        SET extra_float_digits = 1;
        SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
        """
    }
}

/// Pauses that double, so that a server that comes back is not met by everybody at once.
struct Backoff: Sendable {
    let first: Duration
    let longest: Duration

    /// The pause after the `failure`th failure in a row, from 1; half of it is chance.
    func pause(after failure: Int) -> Duration {
        let whole = min(longest, first * (1 << min(max(failure, 1) - 1, 16)))
        return whole / 2 + whole / 2 * Double.random(in: 0...1)
    }
}

extension Duration {
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }

    var wholeMicroseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000)
    }
}
