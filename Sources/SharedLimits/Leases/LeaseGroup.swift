internal import Limits

/// All leases of one organisation, its applications and their keys, and the requests that wait for Redis.
///
/// A pure state machine: it decides, and says what to ask Redis; whoever owns it keeps it behind a lock and makes the
/// calls. One call at a time, so all that wait meanwhile are served by the next one together.
struct LeaseGroup: Sendable {
    private var subjects: [SubjectLeases] = []
    private var places: [LeaseKey: Int] = [:]
    private var waiting: [LeaseWaiter] = []
    private var call: (call: LeaseCall, sentAt: Int64)?
    /// Subjects of which a lease runs low.
    private var urgent: [LeaseKey] = []
    /// Subjects that were due when all were last looked at, the one that Redis heard of longest ago last.
    private var overdue: [LeaseKey] = []
    private var sweptAt: Int64 = .min
    private var epochs = 0
    private var endUsers = 0
    private let terms: LeaseTerms

    /// Subjects of one call; more are told by the next one.
    static let subjectsMax = 64
    /// As many of them are for requests that wait, so that leases are kept however many do.
    static let askingMax = 48
    /// Nanoseconds between two looks at all subjects for what is due, beside those at each tick.
    static let sweepPause: Int64 = 25_000_000
    /// End users of whom something is held at once; strangers beyond them are refused.
    static let endUsersMax = 1 << 16
    /// Calls that a request waits for at most, while others take what came.
    static let callsMax = 3
    /// Requests that wait at most; more get no decision of Redis.
    static let waitingMax = 4_096

    init(_ terms: LeaseTerms) {
        self.terms = terms
    }

    // MARK: - Decisions

    /// Decides from what is held. No I/O.
    mutating func decide(_ request: LimitSubjects, tokens: Int, at now: Int64) -> LeaseDecision {
        if let refusal = refusalOfStranger(request) { return .refused(refusal) }
        var check = LeaseCheck(tokens: tokens, now: now)
        var isCovered = true
        forEachLimited(request) { group, index in
            for lease in group.subjects[index].leases {
                let cost = lease.kind.cost(tokens: tokens)
                if cost > lease.limit {
                    check.noteAboveLimit(lease, group.subjects[index].key.scope)
                } else if !(lease.covers(cost) && group.subjects[index].isHeld(at: now, group.terms)) {
                    isCovered = false
                    if lease.isRefused(cost, at: now) { check.note(lease, group.subjects[index].key.scope) }
                }
            }
        }
        if let refusal = check.refusal { return .refused(refusal) }
        guard isCovered else { return .uncovered }
        var holding = LeaseHolding(subjects: request, tokens: tokens)
        forEachLimited(request) { group, index in
            let ranLow = group.subjects[index].isUrgent
            group.subjects[index].take(tokens: tokens, group.terms)
            if group.subjects[index].isUrgent, !ranLow { group.urgent.append(group.subjects[index].key) }
            let scope = group.subjects[index].key.scope
            holding.epochs[Int(scope.rawValue)] = group.subjects[index].epoch
            for lease in group.subjects[index].leases { holding.note(lease, scope) }
        }
        return .granted(holding)
    }

    /// Decides by this process's share of the rates, while Redis is away since then.
    mutating func decideByShare(
        _ request: LimitSubjects, tokens: Int, since: Int64, at now: Int64
    ) -> LeaseDecision {
        if let refusal = refusalOfStranger(request) { return .refused(refusal) }
        var check = LeaseCheck(tokens: tokens, now: now)
        forEachLimited(request) { group, index in
            let scope = group.subjects[index].key.scope
            for place in group.subjects[index].leases.indices {
                let cost = group.subjects[index].leases[place].kind.cost(tokens: tokens)
                if cost > group.subjects[index].leases[place].limit {
                    check.noteAboveLimit(group.subjects[index].leases[place], scope)
                    continue
                }
                var wait: Int64?
                let terms = group.terms
                group.subjects[index].update(place) { wait = $0.shareWait(cost, since: since, at: now, terms) }
                if let wait { check.note(group.subjects[index].leases[place], scope, wait: wait) }
            }
        }
        if let refusal = check.refusal { return .refused(refusal) }
        var holding = LeaseHolding(subjects: request, tokens: tokens)
        holding.outage = since
        forEachLimited(request) { group, index in
            group.subjects[index].takeShare(tokens: tokens)
            let scope = group.subjects[index].key.scope
            holding.epochs[Int(scope.rawValue)] = group.subjects[index].epoch
            for lease in group.subjects[index].leases { holding.note(lease, scope, left: lease.shareLeft) }
        }
        return .granted(holding)
    }

