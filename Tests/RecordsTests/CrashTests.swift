import Foundation
import Snapshots
import Storage
import Testing

@testable import Records

@Suite("After kill -9 under load", .timeLimit(.minutes(10)))
struct CrashTests {
    @Test(
        "every acknowledged exchange is in the records, once, and usage agrees",
        arguments: [(JournalDurability.crash, true), (.crash, false), (.power, false)], [50, 400])
    func killed(_ mode: (durability: JournalDurability, isInTurns: Bool), count: Int) async throws {
        let fixture = try await StoreFixture(.sqlite)
        let path = fixture.folder.path
        let (name, isInTurns, kills) = (mode.durability.rawValue, mode.isInTurns, count)
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = path as String, name = name as String, isInTurns = isInTurns as Bool, kills = kills as Int] in
            try await CrashTests.load(
                path, durability: JournalDurability(rawValue: name)!, isInTurns: isInTurns, killedAfter: kills)
        }
        let acknowledged = try String(contentsOfFile: path + "/acknowledged", encoding: .utf8)
            .split(separator: "\n").compactMap { RecordID(String($0)) }
        #expect(acknowledged.count >= count)
        let journal = try fixture.journal()
        try await fixture.writer(journal).drain()
        journal.close()
        let records = try await fixture.all()
        #expect(Set(acknowledged).subtracting(records.map(\.admission.record)).isEmpty)
        #expect(Set(records.map(\.admission.record)).count == records.count)
        #expect(try await fixture.requests() == records.count)
    }

    /// Admits, acknowledges and settles from many tasks, with the store following, until a signal ends the process
    /// once `count` exchanges were acknowledged, in the middle of the others.
    static func load(
        _ path: String, durability: JournalDurability, isInTurns: Bool, killedAfter count: Int
    ) async throws {
        let journal = try Journal(
            Journal.Configuration(
                folder: path + "/journal", durability: durability, segmentBytesMax: 20_000,
                isWrittenInTurns: isInTurns))
        let main = try SQLiteDatabase(path: path + "/steward.sqlite")
        let store = RecordStore(main: main, partitions: SQLiteRecordPartitions(folder: path + "/records"))
        let writer = RecordWriter(journal: journal, store: store)
        let file = open(path + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let acknowledged = Lock(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    while true {
                        let admission = Samples.admission(at: .now)
                        guard let position = try? journal.append(admission) else { return }
                        if isInTurns { journal.writeNow() }
                        guard (try? await journal.written(position)) != nil else { return }
                        // From here on the client may have bytes.
                        let line = Array("\(admission.record)\n".utf8)
                        _ = write(file, line, line.count)
                        let isEnough = acknowledged.withLock { acknowledged in
                            acknowledged += 1
                            return acknowledged == count
                        }
                        if isEnough { kill(getpid(), SIGKILL) }
                        _ = try? journal.append(Samples.settlement(of: admission))
                    }
                }
            }
            group.addTask {
                while true { _ = try? await writer.drain() }
            }
        }
    }
}
