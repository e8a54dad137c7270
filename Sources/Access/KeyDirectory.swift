package import Logging
internal import ServiceLifecycle
package import Snapshots
package import Storage

/// Keeps the snapshot of keys up to date with the store, and the store with when keys were used.
///
/// A change by this process or another reaches the snapshot within the store's watch interval. While the store can't be
/// read the old snapshot stays; after `staleAfter` it counts as stale, for then a revoked key might still be let in.
package final class KeyDirectory: Service {
    package struct Options: Sendable {
        package var limits = LimitDefaults()
        /// How often to look at the store although it told of no change.
        package var checkInterval: Duration = .seconds(2)
        /// How often uses are written.
        package var flushInterval: Duration = .seconds(5)
        /// How long the snapshot may go unconfirmed before it is stale.
        package var staleAfter: Duration = .seconds(30)

        package init() {}
    }

    private let database: any Database
    private let options: Options
    private let logger: Logger
    private let state: Lock<State>

    /// Guarded by the lock; never held across `await`.
    private struct State {
        var keys: Loading
        var confirmedAt: ContinuousClock.Instant
        var isFailing = false
        /// The load that runs, and the one that is to follow it.
        var pendingLoads = 0
        /// Of keys that have left the snapshot and have a use to be written.
        var departed: [KeyID: KeyUse] = [:]
    }

    /// Keys with the limits of those that have none of their own.
    package struct Loading: Sendable {
        /// What the request path reads.
        package let snapshot: Snapshot<KeySnapshot>
        fileprivate let store: KeySnapshotStore
    }

    /// Loads the keys.
    ///
    /// - Throws: `StorageError`.
    package init(database: any Database, options: Options = Options(), logger: Logger) async throws {
        self.database = database
        self.options = options
        self.logger = logger
        let keys = Loading(
            snapshot: Snapshot(KeySnapshot()), store: KeySnapshotStore(database: database, defaults: options.limits))
        state = Lock(State(keys: keys, confirmedAt: .now))
        if let loaded = try await keys.store.load(unless: nil, previous: KeySnapshot()) {
            replace(keys.snapshot, with: loaded)
        }
    }

    /// What the request path reads, and is kept up to date.
    package var snapshot: Snapshot<KeySnapshot> { keys.snapshot }

    package var current: KeySnapshot { snapshot.current }

    private var keys: Loading { state.withLock { $0.keys } }

    /// Loads the keys with other limits of those that have none of their own. Nothing changes yet.
    ///
    /// - Throws: `StorageError`.
    package func prepare(_ limits: LimitDefaults) async throws -> Loading {
        let keys = Loading(
            snapshot: Snapshot(KeySnapshot()), store: KeySnapshotStore(database: database, defaults: limits))
        if let loaded = try await keys.store.load(unless: nil, previous: current) {
            keys.snapshot.replace(with: loaded.snapshot)
        }
        return keys
    }

    /// Keeps what `prepare` has loaded up to date from now on; what was kept before stays as it is.
    ///
    /// Two objects rather than one that changes, so that whoever decides by a whole configuration never sees the limits of
    /// another.
    package func follow(_ next: Loading) async {
        state.withLock { state in
            let (old, new) = (state.keys.snapshot.current, next.snapshot.current)
            state.keys = next
            // A key that was made since the load has a note of its use that the new entry will not have.
            for entry in old.all where new.entry(for: entry.key) == nil && entry.use.unstored != nil {
                state.departed[entry.key] = entry.use
            }
        }
        await refresh()
    }

    /// Whether the snapshot was last confirmed longer than `staleAfter` ago.
    package func isStale(at now: ContinuousClock.Instant = .now) -> Bool {
        state.withLock { now - $0.confirmedAt > options.staleAfter }
    }

    /// Follows the store until shutdown; then writes the last uses.
    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let changes = self.database.changes()
                    // What changed since the first load was told to nobody.
                    await self.refresh()
                    for await _ in changes { await self.refresh() }
                }
                group.addTask {
                    while true {
                        try await Task.sleep(for: self.options.checkInterval)
                        await self.refresh()
                    }
                }
                group.addTask {
                    while true {
                        try await Task.sleep(for: self.options.flushInterval)
                        await self.flush()
                    }
                }
                try await group.waitForAll()
            }
        }
        await flush()
    }

    /// Loads the snapshot again if something changed. Failures are logged and end as staleness.
    ///
    /// One load runs at a time, so that an older one can't win; a call meanwhile makes it run once more.
    package func refresh() async {
        let isFirst = state.withLock { state in
            state.pendingLoads = min(state.pendingLoads + 1, 2)
            return state.pendingLoads == 1
        }
        guard isFirst else { return }
        repeat {
            await loadOnce()
        } while state.withLock { state in
            state.pendingLoads -= 1
            return state.pendingLoads > 0
        }
    }

    private func loadOnce() async {
        let startedAt = ContinuousClock.now
        do {
            let keys = keys
            let old = keys.snapshot.current
            if let loaded = try await keys.store.load(unless: old.revision, previous: old) {
                replace(keys.snapshot, with: loaded)
            }
            let isRecovered = state.withLock { state in
                state.confirmedAt = startedAt
                defer { state.isFailing = false }
                return state.isFailing
            }
            if isRecovered { logger.notice("The keys can be read again.") }
        } catch is CancellationError {
            // Shutdown.
        } catch {
            let isNew = state.withLock { state in
                defer { state.isFailing = true }
                return !state.isFailing
            }
            if isNew {
                logger.error(
                    "The keys can't be read; those known before still count.", metadata: ["error": "\(error)"])
            }
        }
    }

    private func replace(_ snapshot: Snapshot<KeySnapshot>, with loaded: KeySnapshotStore.Loaded) {
        let old = snapshot.current
        snapshot.replace(with: loaded.snapshot)
        state.withLock { state in
            for entry in old.all where loaded.snapshot.entry(for: entry.key) == nil && entry.use.unstored != nil {
                state.departed[entry.key] = entry.use
            }
        }
        if !loaded.unreadable.isEmpty {
            logger.error(
                "Some organisations, applications or keys can't be read; their keys are refused.",
                metadata: [
                    "count": "\(loaded.unreadable.count)",
                    "first": "\(loaded.unreadable.prefix(20).joined(separator: ", "))",
                ])
        }
    }

    /// Writes the uses that the store does not know yet, in transactions of at most a thousand.
    package func flush() async {
        let departed = state.withLock { state in
            defer { state.departed = [:] }
            return state.departed
        }
        let known = snapshot.current.all.map { ($0.key, $0.use) } + departed.map { ($0.key, $0.value) }
        let due = known.compactMap { key, use in use.unstored.map { (key, use, $0) } }
        for start in stride(from: 0, to: due.count, by: 1_000) {
            let batch = due[start..<min(start + 1_000, due.count)]
            do {
                try await keys.store.store(batch.map { ($0.0, $0.2) })
                for (_, use, time) in batch { use.markStored(time) }
            } catch {
                // They are written with the next ones; only those of departed keys are lost.
                logger.warning("The keys' last uses can't be written.", metadata: ["error": "\(error)"])
                return
            }
        }
    }
}
