import Limits
import Testing

@Suite("Limiter against a model of leaky buckets")
struct LimiterPropertyTests {
    static let epoch = Moment.now

    /// An organisation, its applications and keys, with random limits. One, since each organisation's table has its own
    /// idea of the latest time.
    struct World {
        var model = LimitModel()
        var random: Seeded
        let limiter: Limiter
        var paths: [[LimitScope: Int]] = []
        var subjects: [LimitSubjects] = []
        var held: [Held] = []
        var granted = 0
        var refused = 0

        init(seed: UInt64, keys: Int) {
            random = Seeded(seed)
            limiter = Limiter(shards: 1 << Int.random(in: 0...3, using: &random), startingAt: epoch)
            let organisation = LimitSubject(id: 0, settings: Self.settings(&random, scale: 8))
            let applications = (0..<4).map { LimitSubject(id: $0, settings: Self.settings(&random, scale: 4)) }
            model.subjects = [
                .organisation: [0: LimitModel.Subject(organisation.settings)],
                .application: Dictionary(
                    uniqueKeysWithValues: applications.map { (Int($0.id), LimitModel.Subject($0.settings)) }),
                .key: [:], .endUser: [:],
            ]
            let users = EndUserLimits(settings: Self.settings(&random, scale: 1), isRequired: false)
            for id in 0..<5 { model.subjects[.endUser]![id] = LimitModel.Subject(users.subject(0).settings) }
            for id in 0..<keys {
                let key = LimitSubject(id: UInt64(id), settings: Self.settings(&random, scale: 1))
                model.subjects[.key]![id] = LimitModel.Subject(key.settings)
                let application = Int.random(in: 0..<4, using: &random)
                paths.append([.key: id, .application: application, .organisation: 0])
                let one = LimitSubjects(key: key, application: applications[application], organisation: organisation)
                // Every other key serves end users, some of them the same.
                let user = id % 2 == 0 ? nil : Int.random(in: 0..<5, using: &random)
                paths[id][.endUser] = user
                subjects.append(user.map { one.with(endUser: users.subject(UInt64($0))) } ?? one)
            }
        }

        static func settings(_ random: inout Seeded, scale: Int) -> LimitSettings {
            func one(_ range: ClosedRange<Int>) -> Int? {
                Int.random(in: 0..<4, using: &random) == 0 ? nil : Int.random(in: range, using: &random) * scale
            }
            return LimitSettings(
                requestsPerMinute: one(1...40), tokensPerMinute: one(1...5_000), concurrentRequests: one(1...6),
                tokensPerDay: one(5_000...200_000))
        }

        /// Now and then a caller reads its clock late, so time goes back for it.
        mutating func tick() -> Moment {
            let step = Int64.random(in: 0...(1 << Int64.random(in: 0...35, using: &random)), using: &random)
            let time = Int.random(in: 0..<8, using: &random) == 0 ? max(0, model.now - step) : model.now + step
            model.advance(to: time)
            return epoch + .nanoseconds(time)
        }

        mutating func reserve() {
            let now = tick()
            let index = Int.random(in: subjects.indices, using: &random)
            let tokens = Int.random(in: 1...(1 << Int.random(in: 0...11, using: &random)), using: &random)
            var expected: [(scope: LimitScope, kind: LimitKind, wait: Int64?)] = []
            for (scope, id) in paths[index] {
                for (kind, wait) in model.subjects[scope]![id]!.waits(tokens: tokens) {
                    expected.append((scope, kind, wait))
                }
            }
            do throws(LimitRefusal) {
                let reservation = try limiter.reserve(subjects[index], tokens: tokens, at: now)
                #expect(expected.isEmpty, "Granted against \(expected).")
                for (scope, id) in paths[index] { model.subjects[scope]![id]!.reserve(tokens) }
                expectStanding(reservation.standing, path: paths[index])
                held.append(Held(reservation, path: paths[index], tokens: tokens))
                granted += 1
            } catch {
                #expect(!expected.isEmpty, "Refused for \(error).")
                let longest = expected.map { $0.wait ?? .max }.max() ?? 0
                #expect((error.reason == .costAboveBurst) == (longest == .max))
                #expect(error.retryAfter == (longest == .max ? nil : .nanoseconds(longest)))
                #expect(
                    expected.contains {
                        $0.scope == error.scope && $0.kind == error.kind && ($0.wait ?? .max) == longest
                    })
                refused += 1
            }
        }

        func expectStanding(_ standing: LimitStanding, path: [LimitScope: Int]) {
            let met = path.map { model.subjects[$0.key]![$0.value]! }
            #expect(standing.requests?.remaining == met.compactMap { $0.requests?.remaining(held: 0) }.min())
            #expect(
                standing.tokens?.remaining == met.compactMap { one in one.tokens?.remaining(held: one.held) }.min())
        }

        /// Settles one, or drops it.
        mutating func end() {
            guard !held.isEmpty else { return }
            let one = held.remove(at: Int.random(in: held.indices, using: &random))
            var actual = one.tokens
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                // As of the latest time that the table saw, which is the model's.
                one.reservation = nil
            case 1:
                let now = tick()
                actual = one.tokens + Int.random(in: 0...50, using: &random)
                one.reservation?.settle(actualTokens: actual, at: now)
                one.reservation?.settle(actualTokens: 1_000, at: now)
            default:
                let now = tick()
                actual = Int.random(in: 0...one.tokens, using: &random)
                one.reservation?.settle(actualTokens: actual, at: now)
                one.reservation = nil
            }
            for (scope, id) in one.path { model.subjects[scope]![id]!.settle(one.tokens, actual: actual) }
        }
    }

    @Test("grants and refuses exactly as the model, with the same waits and the same rest", arguments: 1...40)
    func agrees(seed: Int) {
        // With many keys on few shards, tables are swept and grow between the decisions.
        var world = World(seed: UInt64(seed), keys: seed % 20 == 0 ? 300 : 6)
        for _ in 0..<(seed % 20 == 0 ? 2_000 : 800) {
            if world.random.next() % 5 < 3 { world.reserve() } else { world.end() }
        }
        #expect(world.granted > 20 && world.refused > 20, "The schedule tests little: \(world.granted) granted.")
    }

    @Test("settles no more than burst and rate allow in any window", arguments: 1...20)
    func windows(seed: Int) {
        var random = Seeded(UInt64(seed))
        let limit = Int.random(in: 1...500, using: &random)
        let limiter = Limiter(startingAt: Self.epoch)
        let subjects = LimiterTests.subjects(LimitSettings(tokensPerMinute: limit))
        var time: Int64 = 0
        var settled: [(time: Int64, tokens: Int)] = []
        for _ in 0..<600 {
            time += Int64.random(in: 0...2_000_000_000, using: &random)
            let tokens = Int.random(in: 1...max(1, limit / 3), using: &random)
            guard var one = try? limiter.reserve(subjects, tokens: tokens, at: Self.epoch + .nanoseconds(time)) else {
                continue
            }
            time += Int64.random(in: 0...500_000_000, using: &random)
            let actual = Int.random(in: 0...tokens, using: &random)
            one.settle(actualTokens: actual, at: Self.epoch + .nanoseconds(time))
            settled.append((time, actual))
        }
        for start in settled.indices {
            var sum: Int128 = 0
            for end in start..<settled.count {
                sum += Int128(settled[end].tokens)
                let span = Int128(settled[end].time - settled[start].time)
                #expect(sum * 60_000_000_000 <= Int128(limit) * (60_000_000_000 + span))
            }
        }
        #expect(settled.count > 50)
    }
}
