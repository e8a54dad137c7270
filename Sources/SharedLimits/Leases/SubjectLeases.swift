internal import Limits

/// The leases of one subject, told and asked for together.
struct SubjectLeases: Sendable {
    let key: LeaseKey
    private(set) var leases: [Lease] = []
    private(set) var subject: LimitSubject?
    /// Goes into reservations, so that each lease knows its own.
    private(set) var epoch = 0
    private var mode = LeaseCall.Mode.first
    private var sequence: Int64 = 0
    /// When the last call was sent that was answered; leases count from then on.
    private var heldFrom: Int64 = .min
    private(set) var calledAt: Int64 = .min
    /// Whether Redis should hear at once.
    private(set) var isUrgent = false

    init(_ key: LeaseKey) {
        self.key = key
    }

    /// Takes over the subject's limits as of now; those that it no longer has are dropped.
    mutating func adopt(_ subject: LimitSubject, epoch: Int) {
        let old = leases
        self.subject = subject
        self.epoch = epoch
        leases = LimitKind.allCases.compactMap { kind in
            guard let written = subject.settings.limit(kind) else { return nil }
            let limit = min(max(written, 0), Self.limitMax)
            guard var lease = old.first(where: { $0.kind == kind }) else {
                return Lease(kind, limit: limit, epoch: epoch)
            }
            lease.change(limit: limit)
            return lease
        }
    }

    /// Below it, sums and the script's numbers are exact.
    private static let limitMax = 1 << 50

    func isHeld(at now: Int64, _ terms: LeaseTerms) -> Bool {
        mode == .known && now < heldFrom &+ terms.lifetime
    }

    mutating func update(_ index: Int, _ change: (inout Lease) -> Void) { change(&leases[index]) }

    mutating func take(tokens: Int, _ terms: LeaseTerms) {
        for index in leases.indices {
            leases[index].take(leases[index].kind.cost(tokens: tokens))
            if leases[index].runsLow(terms) { isUrgent = true }
        }
    }

    mutating func ask(tokens: Int) {
        for index in leases.indices { leases[index].ask(for: leases[index].kind.cost(tokens: tokens)) }
    }

    mutating func settle(tokens: Int, actual: Int, epoch: Int, _ terms: LeaseTerms) {
        for index in leases.indices where epoch >= leases[index].epoch {
            leases[index].settle(leases[index].kind.cost(tokens: tokens), actual: actual, terms)
        }
    }

    mutating func takeShare(tokens: Int) {
        for index in leases.indices { leases[index].takeShare(leases[index].kind.cost(tokens: tokens)) }
    }

    mutating func settleShare(tokens: Int, actual: Int, epoch: Int, since: Int64) {
        for index in leases.indices where epoch >= leases[index].epoch || leases[index].kind != .concurrency {
            leases[index].settleShare(leases[index].kind.cost(tokens: tokens), actual: actual, since: since)
        }
    }

    // MARK: - Calls

    mutating func beginCall(at now: Int64, leaving: Bool, _ terms: LeaseTerms) -> LeaseCall.Subject {
        sequence = max(sequence + 1, now / 1_000)
        calledAt = now
        isUrgent = false
        let asks = leases.indices.map { leases[$0].beginCall(at: now, terms) }
        return LeaseCall.Subject(key: key, mode: leaving ? .leaving : mode, sequence: sequence, asks: asks)
    }

    /// - Returns: whether the call counted.
    mutating func endCall(
        _ call: LeaseCall.Subject, _ answer: LeaseAnswer.Subject, sentAt: Int64, at now: Int64, nextEpoch: Int,
        _ terms: LeaseTerms
    ) -> Bool {
        guard answer.state != .late, call.sequence == sequence else { return false }
        if answer.state == .gone {
            epoch = nextEpoch
            for index in leases.indices { leases[index].restart(epoch: epoch) }
        }
        mode = .known
        heldFrom = sentAt
        for (ask, limit) in zip(call.asks, answer.limits) {
            guard let index = leases.firstIndex(where: { $0.kind == ask.kind }) else { continue }
            // After a restart the sum told is where it begins anew.
            leases[index].endCall(ask, limit, at: now, terms)
        }
        return true
    }

    /// When Redis should hear of it next; `nil` when there is nothing to say.
    func dueAt(_ terms: LeaseTerms) -> Int64? {
        if isUrgent { return .min }
        if leases.contains(where: { $0.hasNews(terms) }) { return calledAt &+ terms.gathering }
        return leases.allSatisfy(\.isIdle) ? nil : renewsAt(terms)
    }

    /// When what is held should be renewed, so that two calls may fail before it is lost.
    func renewsAt(_ terms: LeaseTerms) -> Int64 { calledAt &+ terms.lifetime / 4 }

    /// Whether it can be forgotten: Redis knows all, and nothing is held.
    var isIdle: Bool { leases.allSatisfy(\.isIdle) }

    var hasUsedShare: Bool { leases.contains(where: \.hasUsedShare) }
}
