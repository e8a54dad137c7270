import Foundation
import Snapshots
import Storage
import StorageTesting
import Testing

@testable import Records

@Suite("When the disk fails, the journal", .timeLimit(.minutes(10)))
struct JournalFaultTests {
    let fixture: StoreFixture

    init() async throws {
        fixture = try await StoreFixture(.sqlite)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var step: FaultyFiles.Step
        var isAfter: Bool
        var durability: JournalDurability
        var code: Int32
        /// Whether callers write.
        var isInTurns: Bool
        var testDescription: String {
            "\(step.rawValue) fails \(isAfter ? "after" : "before") it took effect, \(durability), errno \(code)"
                + (isInTurns ? ", in turns" : "")
        }

        static let all = FaultyFiles.Step.ofWriter.flatMap { step in
            [false, true].flatMap { isAfter in
                [(JournalDurability.crash, false), (.crash, true), (.power, false)].flatMap { durability, isInTurns in
                    [ENOSPC, EIO].map {
                        Case(step: step, isAfter: isAfter, durability: durability, code: $0, isInTurns: isInTurns)
                    }
                }
            }
        }
    }

    /// Entries until the fault struck and the journal came back; those that were acknowledged.
    private func work(_ journal: Journal, _ files: FaultyFiles) async -> (kept: [RecordID], refused: [RecordID]) {
        var kept: [RecordID] = []
        var refused: [RecordID] = []
        for _ in 0..<200 where !files.haveStruck || kept.count < 4 || journal.state != .healthy {
            let admission = Samples.admission()
            do {
                let position = try journal.append(refused: admission, Samples.settlement(of: admission))
                if journal.isWrittenInTurns { journal.writeNow() }
                try await journal.written(position)
                kept.append(admission.record)
            } catch {
                refused.append(admission.record)
                // Recovery pauses for 10 ms at first.
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
        return (kept, refused)
    }

    @Test("acknowledges nothing that is not there, and takes entries again by itself", arguments: Case.all)
    func faultTable(_ fault: Case) async throws {
        let files = FaultyFiles()
        let notices = Notices()
        // Segments so small that every third batch begins one, so that every step is taken.
        let journal = try fixture.journal(files: files, notices: notices) {
            $0.durability = fault.durability
            $0.isWrittenInTurns = fault.isInTurns
            $0.segmentBytesMax = fault.step == .truncate ? 1 << 20 : 600
            $0.syncMicroseconds = 1_000
        }
        let armed = FaultyFiles.Fault(
            step: fault.step, call: fault.step == .truncate ? 1 : 2, isAfter: fault.isAfter, code: fault.code)
        // Only recovery truncates, so a write has to fail first.
        let cause = FaultyFiles.Fault(step: .write, call: 2, isAfter: true, code: fault.code)
        if fault.step == .truncate { files.arm(cause, armed) } else { files.arm(armed) }
        let (kept, refused) = await work(journal, files)
        #expect(files.haveStruck)
        journal.close()
        let written = Set(
            try frames(in: fixture.folder.path + "/journal").compactMap { frame -> RecordID? in
                if case .refused(let admission, _) = frame { admission.record } else { nil }
            })
        #expect(written.isSuperset(of: kept))
        #expect(written.isDisjoint(with: refused))
        #expect(kept.count >= 4)
    }

    @Test("writes on after interrupted and short writes")
    func shortWrites() async throws {
        let files = FaultyFiles()
        files.writeInPieces(of: 7)
        let journal = try fixture.journal(files: files)
        let admission = Samples.admission()
        try await journal.written(try journal.append(admission))
        journal.close()
        #expect(try frames(in: fixture.folder.path + "/journal") == [.admission(admission)])
    }

    @Test("closes an exchange whose settlement was refused as interrupted, charged in full, once it is back")
    func lostSettlement() async throws {
        let files = FaultyFiles()
        let journal = try fixture.journal(files: files)
        let writer = fixture.writer(journal)
        let admission = Samples.admission()
        try await journal.written(try journal.append(admission))
        files.arm(.init(step: .write, isAfter: true))
        await #expect(throws: JournalError.self) {
            try await journal.written(try journal.append(Samples.settlement(of: admission)))
        }
        while journal.state != .healthy { try await Task.sleep(for: .milliseconds(5)) }
        journal.close()
        try await writer.drain()
        let record = try #require(try await fixture.store.record(admission.record))
        #expect(record.settlement.outcome == .interrupted)
        #expect(record.settlement.inputTokens == admission.tokensReserved)
        #expect(record.settlement.tokensEstimated)
        #expect(try await fixture.requests() == 1)
    }

    @Test(
        "stops on a full disk, says so, and goes on when there is space",
        .enabled(if: getuid() == 0 && access("/usr/bin/mount", X_OK) == 0, "needs root and mount"))
    func fullDisk() async throws {
        let mount = fixture.folder.path + "/small"
        mkdir(mount, 0o700)
        try run("/usr/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount)
        defer { try? run("/usr/bin/umount", "-l", mount) }
        let notices = Notices()
        let journal = try Journal(
            Journal.Configuration(folder: mount + "/journal", segmentBytesMax: 1 << 20), notice: notices.add)
        let ballast = mount + "/ballast"
        #expect(FileManager.default.createFile(atPath: ballast, contents: Data(count: 900 << 10)))
        var kept: [RecordID] = []
        while true {
            let admission = Samples.admission()
            do {
                try await journal.written(try journal.append(admission))
                kept.append(admission.record)
            } catch {
                #expect(error == .failed(code: ENOSPC))
                break
            }
        }
        #expect(journal.state == .failed(.failed(code: ENOSPC)))
        try FileManager.default.removeItem(atPath: ballast)
        while journal.state != .healthy { try await Task.sleep(for: .milliseconds(5)) }
        let admission = Samples.admission()
        try await journal.written(try journal.append(admission))
        kept.append(admission.record)
        journal.close()
        #expect(notices.all == [.writeFailed(code: ENOSPC), .recovered])
        let written = try frames(in: mount + "/journal").compactMap { frame -> RecordID? in
            if case .admission(let admission) = frame { admission.record } else { nil }
        }
        #expect(written == kept)
    }

    private func run(_ arguments: String...) throws {
        #expect(try ChildProcess(arguments).wait() == 0)
    }
}
