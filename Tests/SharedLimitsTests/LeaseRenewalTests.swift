import Limits
import Testing

@testable import SharedLimits

/// One organisation of one process, and a Redis that takes its time.
private struct Organisation {
    /// Nanoseconds from a call to its answer.
    let roundTrip: Int64
    let terms = LeaseTerms()
    var group = LeaseGroup(LeaseTerms())
    var redis = ScriptModel()
    var now: Int64 = 1_000_000_000_000
    private var dataSet = LeaseScript.DataSet()
    private var call: (call: LeaseCall, sentAt: Int64)?
    private var tickedAt: Int64 = 0
    private var waiters = 0
    /// Subjects that Redis said it had forgotten.
    var gone: Set<UInt64> = []
    var outcomes: [Int: LeaseOutcome] = [:]

    init(roundTrip: Int64) { self.roundTrip = roundTrip }

    static func key(_ id: UInt64) -> LimitSubjects {
        let free = LimitSubject(id: 1, settings: .unlimited)
        let limits = LimitSettings(tokensPerMinute: 1_000, concurrentRequests: 10)
        return LimitSubjects(key: LimitSubject(id: id, settings: limits), application: free, organisation: free)
    }

    /// Lets a request wait.
    @discardableResult
    mutating func ask(_ subjects: LimitSubjects, tokens: Int) -> Int {
        waiters += 1
        group.wait(LeaseWaiter(id: waiters, subjects: subjects, tokens: tokens))
        if let call = group.beginCall(at: now, sweeping: false) { begin(call) }
        return waiters
    }

    private mutating func begin(_ call: LeaseCall) { self.call = (call, now) }

    /// Goes on by a millisecond, as the link's thread does.
    mutating func step() {
        now += 1_000_000
        if let (call, sentAt) = call, now - sentAt >= roundTrip {
            self.call = nil
            let (answer, dataSet) = redis.serve(
                call, process: "a", knows: dataSet, lifetime: Int(terms.lifetime / 1_000), clock: Int(now / 1_000))
            self.dataSet = dataSet
            for (asked, told) in zip(call.subjects, answer.subjects) where told.state == .gone {
                gone.insert(asked.key.id)
            }
            for (waiter, outcome) in group.endCall(answer, at: now) { outcomes[waiter.id] = outcome }
            if let next = group.nextCall(at: now) { begin(next) }
        }
        if now - tickedAt >= RedisLink.tick {
            tickedAt = now
            if let call = group.beginCall(at: now, sweeping: true) { begin(call) }
        }
    }
}

@Suite("Renewal of leases")
struct LeaseRenewalTests {
    /// A long stream of its own key, and other keys that keep the calls full.
    @Test("goes on for a quiet key while others of its organisation never stop asking", arguments: [1, 10, 60, 200])
    func quiet(busyKeys: Int) {
        var organisation = Organisation(roundTrip: 20_000_000)
        let quiet = Organisation.key(10)
        let waiter = organisation.ask(quiet, tokens: 500)
        while organisation.outcomes.isEmpty { organisation.step() }
        guard case .granted(let holding) = organisation.outcomes[waiter] else {
            Issue.record("It was not granted.")
            return
        }
        for step in 0..<20_000 {
            // Too much for a lease to cover, so it has to wait.
            if step % 2 == 0 {
                organisation.ask(Organisation.key(100 + UInt64(step / 2 % busyKeys)), tokens: 60)
            }
            organisation.step()
        }
        #expect(!organisation.gone.contains(10))
        organisation.group.settle(holding, actual: 40)
        let last = organisation.ask(quiet, tokens: 950)
        while organisation.outcomes[last] == nil { organisation.step() }
        guard case .granted = organisation.outcomes[last] else {
            Issue.record("All that it reserved was charged, though it used little.")
            return
        }
    }

    @Test("reaches all keys of a large organisation, busy as they are", arguments: [128, 500, 2_000])
    func many(keys: Int) {
        var organisation = Organisation(roundTrip: 2_000_000)
        var random = Seeded(UInt64(keys))
        var holdings: [(LeaseHolding, UInt64)] = []
        for id in 0..<UInt64(keys) {
            let waiter = organisation.ask(Organisation.key(100 + id), tokens: 100)
            while organisation.outcomes[waiter] == nil { organisation.step() }
            guard case .granted(let holding) = organisation.outcomes[waiter] else { continue }
            holdings.append((holding, id))
        }
        #expect(holdings.count == keys)
        // The first quarter use a little all the time, which Redis should hear; the others only have their stream.
        for _ in 0..<8_000 {
            for _ in 0..<4 {
                let place = Int.random(in: 0..<keys / 4, using: &random)
                let (_, id) = holdings[place]
                if case .granted(let next) = organisation.group.decide(
                    Organisation.key(100 + id), tokens: 1, at: organisation.now)
                {
                    organisation.group.settle(next, actual: 1)
                }
            }
            organisation.step()
        }
        #expect(organisation.gone.isEmpty, "\(organisation.gone.count) of \(keys) keys lost their lease.")
    }
}
