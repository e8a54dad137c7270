import Foundation
import Limits
import Logging
import Telemetry
import Testing

@testable import SharedLimits

@Suite(
    "Shared limiter with a real Redis", .enabled(if: RedisServer.isInstalled, "There is no redis-server."),
    .timeLimit(.minutes(10)), .serialized)
struct SharedLimiterTests {
    private func limiter(
        _ server: RedisServer, away: AwayPolicy = .closed, port: Int? = nil, password: String? = nil,
        timeout: Int64 = 200_000_000, change: (inout LeaseTerms) -> Void = { _ in }
    ) async throws -> SharedLimiter {
        var settings = RedisSettings(host: "127.0.0.1")
        settings.port = port ?? server.port
        settings.timeout = timeout
        settings.password = password.map { RedisPassword($0) }
        var terms = LeaseTerms()
        terms.away = away
        change(&terms)
        let limiter = try SharedLimiter(
            settings, terms: terms, metrics: SharedLimitMetrics(in: MetricsRegistry()),
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try limiter.start()
        return limiter
    }

    private func connected(_ limiter: SharedLimiter, within seconds: Double = 20) async -> Bool {
        await Self.holds(within: seconds) { !limiter.isAway }
    }

    static func holds(within seconds: Double, _ condition: () -> Bool) async -> Bool {
        let deadline = Date().addingTimeInterval(seconds)
        while !condition() {
            if Date() > deadline { return false }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return true
    }

    private func decide(
        _ limiter: SharedLimiter, _ subjects: LimitSubjects, tokens: Int = 1
    ) async -> SharedLimiter.Decision {
        let decision = limiter.decide(subjects, tokens: tokens, at: .now)
        guard case .needsRedis = decision else { return decision }
        return await limiter.decideWithRedis(subjects, tokens: tokens)
    }

    @Test("two processes grant no more than one alone, and both get their part")
    func two() async throws {
        let server = try RedisServer()
        let limiters = [try await limiter(server), try await limiter(server)]
        for limiter in limiters { #expect(await connected(limiter)) }
        let subjects = ScriptTests.subjects(LimitSettings(requestsPerMinute: 60))
        let begin = Moment.now
        var granted = [0, 0]
        for _ in 0..<400 {
            for (index, limiter) in limiters.enumerated() {
                if case .granted = await decide(limiter, subjects) { granted[index] += 1 }
            }
        }
        let seconds = Double(Moment.now - begin) / 1e9
        #expect(Double(granted[0] + granted[1]) <= 60 + seconds + 1e-6)
        #expect(granted.reduce(0, +) >= 54)
        #expect(granted.allSatisfy { $0 >= 15 }, "\(granted)")
        for limiter in limiters { await limiter.leave() }
    }

    @Test("leases go back when a process leaves")
    func leaving() async throws {
        let server = try RedisServer()
        let first = try await limiter(server)
        #expect(await connected(first))
        let subjects = ScriptTests.subjects(LimitSettings(tokensPerMinute: 100, concurrentRequests: 3))
        guard case .granted(let reservation) = await decide(first, subjects, tokens: 80) else {
            Issue.record("The first request was not granted.")
            return
        }
        reservation.settle(actualTokens: 10)
        await first.leave()
        let other = try await limiter(server)
        #expect(await connected(other))
        guard case .granted(let all) = await decide(other, subjects, tokens: 90) else {
            Issue.record("What the first gave back is not there.")
            return
        }
        all.settle(actualTokens: 90)
        await other.leave()
    }

    @Test("what a killed process held is charged when its lease ends, and its concurrent requests come back")
    func killed() async throws {
        let server = try RedisServer()
        let lifetime: Int64 = 2_000_000_000
        let subjects = ScriptTests.subjects(LimitSettings(tokensPerMinute: 100, concurrentRequests: 1))
        let client = try RedisClient(port: server.port)
        do {
            let killed = try await limiter(server) { $0.lifetime = lifetime }
            #expect(await connected(killed))
            let decision = await decide(killed, subjects, tokens: 90)
            guard case .granted = decision else {
                Issue.record("It was not granted: \(decision)")
                return
            }
            // Both are dropped here, and Redis hears no word of it.
        }
        #expect(try records(client).count == 1, "What it held is still on record.")
        let other = try await limiter(server) { $0.lifetime = lifetime }
        #expect(await connected(other))
        var reservation: SharedReservation?
        let deadline = Moment.now.nanoseconds + 20_000_000_000
        var refusals = 0
        while reservation == nil, Moment.now.nanoseconds < deadline {
            switch await decide(other, subjects, tokens: 1) {
            case .granted(let granted): reservation = granted
            case .refused(let refusal):
                #expect(refusal.kind == .concurrency)
                refusals += 1
            default: Issue.record("Redis is there.")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(reservation != nil, "The concurrent request came back.")
        #expect(refusals > 0, "It had been taken until then.")
        reservation?.settle(actualTokens: 1)
        #expect(try records(client).count == 1, "The record of the one that lives.")
        // 91 are used; at most 2 drain in the seconds that this took, or a few more on a slow machine.
        guard case .refused(let refusal) = await decide(other, subjects, tokens: 60) else {
            Issue.record("What the killed one held was not charged.")
            return
        }
        #expect(refusal.kind == .tokens)
        await other.leave()
    }

    /// Which processes Redis has on record for the one subject.
    private func records(_ client: RedisClient) throws -> [String] {
        guard case .array(let fields) = try client.run(["HKEYS", "{steward}:a:0000000000000001"]) else {
            throw RedisFailure("no hash")
        }
        return fields.compactMap { field in
            if case .text(let name) = field, name.hasPrefix("p") { name } else { nil }
        }
    }

    @Test("a reservation is settled once, and charged in full when it is dropped")
    func settling() async throws {
        let server = try RedisServer()
        let limiter = try await limiter(server)
        #expect(await connected(limiter))
        let subjects = ScriptTests.subjects(LimitSettings(tokensPerMinute: 1_000))
        do {
            guard case .granted(let reservation) = await decide(limiter, subjects, tokens: 400) else {
                Issue.record("The first was not granted.")
                return
            }
            reservation.settle(actualTokens: 100)
            reservation.settle(actualTokens: 0)
            guard case .granted = await decide(limiter, subjects, tokens: 400) else {
                Issue.record("The second was not granted.")
                return
            }
        }
        // 500 are used, and some 17 drain in a second.
        guard case .refused(let refusal) = await decide(limiter, subjects, tokens: 600) else {
            Issue.record("What was dropped is free again.")
            return
        }
        #expect(refusal.reason == .exhausted && refusal.kind == .tokens && refusal.limit == 1_000)
        guard case .granted = await decide(limiter, subjects, tokens: 480) else {
            Issue.record("More was charged than was used.")
            return
        }
        await limiter.leave()
    }

    @Test("a script that Redis forgot is sent again")
    func noScript() async throws {
        let server = try RedisServer()
        let limiter = try await limiter(server)
        #expect(await connected(limiter))
        let subjects = ScriptTests.subjects(LimitSettings(requestsPerMinute: 10))
        try RedisClient(port: server.port).run(["SCRIPT", "FLUSH"])
        guard case .granted = await decide(limiter, subjects) else {
            Issue.record("It was not granted.")
            return
        }
        #expect(!limiter.isAway)
        await limiter.leave()
    }

    @Test("Redis restarted empty gives nothing out twice", arguments: [true, false])
    func restartedEmpty(isRestarted: Bool) async throws {
        let server = try RedisServer()
        let limiters = [try await limiter(server), try await limiter(server)]
        for limiter in limiters { #expect(await connected(limiter)) }
        let subjects = ScriptTests.subjects(LimitSettings(requestsPerMinute: 60, tokensPerDay: 1_000_000))
        let begin = Moment.now
        var granted = 0
        for round in 0..<160 {
            for limiter in limiters {
                if case .granted = await decide(limiter, subjects) { granted += 1 }
            }
            guard round == 80 else { continue }
            if isRestarted {
                server.kill()
                #expect(await Self.holds(within: 10) { limiters.allSatisfy(\.isAway) })
                try server.start()
                for limiter in limiters { #expect(await connected(limiter)) }
            } else {
                try RedisClient(port: server.port).run(["FLUSHALL"])
            }
        }
        let seconds = Double(Moment.now - begin) / 1e9
        let leased = 2.0 * 3
        #expect(Double(granted) <= 60 + seconds + leased)
        #expect(granted >= 54)
        for limiter in limiters { await limiter.leave() }
    }

    @Test(
        "a Redis that is slow without end is waited for by a few requests, up to their deadline, and asked by no others",
        .timeLimit(.minutes(10)), arguments: AwayPolicy.allCases)
    func slow(away: AwayPolicy) async throws {
        let server = try RedisServer()
        let limiter = try await limiter(server, away: away, timeout: 40_000_000) { $0.processes = 1 }
        #expect(await connected(limiter))
        let client = try RedisClient(port: server.port)
        let before = try calls(client)
        server.pause()
        defer { server.resume() }
        let subjects = ScriptTests.subjects(LimitSettings(requestsPerMinute: 60_000))
        // No deadline, no end: nothing answers while Redis stands still. What is held lasts for some.
        while !limiter.isAway { _ = await decide(limiter, subjects) }
        for _ in 0..<50 {
            switch await decide(limiter, subjects) {
            case .granted, .refused: #expect(away == .localShare)
            case .unavailable: #expect(away == .closed)
            case .needsRedis: Issue.record("There is no decision.")
            }
        }
        server.resume()
        #expect(await connected(limiter))
        // What was asked meanwhile would be answered now.
        #expect(try calls(client) - before < 40)
        guard case .granted = await decide(limiter, subjects) else {
            Issue.record("It does not recover.")
            return
        }
        await limiter.leave()
    }

    @Test("requests that wait for one subject share a call")
    func coalescing() async throws {
        let server = try RedisServer()
        let limiter = try await limiter(server)
        #expect(await connected(limiter))
        let client = try RedisClient(port: server.port)
        let before = try calls(client)
        let subjects = ScriptTests.subjects(LimitSettings(requestsPerMinute: 1_000_000))
        let granted = await withTaskGroup(of: Bool.self) { tasks in
            for _ in 0..<200 {
                tasks.addTask {
                    if case .granted = await decide(limiter, subjects) { true } else { false }
                }
            }
            return await tasks.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(granted == 200)
        #expect(try calls(client) - before < 60)
        await limiter.leave()
    }

    private func calls(_ client: RedisClient) throws -> Int {
        guard case .text(let text) = try client.run(["INFO", "commandstats"]) else { return 0 }
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_evalsha") }
        return line.flatMap { $0.split(separator: "=").dropFirst().first?.split(separator: ",").first }.flatMap {
            Int($0)
        } ?? 0
    }

    @Test("signs in, and is away with a wrong password")
    func password() async throws {
        let server = try RedisServer()
        let client = try RedisClient(port: server.port)
        try client.run(["CONFIG", "SET", "requirepass", "right"])
        let right = try await limiter(server, password: "right")
        #expect(await connected(right))
        let wrong = try await limiter(server, password: "wrong")
        let hasTried = await Self.holds(within: 20) {
            if case .array(let failures)? = try? client.run(["ACL", "LOG"]) { !failures.isEmpty } else { false }
        }
        #expect(hasTried, "Redis has refused to let it in.")
        // As long as a sign-in takes that succeeds.
        let isLetIn = await connected(wrong, within: 0.2)
        #expect(!isLetIn)
        let subjects = ScriptTests.subjects(LimitSettings(requestsPerMinute: 10))
        guard case .unavailable = await decide(wrong, subjects) else {
            Issue.record("It decided.")
            return
        }
        #expect("\(RedisPassword("right"))" == "[secret]")
        await right.leave()
        await wrong.leave()
    }

    @Test("nobody there: closed, or the share of the rate")
    func nobody() async throws {
        let server = try RedisServer()
        server.kill()
        let closed = try await limiter(server)
        let sharing = try await limiter(server, away: .localShare)
        let subjects = ScriptTests.subjects(LimitSettings(requestsPerMinute: 6_000))
        guard case .unavailable = await decide(closed, subjects) else {
            Issue.record("It decided.")
            return
        }
        let begin = Moment.now
        var granted = 0
        // On a busy machine few turns come in that time.
        while Moment.now - begin < 300_000_000 || granted < 5 {
            if case .granted = await decide(sharing, subjects) { granted += 1 }
            await Task.yield()
        }
        let seconds = Double(Moment.now - begin) / 1e9
        #expect(Double(granted) <= (seconds + 0.5) * 50 + 1)
        await closed.leave()
        await sharing.leave()
    }
}
