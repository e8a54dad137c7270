internal import Logging
internal import ServiceLifecycle
package import Storage

/// Runs a ``RecordWriter`` until shutdown, then once more, so that the store has all that the journal has.
///
/// End it after the gateway, and close the journal after it.
package struct RecordWriterService: Service {
    private let writer: RecordWriter
    private let interval: Duration

    /// Records reach the store within about `interval`.
    package init(writer: RecordWriter, interval: Duration = .milliseconds(200)) {
        self.writer = writer
        self.interval = interval
    }

    package func run() async throws {
        let logger = Logger(label: "steward.records")
        var failures = 0
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                try await writer.drain()
                if failures > 0 { logger.notice("The store takes records again.") }
                failures = 0
            } catch {
                failures += 1
                if failures == 1 {
                    logger.error("The store takes no records; the journal keeps them.", metadata: ["error": "\(error)"])
                }
            }
            let pause = failures == 0 ? interval : min(.seconds(5), interval * (1 << min(failures, 6)))
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
        }
        try await writer.drain()
    }
}

/// Drops old records, usage and damaged parts of the journal, at the start and every hour.
package struct RetentionService: Service {
    private let store: RecordStore
    private let journal: Journal
    private let retention: Retention
    private let now: @Sendable () -> Timestamp

    package init(
        store: RecordStore, journal: Journal, retention: Retention, now: @escaping @Sendable () -> Timestamp
    ) {
        self.store = store
        self.journal = journal
        self.retention = retention
        self.now = now
    }

    package func run() async throws {
        let logger = Logger(label: "steward.records")
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let time = now()
            do {
                let dropped = try await store.drop(outside: retention, at: time)
                for month in dropped { logger.notice("Dropped old records.", metadata: ["month": "\(month)"]) }
                for file in try journal.dropDamaged(before: retention.recordsFrom(at: time)) {
                    logger.notice("Dropped an old damaged part of the journal.", metadata: ["file": "\(file)"])
                }
            } catch {
                logger.error("Old records can't be dropped.", metadata: ["error": "\(error)"])
            }
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(3600)) }
        }
    }
}
