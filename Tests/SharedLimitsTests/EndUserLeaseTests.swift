import Limits
import Testing

@testable import SharedLimits

@Suite("Leases of end users")
struct EndUserLeaseTests {
    @Test("an end user met again is the same, though told anew with every request; memory for them has a bound")
    func endUsers() {
        var cluster = Cluster(.unlimited, processes: 1, terms: LeaseTerms(), seed: 1)
        let users = EndUserLimits(settings: LimitSettings(requestsPerMinute: 3), isRequired: false)
        func ask(_ user: UInt64) -> Bool {
            let before = cluster.admitted.count
            cluster.ask(0, tokens: 1, for: cluster.subjects.with(endUser: users.subject(user)))
            cluster.end(0, .answered)
            return cluster.admitted.count > before
        }
        #expect((0..<5).map { _ in ask(7) } == [true, true, true, false, false])
        #expect(ask(8))
        // While Redis is away no answer comes, and strangers hold nothing that could be forgotten.
        for user in 0..<UInt64(LeaseGroup.endUsersMax) {
            _ = cluster.processes[0].group.decide(
                cluster.subjects.with(endUser: users.subject(100 + user)), tokens: 1, at: cluster.clock(0))
        }
        let full = cluster.processes[0].group.decide(
            cluster.subjects.with(endUser: users.subject(99)), tokens: 1, at: cluster.clock(0))
        guard case .refused(let refusal) = full else {
            Issue.record("There was room for one more.")
            return
        }
        #expect(refusal.reason == .tableFull && refusal.scope == .endUser)
        cluster.processes[0].group.forgetIdle(whileAway: true)
        #expect(cluster.processes[0].group.subjectCount <= 2)
    }

    @Test("while Redis is away, nobody's share is forgotten and had twice")
    func shareIsRemembered() {
        var terms = LeaseTerms()
        terms.away = .localShare
        var group = LeaseGroup(terms)
        let users = EndUserLimits(settings: LimitSettings(requestsPerMinute: 4), isRequired: false)
        let free = LimitSubject(id: 8, settings: .unlimited)
        let subjects = LimitSubjects(key: free, application: free, organisation: free)
        var granted = 0
        for step in 0..<100 {
            let now = 60_000_000_000 + Int64(step) * 1_000_000
            let one = subjects.with(endUser: users.subject(1))
            if case .granted(let holding) = group.decideByShare(one, tokens: 1, since: 0, at: now) {
                granted += 1
                group.settle(holding, actual: 1)
            }
            group.forgetIdle(whileAway: true)
        }
        #expect(granted == 2, "A minute's share of one in two processes.")
    }
}
