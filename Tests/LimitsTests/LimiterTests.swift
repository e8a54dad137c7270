import Limits
import Testing

@Suite("Limiter")
struct LimiterTests {
    static let epoch = ContinuousClock.now

    static func at(_ seconds: Double) -> ContinuousClock.Instant { epoch + .seconds(seconds) }

    static func subjects(
        _ key: LimitSettings = .unlimited, application: LimitSettings = .unlimited,
        organisation: LimitSettings = .unlimited, id: UInt64 = 1
    ) -> LimitSubjects {
        LimitSubjects(
            key: LimitSubject(id: id, settings: key), application: LimitSubject(id: 1, settings: application),
            organisation: LimitSubject(id: 1, settings: organisation))
    }

    /// Reserves, and settles with all of it.
    static func use(
        _ limiter: Limiter, _ subjects: LimitSubjects, tokens: Int = 1, at now: ContinuousClock.Instant
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
}
