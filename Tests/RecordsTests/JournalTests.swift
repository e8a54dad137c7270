import Foundation
import StorageTesting
import Testing

@testable import Records

/// The frames of all segments in a folder, in order.
func frames(in folder: String) throws -> [Frame] {
    var frames: [Frame] = []
    for segment in Segment.numbers(in: try SystemFiles().names(in: folder)) {
        let bytes = try SystemFiles().bytes(of: Segment.path(of: segment, in: folder), from: 0, to: nil)
        _ = bytes.withUnsafeBytes { Segment.read($0, segment: segment) { frame, _ in frames.append(frame) } }
    }
    return frames
}

@Suite("The journal", .timeLimit(.minutes(10)))
struct JournalTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func journal(
        _ durability: JournalDurability = .crash, _ change: (inout Journal.Configuration) -> Void = { _ in }
    ) throws -> Journal {
        var configuration = Journal.Configuration(folder: folder.path, durability: durability)
        change(&configuration)
        return try Journal(configuration)
    }

    @Test("has an entry in its file once it says that it is written", arguments: JournalDurability.allCases)
    func writesBeforeItSaysSo(durability: JournalDurability) async throws {
        let journal = try journal(durability)
        let admission = Samples.admission()
        try await journal.written(try journal.append(admission))
        #expect(try frames(in: folder.path) == [.admission(admission)])
        let settlement = Samples.settlement(of: admission)
        try await journal.written(try journal.append(settlement))
        #expect(try frames(in: folder.path) == [.admission(admission), .settlement(settlement)])
        journal.close()
    }

    @Test("keeps every entry of many callers at once, in order, over many segments")
    func manyCallers() async throws {
        let journal = try journal { $0.segmentBytesMax = 10_000 }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<16 {
                group.addTask {
                    for _ in 0..<100 {
                        let admission = Samples.admission(model: "model-\(caller)")
                        let first = try journal.append(admission)
                        try await journal.written(first)
                        let second = try journal.append(Samples.settlement(of: admission))
                        #expect(first < second)
                        try await journal.written(second)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(journal.load.open == 0)
        journal.close()
        let segments = Segment.numbers(in: try SystemFiles().names(in: folder.path))
        #expect(segments.count > 10)
        for segment in segments {
            #expect(try SystemFiles().size(of: Segment.path(of: segment, in: folder.path)) <= 10_000)
        }
        #expect(try frames(in: folder.path).count == 3_200)
    }

    @Test("lets only its owner read, and only one process write")
    func isPrivate() throws {
        let path = folder.path + "/journal"
        let journal = try Journal(Journal.Configuration(folder: path))
        #expect(throws: JournalError.inUse) { try Journal(Journal.Configuration(folder: path)) }
        for name in ["", "/lock", "/00000001.log"] {
            let mode = try FileManager.default.attributesOfItem(atPath: path + name)[.posixPermissions] as? Int
            #expect(mode == (name.isEmpty ? 0o700 : 0o600))
        }
        journal.close()
        try Journal(Journal.Configuration(folder: path)).close()
    }

    @Test("gives its folder back although a child process, just being made, still has the lock's file open")
    func givesBack() throws {
        let path = folder.path + "/journal"
        let journal = try Journal(Journal.Configuration(folder: path))
        let names = try SystemFiles().names(in: "/proc/self/fd")
        let lock = try #require(
            names.compactMap { Int32($0) }.first {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path + "/lock"
            })
        let copy = dup(lock)
        defer { close(copy) }
        journal.close()
        try Journal(Journal.Configuration(folder: path)).close()
    }

    @Test("refuses admissions at its bound, and still takes the settlements of those it let in")
    func bound() async throws {
        let journal = try journal { $0.bytesMax = 20_000 }
        var admitted: [Admission] = []
        #expect(throws: JournalError.full) {
            while true {
                let admission = Samples.admission()
                _ = try journal.append(admission)
                admitted.append(admission)
            }
        }
        #expect(admitted.count > 10)
        #expect(journal.state == .healthy || journal.state == .failed(.full))
        for admission in admitted { try journal.append(Samples.settlement(of: admission)) }
        journal.close()
        #expect(try frames(in: folder.path).count == admitted.count * 2)
        #expect(try SystemFiles().size(of: Segment.path(of: 1, in: folder.path)) <= 20_000)
    }

    @Test("takes nothing after it was closed, and writes what it had taken")
    func closes() async throws {
        let journal = try journal()
        let position = try journal.append(Samples.admission())
        journal.close()
        #expect(try frames(in: folder.path).count == 1)
        try await journal.written(position)
        #expect(throws: (any Error).self) { try journal.append(Samples.admission()) }
    }

    @Test("drops damaged parts that were put aside once they are old")
    func dropsDamaged() throws {
        let journal = try journal()
        for (name, age) in [("00000001.log.corrupt", 100.0), ("00000002.log.corrupt", 10), ("notes.corrupt", 100)] {
            let path = folder.path + "/" + name
            try Data([1]).write(to: URL(fileURLWithPath: path))
            let date = Date(timeIntervalSince1970: Double(Samples.noon.microseconds) / 1e6 - age * 86_400)
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
        }
        let from = Retention(recordDays: 92).recordsFrom(at: Samples.noon)
        #expect(try journal.dropDamaged(before: from) == ["00000001.log.corrupt"])
        #expect(try journal.dropDamaged(before: from).isEmpty)
        let names = try SystemFiles().names(in: folder.path)
        #expect(Set(names).isSuperset(of: ["00000001.log", "00000002.log.corrupt", "notes.corrupt"]))
        journal.close()
    }
}
