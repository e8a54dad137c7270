import Foundation
import Limits
import Logging
import Telemetry
import Testing

@testable import SharedLimits

@Suite(
    "Shared limiter with a real Redis", .enabled(if: RedisServer.isInstalled, "There is no redis-server."),
    .timeLimit(.minutes(2)), .serialized)
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
        for limiter in limiters { limiter.leave() }
    }

    @Test("leases go back when a process leaves, and what a killed one held is used")
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
        first.leave()
        let second = try await limiter(server) { $0.lifetime = 1_000_000_000 }
        #expect(await connected(second))
        guard case .granted(let other) = await decide(second, subjects, tokens: 90) else {
            Issue.record("What the first gave back is not there.")
            return
        }
        // As if killed: no word of it any more, and nothing settled.
        let client = try RedisClient(port: server.port)
        guard case .array(let before) = try client.run(["HGETALL", "{steward}:a:0000000000000001"]) else { return }
        #expect(before.count == 4, "The level, and the record of the second alone.")
        try? await Task.sleep(for: .milliseconds(100))
        let third = try await limiter(server)
        #expect(await connected(third))
        if case .granted = await decide(third, subjects, tokens: 20) { Issue.record("90 and 10 are taken.") }
        withExtendedLifetime(other) {}
        second.leave()
        third.leave()
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
        limiter.leave()
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
        limiter.leave()
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
        for limiter in limiters { limiter.leave() }
    }

    @Test("a slow Redis costs a few requests their deadline, and the others nothing", arguments: AwayPolicy.allCases)
    func slow(away: AwayPolicy) async throws {
        let server = try RedisServer()
        let limiter = try await limiter(server, away: away, timeout: 40_000_000) { $0.processes = 1 }
        #expect(await connected(limiter))
        let client = try RedisClient(port: server.port)
        let sleeping = Task.detached { _ = try client.run(["DEBUG", "SLEEP", "1.5"]) }
        try await Task.sleep(for: .milliseconds(50))
        let subjects = ScriptTests.subjects(LimitSettings(requestsPerMinute: 60_000))
        var slowest: Int64 = 0
        var times: [Int64] = []
        var outcomes: [Bool] = []
        while !limiter.isAway {
            let begin = Moment.now
            if case .granted = await decide(limiter, subjects) { outcomes.append(true) } else { outcomes.append(false) }
            slowest = max(slowest, Moment.now - begin)
            if outcomes.count > 100 { break }
        }
        #expect(limiter.isAway)
        // The deadline, and what a busy machine adds; Redis sleeps longer.
        #expect(slowest < 1_300_000_000, "\(slowest) ns")
        for _ in 0..<50 {
            let begin = Moment.now
            switch await decide(limiter, subjects) {
            case .granted: #expect(away == .localShare)
            case .unavailable: #expect(away == .closed)
            case .refused: #expect(away == .localShare)
            case .needsRedis: Issue.record("It asks nobody.")
            }
            times.append(Moment.now - begin)
        }
        #expect(times.sorted()[25] < 40_000_000, "\(times)")
        try await sleeping.value
        #expect(await connected(limiter))
        guard case .granted = await decide(limiter, subjects) else {
            Issue.record("It does not recover.")
            return
        }
        limiter.leave()
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
        limiter.leave()
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
        try RedisClient(port: server.port).run(["CONFIG", "SET", "requirepass", "right"])
        let right = try await limiter(server, password: "right")
        #expect(await connected(right))
        let wrong = try await limiter(server, password: "wrong")
        try await Task.sleep(for: .milliseconds(300))
        #expect(wrong.isAway)
        let subjects = ScriptTests.subjects(LimitSettings(requestsPerMinute: 10))
        guard case .unavailable = await decide(wrong, subjects) else {
            Issue.record("It decided.")
            return
        }
        #expect("\(RedisPassword("right"))" == "[secret]")
        right.leave()
        wrong.leave()
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
        while Moment.now - begin < 300_000_000 {
            if case .granted = await decide(sharing, subjects) { granted += 1 }
            await Task.yield()
        }
        let seconds = Double(Moment.now - begin) / 1e9
        #expect(Double(granted) <= (seconds + 0.5) * 50 + 1)
        #expect(granted >= 5)
        closed.leave()
        sharing.leave()
    }
}
