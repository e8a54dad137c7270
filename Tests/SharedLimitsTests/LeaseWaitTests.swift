import Limits
import Testing

@testable import SharedLimits

@Suite("Requests that wait for Redis")
struct LeaseWaitTests {
    private let subjects = LimitSubjects(
        key: LimitSubject(id: 1, settings: .unlimited), application: LimitSubject(id: 2, settings: .unlimited),
        organisation: LimitSubject(id: 3, settings: LimitSettings(requestsPerMinute: 100_000)))

    @Test("are as many as may wait, and no more")
    func bound() {
        var group = LeaseGroup(LeaseTerms())
        let waits = (0..<LeaseGroup.waitingMax + 10).filter { id in
            group.wait(LeaseWaiter(id: id, subjects: subjects, tokens: 1))
        }
        #expect(waits.count == LeaseGroup.waitingMax)
        _ = group.beginCall(at: 0, sweeping: false)
        let outcomes = group.endCall(nil, at: 1)
        #expect(outcomes.count == LeaseGroup.waitingMax && !group.hasWaiting)
        let waitsAgain = group.wait(LeaseWaiter(id: -1, subjects: subjects, tokens: 1))
        #expect(waitsAgain)
    }

    @Test("wait until their deadline, though a call is under way, and get no decision after it")
    func deadline() {
        var group = LeaseGroup(LeaseTerms())
        for id in 0..<3 {
            group.wait(LeaseWaiter(id: id, subjects: subjects, tokens: 1, deadline: 100 + Int64(id)))
        }
        let call = group.beginCall(at: 0, sweeping: false)
        #expect(call != nil)
        let late = [99, 100, 101, 101].map { now in group.endLate(at: now).map(\.id) }
        #expect(late == [[], [0], [1], []])
        var redis = ScriptModel()
        guard let call else { return }
        let (answer, _) = redis.serve(
            call, process: "a", knows: LeaseScript.DataSet(), lifetime: 3_000_000, clock: 1_000_000)
        let outcomes = group.endCall(answer, at: 101)
        #expect(outcomes.map(\.0.id) == [2])
        guard case .granted = outcomes.first?.1 else {
            Issue.record("The one that still waited was not granted.")
            return
        }
    }
}
