import Foundation
import Testing

@testable import Records

@Suite("A damaged journal", .timeLimit(.minutes(10)))
struct JournalFuzzTests {
    let fixture: StoreFixture

    init() async throws {
        fixture = try await StoreFixture(.sqlite)
    }

    private func path(_ segment: UInt32) -> String {
        Segment.path(of: segment, in: fixture.folder.path + "/journal")
    }

    /// Three segments of refused exchanges; what was appended.
    private func prepare(using generator: inout SeededGenerator) throws -> [Frame] {
        let journal = try fixture.journal { $0.segmentBytesMax = 6_000 }
        var frames: [Frame] = []
        while frames.count < 40 {
            let admission = Samples.admission(using: &generator)
            let settlement = Samples.settlement(of: admission, using: &generator)
            let record = Record(admission: admission, settlement: settlement)
            guard record.fitsFrame else { continue }
            try journal.append(refused: admission, settlement)
            frames.append(.refused(admission, settlement))
        }
        journal.close()
        return frames
    }

    private func read(notices: Notices) throws -> [Frame] {
        let folder = fixture.folder.path + "/journal"
        var reader = JournalReader(
            folder: folder, from: JournalOffset(segment: 0, byte: 0), notice: notices.add)
        let end = JournalOffset(segment: 1_000, byte: 0)
        var frames: [Frame] = []
        while try reader.next(before: end, { frame, _ in frames.append(frame) }) {}
        return frames
    }