    /// An application can name as many end users as it likes; memory has a bound all the same.
    private func refusalOfStranger(_ request: LimitSubjects) -> LimitRefusal? {
        guard let user = request.endUser, endUsers >= Self.endUsersMax, places[LeaseKey(.endUser, user)] == nil else {
            return nil
        }
        return LimitRefusal(
            reason: .tableFull, scope: .endUser, kind: .requests, limit: Self.endUsersMax, remaining: 0,
            retryAfter: .seconds(1), reset: .seconds(1))
    }

    /// Ends a reservation with what was used.
    mutating func settle(_ holding: LeaseHolding, actual: Int) {
        let terms = terms
        for scope in LimitScope.allCases {
            guard let subject = holding.subjects[scope], let place = places[LeaseKey(scope, subject)] else { continue }
            let epoch = holding.epochs[Int(scope.rawValue)]
            if let outage = holding.outage {
                subjects[place].settleShare(tokens: holding.tokens, actual: actual, epoch: epoch, since: outage)
            } else {
                subjects[place].settle(tokens: holding.tokens, actual: actual, epoch: epoch, terms)
            }
        }
    }

    // MARK: - Waiting

    /// Lets a request wait for the next call.
    ///
    /// - Returns: `false` when as many wait as may.
    @discardableResult
    mutating func wait(_ waiter: LeaseWaiter) -> Bool {
        guard waiting.count < Self.waitingMax else { return false }
        waiting.append(waiter)
        return true
    }

    /// Ends the wait of those whose deadline has come: for them Redis is too slow.
    mutating func endLate(at now: Int64) -> [LeaseWaiter] {
        guard waiting.contains(where: { $0.deadline <= now }) else { return [] }
        let late = waiting.filter { $0.deadline <= now }
        waiting.removeAll { $0.deadline <= now }
        return late
    }

    var hasWaiting: Bool { !waiting.isEmpty }

    /// What to tell and ask Redis now; `nil` while a call is under way or nothing is due. What is due besides takes the
    /// places that are free, so that the leases of quiet subjects last however many requests wait.
    ///
    /// - Parameter sweeping: Whether to look at all subjects for what is due, however short ago that was done.
    mutating func beginCall(at now: Int64, sweeping: Bool) -> LeaseCall? {
        guard call == nil else { return nil }
        var due: [Int] = []
        for place in waiting.indices where due.count + LimitScope.allCases.count <= Self.askingMax {
            let waiter = waiting[place]
            waiting[place].calls += 1
            forEachLimited(waiter.subjects) { group, index in
                group.subjects[index].ask(tokens: waiter.tokens)
                if !due.contains(index) { due.append(index) }
            }
        }
        for key in urgent where due.count < Self.askingMax {
            if let index = places[key], subjects[index].isUrgent, !due.contains(index) { due.append(index) }
        }
        urgent.removeAll(keepingCapacity: true)
        addOverdue(to: &due, at: now, sweeping: sweeping)
        return begin(due, at: now, leaving: false)
    }

    /// The call after one that was answered, when somebody waits or a lease is late.
    mutating func nextCall(at now: Int64) -> LeaseCall? {
        var isLate = false
        while let key = overdue.last {
            if let index = places[key], let at = subjects[index].dueAt(terms), at <= now {
                isLate = subjects[index].renewsAt(terms) <= now
                break
            }
            overdue.removeLast()
        }
        return hasWaiting || isLate ? beginCall(at: now, sweeping: false) : nil
    }

    /// Fills a call with subjects that are due, those first of which Redis heard longest ago.
    private mutating func addOverdue(to due: inout [Int], at now: Int64, sweeping: Bool) {
        if sweeping || now >= sweptAt &+ Self.sweepPause {
            sweptAt = now
            let found = subjects.indices.filter { subjects[$0].dueAt(terms).map { $0 <= now } ?? false }
            overdue = found.sorted { subjects[$0].calledAt > subjects[$1].calledAt }.map { subjects[$0].key }
        }
        while due.count < Self.subjectsMax, let key = overdue.popLast() {
            guard let index = places[key], !due.contains(index) else { continue }
            if let at = subjects[index].dueAt(terms), at <= now { due.append(index) }
        }
    }

    /// Gives everything back, at shutdown. What is still in flight is charged in full.
    mutating func beginLeaving(at now: Int64) -> [LeaseCall] {
        stride(from: 0, to: subjects.count, by: Self.subjectsMax).compactMap { start in
            begin(Array(start..<min(start + Self.subjectsMax, subjects.count)), at: now, leaving: true)
        }
    }

