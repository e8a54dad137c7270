import Testing

@testable import Filtering

@Suite("A text screened in slices")
struct SlicedScreeningTests {
    @Test("is judged as in one go, whatever else is screened between its slices", arguments: 0..<4 as Range<UInt64>)
    func agrees(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        let screener = Screener()
        for policy in try ChunkingTests.compiled.get() {
            let text = (0..<2_000).map { _ in ChunkingTests.randomText(&random) }.joined(separator: " and some prose, ")
            let bytes = Array(text.utf8)
            #expect(bytes.count > 2 * SlicedScreening.sliceBytes)
            let whole = bytes.withUnsafeBufferPointer { screener.screen($0, side: .completion, policy: policy) }
            let redactions = screener.redactions
            let slices = screener.slices(of: bytes, side: .completion, policy: policy)
            while slices.goOn() {
                let other = Array(ChunkingTests.randomText(&random).utf8)
                _ = other.withUnsafeBufferPointer { screener.screen($0, side: .prompt, policy: policy) }
            }
            #expect(slices.finish() == whole)
            #expect(screener.redactions == redactions)
        }
    }

    @Test("may be short or empty")
    func short() throws {
        let screener = Screener()
        let policy = try Fixture.policy()
        for text in ["", "My card is \(ChunkingTests.number), thanks."] {
            let slices = screener.slices(of: Array(text.utf8), side: .completion, policy: policy)
            while slices.goOn() {}
            var whole = text
            let expected = whole.withUTF8 { screener.screen($0, side: .completion, policy: policy) }
            #expect(slices.finish() == expected)
        }
    }
}
