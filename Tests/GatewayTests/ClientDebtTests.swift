import NIOCore
import Testing

@testable import Gateway

@Suite("What a client owes")
struct ClientDebtTests {
    let clock = LoopClock()
    var debt: ClientDebt

    init() {
        var settings = HTTPSettings()
        settings.headTimeout = .seconds(2)
        settings.bodyTimeout = .seconds(3)
        settings.writeTimeout = .seconds(4)
        settings.keepAliveTimeout = .seconds(9)
        debt = ClientDebt(settings: settings, at: clock.now)
    }

    /// Lets the loop's clock tick until the deadline has passed; the seconds that took.
    private func pass(within seconds: Int = 60) -> Int {
        let begin = clock.now
        while clock.now <= debt.deadline, clock.now - begin < .seconds(Int64(seconds)) {
            clock.advance(by: LoopClock.tick)
        }
        return Int((clock.now - begin).nanoseconds / 1_000_000_000)
    }

    @Test("a head that has begun is told to be slow; a client that sent nothing is gone")
    mutating func head() {
        #expect(pass() == 2)
        #expect(debt.lapse(isInsideHead: true, left: 0, at: clock.now) == .slowHead)
        debt.oweHead(at: clock.now)
        #expect(debt.lapse(isInsideHead: false, left: 0, at: clock.now) == .gone)
    }

    @Test("a slow body is told once")
    mutating func body() {
        debt.oweBody(at: clock.now)
        #expect(pass() == 3)
        #expect(debt.lapse(isInsideHead: false, left: 0, at: clock.now) == .slowBody)
        #expect(debt.deadline == .distantFuture)
        #expect(debt.lapse(isInsideHead: false, left: 0, at: clock.now) == .nothing)
    }

    @Test("who takes a byte of an answer in time gets time for the rest, and who takes none is gone")
    mutating func taking() {
        debt.oweTaking(left: 3, at: clock.now)
        for left in [2, 1] {
            #expect(pass() == 4)
            #expect(debt.lapse(isInsideHead: false, left: left, at: clock.now) == .nothing)
        }
        #expect(pass() == 4)
        #expect(debt.lapse(isInsideHead: false, left: 1, at: clock.now) == .gone)
    }

    @Test("a kept connection stays for its time, from when the answer was taken")
    mutating func request() {
        debt.oweRequest(left: nil, at: clock.now)
        #expect(pass() == 4)
        #expect(debt.lapse(isInsideHead: false, left: 7, at: clock.now) == .nothing)
        #expect(pass() == 4)
        #expect(debt.lapse(isInsideHead: false, left: 0, at: clock.now) == .nothing)
        #expect(pass() == 5)
        #expect(debt.lapse(isInsideHead: false, left: 0, at: clock.now) == .gone)
    }

    @Test("a kept connection whose answer nobody takes does not stay")
    mutating func untaken() {
        debt.oweRequest(left: 7, at: clock.now)
        #expect(pass() == 4)
        #expect(debt.lapse(isInsideHead: false, left: 7, at: clock.now) == .gone)
    }

    @Test("who owes nothing has all time, and who should close has five seconds")
    mutating func end() {
        debt.oweNothing()
        #expect(pass() == 60)
        debt.oweEnd(at: clock.now)
        #expect(pass() == 5)
        #expect(debt.lapse(isInsideHead: false, left: 0, at: clock.now) == .gone)
    }
}
