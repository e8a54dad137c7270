internal import CPostgreSQL
internal import Glibc
internal import Snapshots

/// Tells subscribers that something was committed: at once for our own commits, as soon as the server says so for those
/// of other processes (LISTEN). A thread and a connection of its own.
///
/// When the connection broke, something may have been missed: after the next one is there, everybody is told once.
final class PostgresListener: Sendable {
    /// One for all tables: who is told looks whether it is concerned.
    static let channel = "steward"
    /// Then the server is asked for a word.
    private static let silenceMax = Duration.seconds(60)

    private struct State {
        var subscribers: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var nextSubscriber: UInt64 = 0
        var isClosed = false
    }

    private let address: PostgresAddress
    private let options: PostgresOptions
    private let backoff: Backoff
    /// A pipe that is readable once the thread should end.
    private let stop: (reading: CInt, writing: CInt)
    /// Held for a few lines; never while libpq works.
    private let state = Lock(State())

    private init(_ address: PostgresAddress, _ options: PostgresOptions) {
        self.address = address
        self.options = options
        backoff = Backoff(first: .milliseconds(50), longest: options.pauseMax)
        var ends: [CInt] = [-1, -1]
        stop = pipe(&ends) == 0 ? (ends[0], ends[1]) : (-1, -1)
        for end in ends where end >= 0 { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }

    deinit {
        Glibc.close(stop.reading)
        Glibc.close(stop.writing)
    }

    /// Connects and begins to listen before it returns, on a thread of its own.
    ///
    /// - Throws: `StorageError.unavailable`.
    static func start(
        _ address: PostgresAddress, _ options: PostgresOptions
    ) async throws -> PostgresListener {
        let listener = PostgresListener(address, options)
        guard listener.stop.reading >= 0 else { throw StorageError.unavailable("no file descriptor is left") }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            do throws(ThreadFailure) {
                try OwnedThread {
                    do throws(StorageError) {
                        let connection = try listener.listening()
                        continuation.resume()
                        listener.follow(connection)
                    } catch {
                        continuation.resume(throwing: error)
                    }
                }.letGo()
            } catch {
                continuation.resume(throwing: StorageError.unavailable("the system has no thread left"))
            }
        }
        return listener
    }

    func subscribe() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state -> UInt64? in
            guard !state.isClosed else { return nil }
            defer { state.nextSubscriber += 1 }
            state.subscribers[state.nextSubscriber] = continuation
            return state.nextSubscriber
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.subscribers.removeValue(forKey: id) }
        }
        return stream
    }

    func notify() {
        let subscribers = state.withLock { Array($0.subscribers.values) }
        for subscriber in subscribers { subscriber.yield() }
    }

    /// Ends all subscriptions, and the thread soon after.
    func close() {
        let subscribers = state.withLock { state in
            state.isClosed = true
            defer { state.subscribers = [:] }
            return Array(state.subscribers.values)
        }
        for subscriber in subscribers { subscriber.finish() }
        _ = write(stop.writing, [1], 1)
    }

    // MARK: - The thread

    private func listening() throws(StorageError) -> PostgresConnection {
        let connection = try PostgresConnection(address, options)
        try connection.run("LISTEN \(Self.channel)")
        return connection
    }

    private func follow(_ first: PostgresConnection) {
        var connection: PostgresConnection? = first
        var failures = 0
        while true {
            if let open = connection {
                // Some may have come with the answer to LISTEN.
                if takeNotices(of: open) { notify() }
                switch wait(for: PQsocket(open.pointer), Self.silenceMax) {
                case .told: if !open.consumeInput() { connection = nil }
                // Something between us may have forgotten the session.
                case .silence: if (try? open.run("SELECT 1")) == nil { connection = nil }
                case .stop: return
                }
            } else if let next = try? listening() {
                failures = 0
                connection = next
                notify()
            } else {
                failures += 1
                if wait(for: -1, backoff.pause(after: failures)) == .stop { return }
            }
        }
    }

    /// Whether there were any.
    private func takeNotices(of connection: PostgresConnection) -> Bool {
        var wasTold = false
        while let notice = PQnotifies(connection.pointer) {
            PQfreemem(notice)
            wasTold = true
        }
        return wasTold
    }

    private enum Waking { case told, silence, stop }

    /// Sleeps until something comes or the time is over.
    private func wait(for socket: CInt, _ time: Duration) -> Waking {
        var watched = [
            pollfd(fd: stop.reading, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
        ]
        let count = poll(&watched, nfds_t(watched.count), CInt(max(1, time.wholeMilliseconds)))
        if watched[0].revents != 0 { return .stop }
        return count == 0 ? .silence : .told
    }
}
