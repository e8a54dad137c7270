import Storage
import StorageTesting
import Testing

@testable import Moderation

@Suite("The store of samples")
struct SampleStoreTests {
    private static let seal = SampleSeal(hexadecimal: String(repeating: "0a", count: 32))
    private static let application = ApplicationID(at: Timestamp(microseconds: 0))

    private static func sample(_ second: Int) -> Sample {
        let at = Timestamp(microseconds: Int64(second) * 1_000_000)
        return Sample(
            id: SampleID(at: at), record: RecordID(at: at), at: at, application: application, stage: 1,
            side: "completion", reason: "unsure", probability: 0.0125, verdict: 2,
            findings: [
                .init(
                    rule: "pii/email", category: "pii.email", clause: "privacy", verdict: "flag", score: 1, start: 0,
                    end: 3)
            ], scores: ["hate": 0.25], isCut: true)
    }

    private func withStore(_ engine: StoreEngine, _ body: (SampleStore, SampleSeal) async throws -> Void) async throws {
        try await engine.withDatabase { database in
            try await database.migrate(Moderation.migrations, at: Timestamp(microseconds: 0))
            try await body(SampleStore(database: database), try #require(Self.seal))
        }
    }

    @Test("gives back what was kept, and its text under the same key alone", arguments: StoreEngine.allCases)
    func keeps(_ engine: StoreEngine) async throws {
        try await withStore(engine) { store, seal in
            let (first, second) = (Self.sample(1), Self.sample(2))
            #expect(
                try await store.add(
                    [(first, Array("one".utf8)), (second, [0xF0, 0x9F, 0x98, 0x80])], under: seal, countMax: 9) == 2)
            #expect(try await store.list(limit: 9) == [second, first])
            #expect(try await store.list(since: second.at, limit: 9) == [second])
            #expect(try await store.list(limit: 1) == [second])
            #expect(try await store.text(of: first.id, under: seal) == Array("one".utf8))
            let other = try #require(SampleSeal(hexadecimal: String(repeating: "0b", count: 32)))
            await #expect(throws: SampleError.notOpened(first.id)) { try await store.text(of: first.id, under: other) }
            let unknown = SampleID(at: Timestamp(microseconds: 7))
            await #expect(throws: SampleError.unknown(unknown)) { try await store.text(of: unknown, under: seal) }
            await #expect(throws: SampleError.unknown(unknown)) { try await store.find(unknown) }
            let rows = try await store.database.read { try $0.query("SELECT sealed FROM samples ORDER BY id") }
            let sealed: [UInt8] = try rows[0]["sealed"]
            #expect(sealed.firstRange(of: Array("one".utf8)) == nil)
            // One text in the place of another is noticed.
            try await store.database.write { try $0.execute("UPDATE samples SET sealed = $1", [sealed]) }
            await #expect(throws: SampleError.notOpened(second.id)) { try await store.text(of: second.id, under: seal) }
        }
    }

    @Test("keeps no more texts than there is room for", arguments: StoreEngine.allCases)
    func bounded(_ engine: StoreEngine) async throws {
        try await withStore(engine) { store, seal in
            let samples = (1...5).map { (Self.sample($0), [UInt8](repeating: 65, count: $0)) }
            #expect(try await store.add(Array(samples[..<2]), under: seal, countMax: 3) == 2)
            #expect(try await store.add(Array(samples[2...]), under: seal, countMax: 3) == 1)
            #expect(try await store.add(samples, under: seal, countMax: 3) == 0)
            try await store.forget(samples[0].0.id)
            #expect(try await store.add([samples[4]], under: seal, countMax: 3) == 1)
        }
    }

    @Test("keeps one judgement of each reviewer and category", arguments: StoreEngine.allCases)
    func labels(_ engine: StoreEngine) async throws {
        try await withStore(engine) { store, seal in
            let sample = Self.sample(1)
            _ = try await store.add([(sample, [65])], under: seal, countMax: 9)
            func label(_ reviewer: String, _ judgement: SampleLabel.Judgement, _ category: String = "hate")
                -> SampleLabel
            {
                SampleLabel(
                    sample: sample.id, category: category, reviewer: reviewer, judgement: judgement, at: sample.at)
            }
            for next in [
                label("jane", .yes), label("joe", .declined), label("jane", .no), label("jane", .unsure, "pii"),
            ] {
                try await store.label(next)
            }
            let expected = [label("jane", .no), label("joe", .declined), label("jane", .unsure, "pii")]
            #expect(try await store.labels() == expected)
            #expect(try await store.labels(since: Timestamp(microseconds: 2_000_000)).isEmpty)
            for name in ["", "  ", "Jane\u{A0}", "a\u{200B}b", String(repeating: "x", count: 65), "a\nb"] {
                let named = label(name, .yes)
                await #expect(throws: SampleError.invalidReviewer) { try await store.label(named) }
            }
            let stray = SampleLabel(
                sample: SampleID(at: Timestamp(microseconds: 9)), category: "hate", reviewer: "jane", judgement: .yes,
                at: sample.at)
            await #expect(throws: SampleError.unknown(stray.sample)) { try await store.label(stray) }
        }
    }

    @Test("erases texts in time, and keeps what was judged", arguments: StoreEngine.allCases)
    func forgets(_ engine: StoreEngine) async throws {
        try await withStore(engine) { store, seal in
            let samples = (1...4).map(Self.sample)
            _ = try await store.add(samples.map { ($0, [65]) }, under: seal, countMax: 9)
            let label = SampleLabel(
                sample: samples[0].id, category: "hate", reviewer: "jane", judgement: .yes, at: samples[0].at)
            try await store.label(label)
            #expect(try await store.forget(before: samples[2].at) == 2)
            #expect(try await store.list(limit: 9).map(\.id) == [samples[3].id, samples[2].id, samples[0].id])
            await #expect(throws: SampleError.textGone(samples[0].id)) {
                try await store.text(of: samples[0].id, under: seal)
            }
            #expect(try await store.labels() == [label])
            #expect(try await store.forget(before: samples[2].at) == 0)
        }
    }

    @Test("looks for what waits in the order of ids, without sorting")
    func plan() async throws {
        try await withStore(.sqlite) { store, _ in
            let rows = try await store.database.read { reader in
                try reader.query(
                    "EXPLAIN QUERY PLAN " + SampleStore.waiting, [SampleID(high: 0, low: 0), 500, "jane"])
            }
            let details = try rows.map { try $0["detail"] as String }
            #expect(!details.contains { $0.contains("TEMP B-TREE") || $0.hasPrefix("SCAN") }, "\(details)")
        }
    }

    @Test(
        "takes 64 hexadecimal digits for a key",
        arguments: [
            (" " + String(repeating: "aF", count: 32) + "\n", true), (String(repeating: "a", count: 63), false),
            (String(repeating: "ag", count: 32), false), ("", false), (String(repeating: "aa", count: 33), false),
        ])
    func key(text: String, isKey: Bool) {
        #expect((SampleSeal(hexadecimal: text) != nil) == isKey)
    }
}
