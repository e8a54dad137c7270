import Limits
import Testing

@Suite("Limiter")
struct LimiterTests {
    static let epoch = Moment.now

    static func at(_ seconds: Double) -> Moment { epoch + .seconds(seconds) }

    static func subjects(
        _ key: LimitSettings = .unlimited, application: LimitSettings = .unlimited,
        organisation: LimitSettings = .unlimited, endUser: LimitSettings? = nil, id: UInt64 = 1
    ) -> LimitSubjects {
        let subjects = LimitSubjects(
            key: LimitSubject(id: id, settings: key), application: LimitSubject(id: 1, settings: application),
            organisation: LimitSubject(id: 1, settings: organisation))
        return endUser.map { subjects.with(endUser: EndUserLimits(settings: $0, isRequired: false).subject(id)) }
            ?? subjects
    }

    /// Reserves, and settles with all of it.
    static func use(
        _ limiter: Limiter, _ subjects: LimitSubjects, tokens: Int = 1, at now: Moment
    ) -> LimitRefusal? {
        do throws(LimitRefusal) {
            var reservation = try limiter.reserve(subjects, tokens: tokens, at: now)
            reservation.settle(actualTokens: tokens, at: now)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "admits the whole limit at once, then refuses, then one more when one has drained",
        arguments: [1, 2, 7, 59, 601])
    func burst(of limit: Int) throws {
        let limiter = Limiter(startingAt: Self.epoch)
        let subjects = Self.subjects(LimitSettings(requestsPerMinute: limit))
        for _ in 0..<limit { #expect(Self.use(limiter, subjects, at: Self.at(5)) == nil) }
        let refusal = try #require(Self.use(limiter, subjects, at: Self.at(5)))
        #expect(refusal.reason == .exhausted && refusal.scope == .key && refusal.kind == .requests)
        #expect(refusal.limit == limit && refusal.remaining == 0)
        let wait = try #require(refusal.retryAfter)
        #expect(Self.use(limiter, subjects, at: Self.at(5) + wait - .nanoseconds(1)) != nil)
        #expect(Self.use(limiter, subjects, at: Self.at(5) + wait) == nil)
        #expect(Self.use(limiter, subjects, at: Self.at(5) + wait) != nil)
    }

    @Test("takes nothing from any scope when one refuses", arguments: LimitScope.allCases, LimitKind.allCases)
    func atomic(scope: LimitScope, kind: LimitKind) throws {
        var narrow = LimitSettings()
        switch kind {
        case .requests: narrow.requestsPerMinute = 1
        case .tokens: narrow.tokensPerMinute = 10
        case .concurrency: narrow.concurrentRequests = 1
        case .tokensPerDay: narrow.tokensPerDay = 10
        }
        let wide = LimitSettings(requestsPerMinute: 5, tokensPerMinute: 50, concurrentRequests: 5, tokensPerDay: 50)
        let limiter = Limiter(startingAt: Self.epoch)
        func subjects(_ settings: LimitSettings) -> LimitSubjects {
            Self.subjects(
                scope == .key ? settings : wide, application: scope == .application ? settings : wide,
                organisation: scope == .organisation ? settings : wide, endUser: scope == .endUser ? settings : wide)
        }
        let first = try limiter.reserve(subjects(narrow), tokens: 10, at: Self.at(1))
        for _ in 0..<100 {
            do throws(LimitRefusal) {
                _ = try limiter.reserve(subjects(narrow), tokens: 10, at: Self.at(1))
                Issue.record("Granted.")
            } catch {
                #expect(error.scope == scope && error.kind == kind && error.reason == .exhausted)
            }
        }
        // The others have lent one and no more, so four are left.
        for _ in 0..<4 { #expect(Self.use(limiter, subjects(.unlimited), tokens: 10, at: Self.at(1)) == nil) }
        #expect(Self.use(limiter, subjects(.unlimited), tokens: 10, at: Self.at(1)) != nil)
        _ = consume first
    }

    @Test("says that a cost above the whole limit can never be met", arguments: LimitScope.allCases)
    func neverSatisfiable(scope: LimitScope) throws {
        let narrow = LimitSettings(tokensPerMinute: 100)
        let limiter = Limiter(startingAt: Self.epoch)
        let subjects = Self.subjects(
            scope == .key ? narrow : .unlimited, application: scope == .application ? narrow : .unlimited,
            organisation: scope == .organisation ? narrow : .unlimited, endUser: scope == .endUser ? narrow : nil)
        let refusal = try #require(Self.use(limiter, subjects, tokens: 101, at: Self.at(0)))
        #expect(refusal.reason == .costAboveBurst && refusal.retryAfter == nil && refusal.limit == 100)
        #expect(Self.use(limiter, subjects, tokens: 100, at: Self.at(0)) == nil)
    }

    @Test("a limit of zero, or less, admits nothing", arguments: [0, -1, .min])
    func nothing(limit: Int) {
        for settings in [
            LimitSettings(requestsPerMinute: limit), LimitSettings(tokensPerMinute: limit),
            LimitSettings(concurrentRequests: limit), LimitSettings(tokensPerDay: limit),
        ] {
            let limiter = Limiter(startingAt: Self.epoch)
            #expect(Self.use(limiter, Self.subjects(settings), at: Self.at(3))?.reason == .costAboveBurst)
        }
    }

    @Test("survives the greatest numbers")
    func extremes() {
        let limiter = Limiter(startingAt: Self.epoch)
        let subjects = Self.subjects(
            LimitSettings(
                requestsPerMinute: .max, tokensPerMinute: .max - 1, concurrentRequests: .max, tokensPerDay: .max - 1))
        for _ in 0..<3 { _ = Self.use(limiter, subjects, tokens: .max / 4, at: Self.at(0)) }
        let narrow = Self.subjects(LimitSettings(tokensPerMinute: 1), id: 2)
        for _ in 0..<3 {
            guard var one = try? limiter.reserve(narrow, tokens: 1, at: Self.at(0)) else { continue }
            one.settle(actualTokens: .max, at: Self.at(0))
        }
        #expect(Self.use(limiter, narrow, at: Self.at(0)) != nil)
    }

    @Test("a subject keeps its state when its limits change")
    func changedLimits() {
        let limiter = Limiter(startingAt: Self.epoch)
        #expect(Self.use(limiter, Self.subjects(LimitSettings(tokensPerMinute: 97)), tokens: 97, at: Self.at(0)) == nil)
        let raised = Self.subjects(LimitSettings(tokensPerMinute: 1_000))
        #expect(Self.use(limiter, raised, tokens: 600, at: Self.at(0)) != nil)
        #expect(Self.use(limiter, raised, tokens: 500, at: Self.at(30)) == nil)
        #expect(Self.use(limiter, raised, tokens: 2, at: Self.at(30)) != nil)
    }

    @Test("an unlimited request takes no place and is always granted")
    func unlimited() {
        let limiter = Limiter(startingAt: Self.epoch)
        for _ in 0..<1_000 { #expect(Self.use(limiter, Self.subjects(), tokens: 1 << 40, at: Self.at(0)) == nil) }
        #expect(limiter.subjectCount == 0)
    }

    @Test("refuses strangers when every place is busy, and has room again when some are idle")
    func capacity() {
        let limiter = Limiter(capacity: 1_000, shards: 4, startingAt: Self.epoch)
        let settings = LimitSettings(requestsPerMinute: 10)
        func one(_ id: UInt64, at second: Double) -> LimitRefusal? {
            Self.use(limiter, Self.subjects(settings, id: id), at: Self.at(second))
        }
        for id in 0..<1_000 { #expect(one(UInt64(id), at: 1) == nil) }
        #expect(one(5_000, at: 1)?.reason == .tableFull)
        #expect(one(0, at: 1) == nil)
        #expect(limiter.subjectCount == 1_000)
        // Each has used a tenth or a fifth of its minute.
        #expect(one(5_000, at: 8) == nil)
        #expect(limiter.subjectCount == 2)
        for id in 0..<100_000 { #expect(one(UInt64(id), at: 8 + Double(id) / 10) == nil) }
        #expect(limiter.subjectCount <= 1_000)
    }

    @Test("end users leave an eighth of the places to keys, and are told apart and forgotten as those are")
    func endUsers() {
        let limiter = Limiter(capacity: 800, shards: 4, startingAt: Self.epoch)
        let settings = LimitSettings(requestsPerMinute: 2)
        func one(_ id: UInt64, at second: Double) -> LimitRefusal? {
            Self.use(limiter, Self.subjects(endUser: settings, id: id), at: Self.at(second))
        }
        for id in 0..<700 { #expect(one(UInt64(id), at: 1) == nil) }
        #expect(one(5_000, at: 1)?.reason == .tableFull)
        #expect(one(3, at: 1) == nil)
        #expect(one(3, at: 1)?.scope == .endUser)
        #expect(one(4, at: 1) == nil)
        for id in 0..<100 { #expect(Self.use(limiter, Self.subjects(settings, id: UInt64(id)), at: Self.at(1)) == nil) }
        #expect(Self.use(limiter, Self.subjects(settings, id: 7_000), at: Self.at(1))?.reason == .tableFull)
        for id in 0..<100_000 { _ = one(UInt64(id), at: 70 + Double(id) / 10) }
        #expect(limiter.subjectCount <= 800)
    }

    @Test("forgets nobody whose limit is still in use, however many others come", arguments: LimitKind.allCases)
    func sweeping(kind: LimitKind) throws {
        var settings = LimitSettings()
        switch kind {
        case .requests: settings.requestsPerMinute = 1
        case .tokens: settings.tokensPerMinute = 10
        case .concurrency: settings.concurrentRequests = 1
        case .tokensPerDay: settings.tokensPerDay = 10
        }
        let limiter = Limiter(startingAt: Self.epoch)
        let subjects = Self.subjects(settings, id: 1 << 40)
        let first = try limiter.reserve(subjects, tokens: 10, at: Self.at(0))
        let held = Held(first, path: [:], tokens: 10)
        if kind != .concurrency { held.reservation = nil }
        for id in 0..<5_000 {
            let other = Self.subjects(LimitSettings(requestsPerMinute: 6_000), id: UInt64(id))
            #expect(Self.use(limiter, other, at: Self.at(Double(id) / 100)) == nil)
        }
        #expect(limiter.subjectCount < 300)
        #expect(Self.use(limiter, subjects, tokens: 10, at: Self.at(50))?.kind == kind)
    }

    @Test("admits exactly the limit to callers on many threads, and frees every place")
    func threads() async throws {
        let limiter = Limiter(startingAt: Self.epoch)
        let now = Self.at(0)
        let organisation = LimitSettings(requestsPerMinute: 3_000, concurrentRequests: 8)
        let granted = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    var granted = 0
                    for round in 0..<4_000 {
                        let id = UInt64(task * 10 + round % 10)
                        let subjects = Self.subjects(LimitSettings(), organisation: organisation, id: id)
                        guard var one = try? limiter.reserve(subjects, tokens: 5, at: now) else { continue }
                        if round % 2 == 0 { one.settle(actualTokens: 3, at: now) }
                        granted += 1
                    }
                    return granted
                }
            }
            return await group.reduce(0, +)
        }
        #expect(granted == 3_000)
        let idle = Self.subjects(LimitSettings(), organisation: LimitSettings(concurrentRequests: 1))
        _ = try limiter.reserve(idle, tokens: 1, at: now)
    }

    @Test("an override lowers and raises, and says nothing where it is silent")
    func overrides() {
        let base = LimitSettings(requestsPerMinute: 1, tokensPerMinute: 2, concurrentRequests: 3, tokensPerDay: 4)
        #expect(base.overridden(by: .unlimited) == base)
        #expect(LimitSettings.unlimited.overridden(by: base) == base)
        let other = LimitSettings(tokensPerMinute: 20)
        #expect(
            base.overridden(by: other)
                == LimitSettings(requestsPerMinute: 1, tokensPerMinute: 20, concurrentRequests: 3, tokensPerDay: 4))
    }
}

@Suite("FailureGuard")
struct FailureGuardTests {
    static let epoch = Moment.now

    @Test("blocks after the free failures, until one has drained", arguments: [1, 3, 10])
    func blocks(failures: Int) throws {
        let failureGuard = FailureGuard(failures: failures, per: .seconds(60), seed: 1, startingAt: Self.epoch)
        for _ in 0..<failures {
            #expect(failureGuard.isBlocked(7, at: Self.epoch) == nil)
            failureGuard.noteFailure(7, at: Self.epoch)
        }
        let wait = try #require(failureGuard.isBlocked(7, at: Self.epoch))
        #expect(wait == .seconds(60) / failures)
        #expect(failureGuard.isBlocked(7, at: Self.epoch + wait - .nanoseconds(1)) != nil)
        #expect(failureGuard.isBlocked(7, at: Self.epoch + wait) == nil)
    }

    @Test("failures while blocked never add up to more than the period, and time never runs back")
    func bounded() {
        let failureGuard = FailureGuard(failures: 5, per: .seconds(10), seed: 1, startingAt: Self.epoch)
        let now = Self.epoch + .seconds(100)
        for _ in 0..<1_000 { failureGuard.noteFailure(7, at: now) }
        failureGuard.noteFailure(7, at: Self.epoch)
        #expect(failureGuard.isBlocked(7, at: now) == .seconds(2))
        #expect(failureGuard.isBlocked(7, at: now + .seconds(2)) == nil)
    }

    @Test("spreads sequential addresses over nearly all places, differently for each seed")
    func spread() {
        func blocked(seed: UInt64) -> Set<Int> {
            let failureGuard = FailureGuard(failures: 1, seed: seed, startingAt: Self.epoch)
            for hash in 0..<2_048 { failureGuard.noteFailure(UInt64(hash), at: Self.epoch) }
            return Set((10_000..<20_000).filter { failureGuard.isBlocked(UInt64($0), at: Self.epoch) != nil })
        }
        let first = blocked(seed: 1)
        let second = blocked(seed: 2)
        // 2,048 of 16,384 places are taken, 1,925 if they fall at random.
        #expect((700...1_500).contains(first.count) && (700...1_500).contains(second.count))
        #expect(first.intersection(second).count < first.count / 2)
    }
}
