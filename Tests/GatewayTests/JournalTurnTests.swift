import Foundation
import NIOCore
import NIOPosix
import Snapshots
import Storage
import Testing

@testable import Gateway
@testable import Records

@Suite("What the exchanges of a loop append", .timeLimit(.minutes(10)))
struct JournalTurnTests {
    private let folder: String
    private let journal: Journal

    init() throws {
        folder = NSTemporaryDirectory() + "turn-\(UInt64.random(in: 0 ... .max))"
        journal = try Journal(Journal.Configuration(folder: folder, isWrittenInTurns: true))
    }

    private static func admission() -> Admission {
        Admission(
            record: RecordID(high: .random(in: 1 ... .max), low: 1), at: .now, key: nil, application: nil,
            organisation: nil, stage: 0,
            dialect: .unknown, model: "m", isStream: false, observeOnly: false, tokensReserved: 0, promptVerdict: 0)
    }

    /// Runs `body` on a loop's executor as often as told, at once, and returns what came.
    private func onLoops(
        _ loops: Int, exchanges: Int, _ body: @escaping @Sendable (Journal, JournalTurn) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        try await withThrowingTaskGroup { tasks in
            for loop in group.makeIterator() {
                let (executor, turn, journal) = (LoopExecutor(loop), JournalTurn(journal, on: loop), journal)
                for _ in 0..<exchanges {
                    tasks.addTask(executorPreference: executor) { try await body(journal, turn) }
                }
            }
            try await tasks.waitForAll()
        }
        try await group.shutdownGracefully()
    }

    private func entries() throws -> Int {
        var count = 0
        var reader = JournalReader(folder: folder, from: JournalOffset(segment: 0, byte: 0), notice: { _ in })
        while try reader.next(before: JournalOffset(segment: 1_000, byte: 0), { _, _ in count += 1 }) {}
        return count
    }

    @Test("is on record when they go on, from one loop and from several", arguments: [1, 3])
    func writes(loops: Int) async throws {
        try await onLoops(loops, exchanges: 50) { journal, turn in
            for _ in 0..<20 {
                let position = try journal.append(Self.admission())
                try await turn.written(position)
                #expect(throws: Never.self) { try journal.result(of: position)?.get() }
                #expect(journal.result(of: position) != nil)
            }
        }
        journal.close()
        #expect(try entries() == loops * 1_000)
    }

    @Test("is written by who has the pen, or by the thread, while the loop goes on")
    func isHandedOver() async throws {
        let (inside, outside) = (Semaphore(), Semaphore())
        let journal = journal
        let thread = try OwnedThread {
            journal.core.pen.withLock { _ in
                inside.post()
                outside.wait()
            }
        }
        inside.wait()
        let isDone = Lock(false)
        try await onLoops(1, exchanges: 2) { journal, turn in
            // The one waits, the other lets go of the pen: a loop that waited for it would never come to that.
            let isFirst = isDone.withLock { done in
                defer { done = true }
                return !done
            }
            if isFirst {
                try await turn.written(try journal.append(Self.admission()))
            } else {
                try await Task.sleep(for: .milliseconds(20))
                outside.post()
                // As whoever had it would.
                thread.join()
                journal.writeNow()
            }
        }
        journal.close()
        #expect(try entries() == 1)
    }
}
