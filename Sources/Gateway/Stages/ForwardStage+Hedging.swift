internal import NIOCore
internal import Snapshots

extension ForwardStage {
    /// Sends to one upstream and, when that is silent for too long, to a second one too. Who answers first serves; the
    /// other is cancelled, and its connection closed.
    ///
    /// - Parameter pools: those that may be the second; without it when this returns.
    func race(
        _ request: Screened, to first: ChosenUpstream, or pools: inout [UpstreamPool],
        _ hedging: (after: TimeAmount, budget: Lock<RetryBudget>), trace: Trace
    ) async throws(UpstreamFailure) -> Forwarded {
        hedging.budget.withLock { $0.deposit(at: .now) }
        let race = HedgeRace(between: first, and: pools, client: request.admitted.request.caller.exchange)
        let timer = LoopTimer(on: first.pool.executor.loop)
        let result = await withTaskGroup(of: HedgeRace.Event.self) { tasks in
            func start(_ lane: HedgeLane) {
                tasks.addTask {
                    do throws(UpstreamFailure) {
                        return .ended(
                            lane, .success(try await send(request, to: lane.upstream, lane: lane, trace: trace)))
                    } catch {
                        return .ended(lane, .failure(error))
                    }
                }
            }
            start(race.first)
            tasks.addTask { await timer.wait(hedging.after) ? .due : .stopped }
            // Children that are cancelled end at once, so nobody waits for the slower one.
            defer {
                timer.stop()
                tasks.cancelAll()
            }
            while let event = await tasks.next() {
                switch event {
                case .due:
                    guard let upstream = another(of: race.free(at: .now), paidFrom: hedging.budget) else { continue }
                    failures.metrics.hedged(to: upstream.pool.settings.name)
                    start(race.enter(upstream))
                case .ended(let lane, let result):
                    if let result = race.end(lane, result) { return result }
                case .stopped: continue
                }
            }
            return .failure(.cancelled)
        }
        if let second = race.second { pools.removeAll { $0 === second.pool } }
        for (failure, upstream) in race.failures(besides: result) { failures.note(failure, of: upstream, in: trace) }
        trace.upstream = race.decided.pool.settings.name
        if case .success = result, race.decided.isHedge {
            failures.metrics.hedgeWon(by: race.decided.pool.settings.name)
        }
        return try result.get()
    }
}

extension Screened {
    /// Whether and when a second upstream may be asked the same: where the caller waits for a whole answer, and no server
    /// keeps or does anything for it.
    var hedging: (after: TimeAmount, budget: Lock<RetryBudget>)? {
        let admitted = admitted
        guard let hedging = admitted.model.hedging, !admitted.request.facts.isStream,
            admitted.unscreened.isDisjoint(with: [.storedText, .hostedTools])
        else { return nil }
        return hedging
    }
}