    private mutating func begin(_ due: [Int], at now: Int64, leaving: Bool) -> LeaseCall? {
        guard !due.isEmpty else { return nil }
        var new = LeaseCall()
        for index in due { new.subjects.append(subjects[index].beginCall(at: now, leaving: leaving, terms)) }
        call = (new, now)
        return new
    }

    /// Takes in the answer to the call under way, or that there is none, and says how those that waited are decided. Those
    /// for whom there is no decision wait for the next call.
    mutating func endCall(_ answer: LeaseAnswer?, at now: Int64) -> [(LeaseWaiter, LeaseOutcome)] {
        guard let (call, sentAt) = call else { return [] }
        self.call = nil
        guard let answer else {
            let all = waiting
            waiting = []
            return all.map { ($0, .unavailable) }
        }
        for (asked, told) in zip(call.subjects, answer.subjects) {
            guard let place = places[asked.key] else { continue }
            epochs += 1
            _ = subjects[place].endCall(asked, told, sentAt: sentAt, at: now, nextEpoch: epochs, terms)
        }
        let outcomes = decideWaiting(at: now)
        if waiting.isEmpty {
            for asked in call.subjects {
                guard let place = places[asked.key] else { continue }
                for lease in subjects[place].leases.indices {
                    let terms = terms
                    subjects[place].update(lease) { $0.trim(terms) }
                }
            }
        }
        return outcomes
    }

    private mutating func decideWaiting(at now: Int64) -> [(LeaseWaiter, LeaseOutcome)] {
        var outcomes: [(LeaseWaiter, LeaseOutcome)] = []
        let all = waiting
        waiting = []
        for waiter in all {
            switch decide(waiter.subjects, tokens: waiter.tokens, at: now) {
            case .granted(let holding): outcomes.append((waiter, .granted(holding)))
            case .refused(let refusal): outcomes.append((waiter, .refused(refusal)))
            case .uncovered:
                if waiter.calls >= Self.callsMax {
                    outcomes.append((waiter, .refused(obstacle(waiter, at: now))))
                } else {
                    waiting.append(waiter)
                }
            }
        }
        return outcomes
    }

    /// The limit that a request waited for in vain, while others took what came.
    private mutating func obstacle(_ waiter: LeaseWaiter, at now: Int64) -> LimitRefusal {
        var check = LeaseCheck(tokens: waiter.tokens, now: now)
        forEachLimited(waiter.subjects) { group, index in
            for lease in group.subjects[index].leases
            where !(lease.covers(lease.kind.cost(tokens: waiter.tokens))) {
                check.note(lease, group.subjects[index].key.scope, wait: group.terms.refusalMax)
            }
        }
        return check.refusal
            ?? LimitRefusal(
                reason: .exhausted, scope: .key, kind: .requests, limit: 0, remaining: 0,
                retryAfter: .nanoseconds(terms.refusalMax), reset: .zero)
    }

    // MARK: - Upkeep

    /// Forgets subjects that hold nothing. Not while a call is under way, whose answer may give them something.
    ///
    /// - Parameter isAway: Whether Redis is: then whoever has used this process's share is remembered, or a share would be
    ///   had twice.
    mutating func forgetIdle(whileAway isAway: Bool = false) {
        guard call == nil, waiting.isEmpty else { return }
        subjects.removeAll { $0.isIdle && !(isAway && $0.hasUsedShare) }
        places.removeAll(keepingCapacity: true)
        endUsers = 0
        for (place, subject) in subjects.enumerated() {
            places[subject.key] = place
            if subject.key.scope == .endUser { endUsers += 1 }
        }
    }

    var isEmpty: Bool { subjects.isEmpty && waiting.isEmpty && call == nil }
    var subjectCount: Int { subjects.count }

    /// Whether Redis should hear at once, because a lease runs low.
    var isUrgent: Bool { call == nil && !urgent.isEmpty }

    private mutating func forEachLimited(_ request: LimitSubjects, _ body: (inout LeaseGroup, Int) -> Void) {
        for scope in LimitScope.allCases {
            guard let subject = request[scope], !subject.settings.areRatesUnlimited else { continue }
            let key = LeaseKey(scope, subject)
            let place: Int
            if let found = places[key] {
                place = found
            } else {
                place = subjects.count
                places[key] = place
                subjects.append(SubjectLeases(key))
                if scope == .endUser { endUsers += 1 }
            }
            // An end user's subject is made anew for every request.
            if subjects[place].subject !== subject, subjects[place].subject?.settings != subject.settings {
                epochs += 1
                subjects[place].adopt(subject, epoch: epochs)
            }
            body(&self, place)
        }
    }
}
