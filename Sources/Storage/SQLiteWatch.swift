internal import Dispatch
internal import GRDB
internal import Snapshots

/// Tells subscribers that something was committed: at once for our own commits, within the interval for those of other
/// connections and processes.
///
/// `PRAGMA data_version` changes when another connection has committed, and costs a look into shared memory. The watch
/// has a connection of its own, so a long write can't delay it; that connection sees our own commits as well, so each
/// of those may be told twice.
final class SQLiteWatch: Sendable {
    private struct State {
        var subscribers: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var nextSubscriber: UInt64 = 0
        var isClosed = false
        /// Runs from the first subscription until `close()`.
        var timer: (any DispatchSourceTimer)?
        var seenVersion: Int64
    }

    private let connection: DatabaseQueue
    private let interval: Duration
    /// Held for a few lines; never while SQLite works.
    private let state: Lock<State>

    /// The file must exist.
    init(path: String, interval: Duration) throws {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(1)
        connection = try DatabaseQueue(path: path, configuration: configuration)
        self.interval = interval
        state = Lock(State(seenVersion: try Self.version(on: connection)))
    }

    deinit {
        state.withLock { $0.timer?.cancel() }
    }

    func subscribe() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state -> UInt64? in
            guard !state.isClosed else { return nil }
            defer { state.nextSubscriber += 1 }
            state.subscribers[state.nextSubscriber] = continuation
            if state.timer == nil { state.timer = makeTimer() }
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

    func close() {
        let subscribers = state.withLock { state in
            state.isClosed = true
            state.timer?.cancel()
            state.timer = nil
            defer { state.subscribers = [:] }
            return Array(state.subscribers.values)
        }
        for subscriber in subscribers { subscriber.finish() }
        // A look that is under way ends first; one that comes later finds it closed and says nothing.
        try? connection.close()
    }

    private func makeTimer() -> any DispatchSourceTimer {
        let (seconds, attoseconds) = interval.components
        let nanoseconds = Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
        let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "steward.storage.watch"))
        timer.schedule(deadline: .now(), repeating: .nanoseconds(nanoseconds), leeway: .milliseconds(10))
        timer.setEventHandler { [weak self] in self?.look() }
        timer.resume()
        return timer
    }

    private func look() {
        // A look that fails is repeated at the next tick; the version then still differs.
        guard let version = try? Self.version(on: connection) else { return }
        let isNew = state.withLock { state in
            defer { state.seenVersion = version }
            return state.seenVersion != version
        }
        if isNew { notify() }
    }

    private static func version(on connection: DatabaseQueue) throws -> Int64 {
        try connection.unsafeRead { try Int64.fetchOne($0, sql: "PRAGMA data_version") ?? 0 }
    }
}