    @Test("never yields a record that was not written, and never goes unreported", arguments: 0..<40 as Range<UInt64>)
    func fuzz(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let written = try prepare(using: &generator)
        #expect(try read(notices: Notices()) == written)
        let segment = try fixture.segments.randomElement(using: &generator)!
        var bytes = try SystemFiles().bytes(of: path(segment), from: 0, to: nil)
        guard !bytes.isEmpty else { return }
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes.removeLast(.random(in: 1...bytes.count, using: &generator))
        case 1: bytes[.random(in: bytes.indices, using: &generator)] ^= 1 << UInt8.random(in: 0...7, using: &generator)
        case 2:
            let start = Int.random(in: bytes.indices, using: &generator)
            for index in start..<min(bytes.count, start + 512) {
                bytes[index] = .random(in: 0...255, using: &generator)
            }
        default:
            bytes.insert(contentsOf: repeatElement(0, count: 300), at: .random(in: bytes.indices, using: &generator))
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path(segment)))
        let notices = Notices()
        let found = try read(notices: notices)
        #expect(Set(found).isSubset(of: Set(written)))
        #expect(Set(found).count == found.count)
        #expect(
            found.count == written.count || !notices.all.isEmpty || bytes.count == Segment.headerBytes
                || isCutAtFrame(segment, bytes))
    }

    /// A file cut exactly where a frame ends looks like one that was never longer.
    private func isCutAtFrame(_ segment: UInt32, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { Segment.read($0, segment: segment) { _, _ in }.end } == .clean
    }

    @Test("loses only a torn last frame, and is cut back when it is opened again")
    func tornTail() async throws {
        var generator = SeededGenerator(seed: 7)
        let written = try prepare(using: &generator)
        let last = try #require(try fixture.segments.last)
        let whole = try SystemFiles().bytes(of: path(last), from: 0, to: nil)
        try Data(whole.dropLast(5)).write(to: URL(fileURLWithPath: path(last)))
        let notices = Notices()
        let journal = try fixture.journal(notices: notices)
        let size = try SystemFiles().size(of: path(last))
        #expect(notices.all == [.tornTail(segment: last, bytes: whole.count - 5 - size)])
        #expect(try read(notices: Notices()) == written.dropLast())
        let writer = fixture.writer(journal)
        try await writer.drain()
        #expect(try await fixture.all().count == written.count - 1)
        journal.close()
    }

    @Test("is put aside with a notice, and loses the damaged entry alone")
    func damaged() async throws {
        var generator = SeededGenerator(seed: 8)
        let written = try prepare(using: &generator)
        // Not the last entry of a segment, which would look like what a crash left.
        let first = try #require(
            try fixture.segments.first { places(try SystemFiles().bytes(of: path($0), from: 0, to: nil), $0).count > 2 }
        )
        var bytes = try SystemFiles().bytes(of: path(first), from: 0, to: nil)
        bytes[Segment.headerBytes + 20] ^= 0xFF
        try Data(bytes).write(to: URL(fileURLWithPath: path(first)))
        let notices = Notices()
        let journal = try fixture.journal()
        try await fixture.writer(journal, notices: notices).drain()
        journal.close()
        let length = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: Segment.headerBytes, as: UInt32.self) }
        #expect(
            notices.all == [
                .corrupt(segment: first, offset: Segment.headerBytes, bytes: Frame.prefixBytes + Int(length))
            ])
        #expect(try await fixture.all().count == written.count - 1)
        #expect(try await fixture.requests() == written.count - 1)
        #expect(FileManager.default.fileExists(atPath: path(first) + ".corrupt"))
    }

    @Test("loses nothing more if the disk fails while the damage is looked at", arguments: 1...6)
    func damagedAndFaulty(call: Int) throws {
        var generator = SeededGenerator(seed: 8)
        let written = try prepare(using: &generator)
        let segment = try #require(
            try fixture.segments.first { places(try SystemFiles().bytes(of: path($0), from: 0, to: nil), $0).count > 3 }
        )
        var bytes = try SystemFiles().bytes(of: path(segment), from: 0, to: nil)
        bytes[places(bytes, segment)[1] + 20] ^= 0xFF
        try Data(bytes).write(to: URL(fileURLWithPath: path(segment)))
        let files = FaultyFiles()
        files.arm(.init(step: .read, call: call, isAfter: false, code: EIO))
        var reader = JournalReader(
            folder: fixture.folder.path + "/journal", files: files, from: JournalOffset(segment: 0, byte: 0),
            notice: { _ in })
        var frames: [Frame] = []
        var faults = 0
        while true {
            do throws(FileFault) {
                guard
                    try reader.next(
                        before: JournalOffset(segment: 1_000, byte: 0), { frame, _ in frames.append(frame) })
                else { break }
            } catch { faults += 1 }
        }
        #expect(faults == 1 && frames.count == written.count - 1 && Set(frames).isSubset(of: Set(written)))
    }

    /// Where the frames of a segment begin, and its end.
    private func places(_ bytes: [UInt8], _ segment: UInt32) -> [Int] {
        var places: [Int] = []
        _ = bytes.withUnsafeBytes { Segment.read($0, segment: segment) { _, place in places.append(place) } }
        return places + [bytes.count]
    }

    @Test("is read on behind every gap, however many and wherever they are", arguments: 0..<20 as Range<UInt64>)
    func gaps(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let written = try prepare(using: &generator)
        var lost = 0
        var expected: [JournalNotice] = []
        for segment in try fixture.segments {
            var bytes = try SystemFiles().bytes(of: path(segment), from: 0, to: nil)
            let places = places(bytes, segment)
            var gap: (start: Int, end: Int)?
            // The last one stays, so that nothing looks like what a crash left.
            for (start, end) in zip(places, places.dropFirst()).dropLast() where Bool.random(using: &generator) {
                bytes[.random(in: start..<end, using: &generator)] ^= 1 << UInt8.random(in: 0...7, using: &generator)
                lost += 1
                if let open = gap, open.end == start {
                    gap = (open.start, end)
                } else {
                    if let gap {
                        expected.append(.corrupt(segment: segment, offset: gap.start, bytes: gap.end - gap.start))
                    }
                    gap = (start, end)
                }
            }
            if let gap { expected.append(.corrupt(segment: segment, offset: gap.start, bytes: gap.end - gap.start)) }
            try Data(bytes).write(to: URL(fileURLWithPath: path(segment)))
        }
        let notices = Notices()
        let found = try read(notices: notices)
        #expect(found.count == written.count - lost)
        #expect(found == written.filter(Set(found).contains))
        #expect(notices.all == expected)
    }

    @Test("is read on behind a gap that is longer than what is read at once")
    func longGap() throws {
        var generator = SeededGenerator(seed: 9)
        let written = try prepare(using: &generator)
        let first = try #require(try fixture.segments.first)
        var bytes = try SystemFiles().bytes(of: path(first), from: 0, to: nil)
        let place = places(bytes, first)[1]
        bytes.insert(contentsOf: repeatElement(0xFF, count: 5 << 20), at: place)
        try Data(bytes).write(to: URL(fileURLWithPath: path(first)))
        let notices = Notices()
        #expect(try read(notices: notices) == written)
        #expect(notices.all == [.corrupt(segment: first, offset: place, bytes: 5 << 20)])
    }

    @Test("is read behind a damaged header, but not behind the sound header of another segment or version")
    func headers() throws {
        var generator = SeededGenerator(seed: 10)
        let written = try prepare(using: &generator)
        let first = try #require(try fixture.segments.first)
        let whole = try SystemFiles().bytes(of: path(first), from: 0, to: nil)
        var damaged = whole
        damaged[9] ^= 1
        try Data(damaged).write(to: URL(fileURLWithPath: path(first)))
        var notices = Notices()
        #expect(try read(notices: notices) == written)
        #expect(notices.all == [.corrupt(segment: first, offset: 0, bytes: Segment.headerBytes)])
        let another = Segment.header(of: first + 7) + whole.dropFirst(Segment.headerBytes)
        try Data(another).write(to: URL(fileURLWithPath: path(first)))
        notices = Notices()
        #expect(try read(notices: notices) == written.suffix(written.count - places(whole, first).count + 1))
        #expect(notices.all == [.corrupt(segment: first, offset: 0, bytes: whole.count)])
    }

    @Test("still joins the two halves of an exchange on both sides of a gap")
    func halves() async throws {
        let journal = try fixture.journal()
        let admissions = (0..<3).map { _ in Samples.admission() }
        for admission in admissions { _ = try journal.append(admission) }
        try journal.append(Samples.settlement(of: admissions[0]))
        journal.close()
        let segment = try #require(try fixture.segments.first)
        var bytes = try SystemFiles().bytes(of: path(segment), from: 0, to: nil)
        bytes[places(bytes, segment)[1] + 12] ^= 4
        try Data(bytes).write(to: URL(fileURLWithPath: path(segment)))
        let next = try fixture.journal()
        try await fixture.writer(next).drain()
        next.close()
        #expect(try await fixture.store.record(admissions[0].record)?.settlement.outcome == .answered)
        #expect(try await fixture.store.record(admissions[1].record) == nil)
        #expect(try await fixture.store.record(admissions[2].record)?.settlement.outcome == .interrupted)
    }
}
