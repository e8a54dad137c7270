import Testing

@testable import Records

@Suite("How long the journal lets entries gather")
struct LingerTests {
    @Test("comes to what sixteen entries take", arguments: [20, 50, 70])
    func converges(entriesPerMillisecond rate: Int) {
        var linger = Linger(within: 100...900)
        for _ in 0..<20 { linger.learn(entries: linger.microseconds * rate / 1_000) }
        #expect(abs(linger.microseconds - 16_000 / rate) <= 16_000 / rate / 8)
    }

    @Test("stays within its bounds, whatever comes", arguments: [0, 1, 1_000_000, Int.max])
    func isBounded(entries: Int) {
        var linger = Linger(within: 200...500)
        for _ in 0..<20 { linger.learn(entries: entries) }
        #expect(linger.microseconds == (entries < 2 ? 500 : 200))
    }
}
