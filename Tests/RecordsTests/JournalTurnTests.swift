import Snapshots
import Storage
import StorageTesting
import Testing

@testable import Records

/// As event loops write: what a turn appended, at its end.
@Suite("A journal that is written in turns", .timeLimit(.minutes(10)))
struct JournalTurnTests {
    let fixture: StoreFixture

    init() async throws {
        fixture = try await StoreFixture(.sqlite)
    }

    /// A journal whose thread sleeps, which at first looks whether there is anything to do.
    private func journal(
        _ fixture: StoreFixture, _ files: FaultyFiles = FaultyFiles(), segmentBytesMax: Int = 64 << 20
    ) throws -> Journal {
        let journal = try fixture.journal(files: files) {
            $0.isWrittenInTurns = true
            $0.segmentBytesMax = segmentBytesMax
        }
        while !journal.core.state.withLock(\.isParked) { OwnedThread.nap(microseconds: 100) }
        return journal
    }

    private func append(_ journal: Journal) throws -> JournalPosition {
        let admission = Samples.admission()
        return try journal.append(refused: admission, Samples.settlement(of: admission))
    }

    private func records() throws -> [RecordID] {
        try frames(in: fixture.folder.path + "/journal").compactMap { frame in
            if case .refused(let admission, _) = frame { admission.record } else { nil }
        }
    }

    @Test("has all that was appended with one write, and no thread")
    func writes() throws {
        let files = FaultyFiles()
        let journal = try journal(fixture, files)
        files.arm()
        let positions = try (0..<5).map { _ in try append(journal) }
        #expect(positions.allSatisfy { journal.result(of: $0) == nil })
        #expect(journal.writeNow() == true)
        #expect(positions.allSatisfy { (try? journal.result(of: $0)?.get()) != nil })
        #expect(files.calls(of: .write) == 1)
        // There is nothing more.
        #expect(journal.writeNow() == true && files.calls(of: .write) == 1)
        #expect(try records().count == 5)
    }

    @Test("leaves to its thread what needs a new file, and what comes after a slow write")
    func leavesToThread() async throws {
        let files = FaultyFiles()
        let journal = try journal(fixture, files, segmentBytesMax: 600)
        var count = 0
        var left = 0
        while left < 2 {
            let position = try append(journal)
            count += 1
            if journal.writeNow() == false { left += 1 }
            try await journal.written(position)
        }
        let other = try await StoreFixture(.sqlite)
        let slow = try self.journal(other, files)
        files.slowDown(by: 5_000)
        _ = try append(slow)
        #expect(slow.writeNow() == true)
        let position = try append(slow)
        #expect(slow.writeNow() == false)
        try await slow.written(position)
        journal.close()
        #expect(try records().count == count)
    }

    @Test("says so while another thread writes")
    func busy() throws {
        let journal = try journal(fixture)
        _ = try append(journal)
        let (inside, outside) = (Semaphore(), Semaphore())
        let thread = try OwnedThread {
            journal.core.pen.withLock { _ in
                inside.post()
                outside.wait()
            }
        }
        inside.wait()
        #expect(journal.writeNow() == nil)
        outside.post()
        thread.join()
        #expect(journal.writeNow() == true)
    }

    /// Catches waiters that nobody resumes, and entries that are written twice or never.
    @Test("has each entry once, whoever writes and waits")
    func stress() async throws {
        let journal = try journal(fixture, segmentBytesMax: 64 << 10)
        try await withThrowingTaskGroup { tasks in
            for task in 0..<8 {
                tasks.addTask {
                    for round in 0..<400 {
                        let position = try append(journal)
                        // Some write and do not wait, some wait and do not write.
                        if (task + round).isMultiple(of: 3) { _ = journal.writeNow() }
                        if !(task + round).isMultiple(of: 5) { try await journal.written(position) }
                    }
                }
            }
            try await tasks.waitForAll()
        }
        journal.close()
        let records = try records()
        #expect(records.count == 3_200 && Set(records).count == 3_200)
    }

    @Test("writes what is left when it closes")
    func closes() throws {
        let journal = try journal(fixture)
        for _ in 0..<3 { _ = try append(journal) }
        journal.close()
        #expect(try records().count == 3)
    }
}
