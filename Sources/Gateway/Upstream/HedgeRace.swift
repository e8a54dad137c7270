internal import Limits

/// One upstream at work for a request that a second one may be sent too.
///
/// `@unchecked Sendable`: touched on the request's loop only.
final class HedgeLane: @unchecked Sendable {
    let upstream: ChosenUpstream
    /// Whether it is the second.
    let isHedge: Bool
    /// Once the request is on a connection.
    var exchange: UpstreamExchange? {
        didSet { if isCancelled { exchange?.cancel() } }
    }
    private var isCancelled = false
    /// How it failed.
    fileprivate(set) var failure: UpstreamFailure?

    init(_ upstream: ChosenUpstream, isHedge: Bool) {
        self.upstream = upstream
        self.isHedge = isHedge
    }

    var pool: UpstreamPool { upstream.pool }

    func cancel() {
        isCancelled = true
        exchange?.cancel()
    }
}

/// Who is at work for one request, and who decided.
///
/// `@unchecked Sendable`: touched on the request's loop only.
final class HedgeRace: @unchecked Sendable {
    enum Event: Sendable {
        case due
        case ended(HedgeLane, Result<Forwarded, UpstreamFailure>)
        /// The time is of no interest any more.
        case stopped
    }

    let first: HedgeLane
    private(set) var second: HedgeLane?
    /// Whose answer or failure counts.
    private(set) var decided: HedgeLane
    private let pools: [UpstreamPool]
    private let client: Exchange

    init(between first: ChosenUpstream, and pools: [UpstreamPool], client: Exchange) {
        self.first = HedgeLane(first, isHedge: false)
        decided = self.first
        self.pools = pools
        self.client = client
    }

    /// Those that have nothing against a second request: no queue, no wish to be left alone.
    func free(at now: Moment) -> [UpstreamPool] {
        pools.filter { $0 !== first.pool && $0.hasRoom && $0.state.worth(at: now) == .good }
    }

    func enter(_ upstream: ChosenUpstream) -> HedgeLane {
        let lane = HedgeLane(upstream, isHedge: true)
        second = lane
        return lane
    }

    /// What the race comes to, if this decides it: the first answer; a refusal of the request itself, which the other
    /// would only repeat; the failure of the last one that was at work.
    func end(_ lane: HedgeLane, _ result: Result<Forwarded, UpstreamFailure>) -> Result<Forwarded, UpstreamFailure>? {
        let other = lane === first ? second : first
        guard case .failure(let failure) = result else { return decide(for: lane, against: other, result) }
        lane.failure = failure
        if case .rejected = failure { return decide(for: lane, against: other, result) }
        guard let other, other.failure == nil, !client.clientLeft else {
            first.cancel()
            // Of two failures, that of the one that was chosen first.
            return decide(for: first, against: other, .failure(first.failure ?? failure))
        }
        // A client that leaves now ends the one that is left.
        client.upstream = other.exchange
        return nil
    }

    private func decide(
        for lane: HedgeLane, against other: HedgeLane?, _ result: Result<Forwarded, UpstreamFailure>
    ) -> Result<Forwarded, UpstreamFailure> {
        decided = lane
        other?.cancel()
        client.upstream = lane.exchange
        return result
    }

    /// What went wrong that the result does not tell.
    func failures(besides result: Result<Forwarded, UpstreamFailure>) -> [(UpstreamFailure, of: String)] {
        [first, second].compactMap { lane in
            guard let lane, lane !== decided, let failure = lane.failure, failure != .cancelled else { return nil }
            return (failure, lane.pool.settings.name)
        }
    }
}
