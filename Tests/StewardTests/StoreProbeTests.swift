import ServiceLifecycle
import Storage
import Telemetry
import Testing

@testable import Steward

@Suite("The store's lamp", .timeLimit(.minutes(10)))
struct StoreProbeTests {
    @Test("turns red while a read never ends, green when it does, and keeps nobody from ending")
    func noticesSilence() async throws {
        let health = Health()
        let lamp = health.lamp("store", .green)
        let (goesOn, goOn) = AsyncStream.makeStream(of: Void.self)
        let probe = StoreProbe(
            database: SilentDatabase(goesOn: goesOn), lamp: lamp, interval: .milliseconds(5),
            patience: .milliseconds(50))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await probe.run() }
            while lamp.state == .green { try await Task.sleep(for: .milliseconds(1)) }
            let silent = lamp.state
            goOn.yield()
            while lamp.state != .green { try await Task.sleep(for: .milliseconds(1)) }
            while lamp.state == .green { try await Task.sleep(for: .milliseconds(1)) }
            #expect([silent, lamp.state] == Array(repeating: .red("The store can't be read."), count: 2))
            group.cancelAll()
        }
    }
}

/// A store in which each read waits until it is told to go on, or its task is cancelled.
private struct SilentDatabase: Database {
    let goesOn: AsyncStream<Void>

    var dialect: SQLDialect { .postgres }

    func read<Result: Sendable>(_ body: @escaping @Sendable (any Reader) throws -> Result) async throws -> Result {
        for await _ in goesOn { return try body(NoRows()) }
        throw CancellationError()
    }

    func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        throw StorageError.readOnly
    }

    func changes() -> AsyncStream<Void> { AsyncStream { $0.finish() } }
    func close() async throws {}

    private struct NoRows: Reader {
        func query(_ sql: String, _ arguments: [any SQLValueConvertible]) throws -> [Row] { [] }
    }
}
