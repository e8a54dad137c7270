import Testing

@testable import SharedLimits

@Suite("Breaker")
struct BreakerTests {
    @Test("opens after three failures in a row, and not before")
    func opens() {
        var breaker = Breaker()
        breaker.tries()
        breaker.recovered()
        var opened = [breaker.failed(at: 0, jitter: 0.5), breaker.failed(at: 0, jitter: 0.5)]
        breaker.succeeded()
        for time: Int64 in [0, 0, 7] { opened.append(breaker.failed(at: time, jitter: 0.5)) }
        #expect(opened == [false, false, false, false, true])
        #expect(breaker.state == .open(until: 7 + Breaker.pauseMin))
    }

    @Test("waits longer each time until a call succeeds, within bounds and with jitter", arguments: [0.0, 0.3, 1.0])
    func pauses(jitter: Double) {
        var breaker = Breaker()
        var pauses: [Int64] = []
        for _ in 0..<14 {
            breaker.tries()
            breaker.recovered()
            breaker.open(at: 1_000, jitter: jitter)
            pauses.append((breaker.triesAt ?? 0) - 1_000)
        }
        #expect(pauses == pauses.sorted())
        #expect(pauses.first == Int64(Double(Breaker.pauseMin) * (0.5 + jitter)))
        #expect(pauses.last == Int64(Double(Breaker.pauseMax) * (0.5 + jitter)))
        breaker.succeeded()
        breaker.open(at: 1_000, jitter: jitter)
        #expect((breaker.triesAt ?? 0) - 1_000 == pauses.first)
    }

    @Test("asks nobody while it is open, and tries at first")
    func tries() {
        var breaker = Breaker()
        #expect(breaker.triesAt != nil)
        breaker.tries()
        #expect(breaker.triesAt == nil && breaker.state != .closed)
        breaker.open(at: 0, jitter: 0)
        let opensAgain = breaker.failed(at: 1, jitter: 0)
        #expect(!opensAgain)
        #expect(breaker.triesAt == Breaker.pauseMin / 2)
    }
}
