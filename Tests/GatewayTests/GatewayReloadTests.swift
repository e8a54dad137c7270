import Access
import Filtering
import Foundation
import Guidelines
import Limits
import Logging
import NIOCore
import NIOEmbedded
import Records
import Snapshots
import Telemetry
import Testing

@testable import Gateway

/// What a gateway is made of in these tests.
private struct Fixture {
    let registry = MetricsRegistry()
    let metrics: GatewayMetrics
    let policy: Policy
    let keys = Snapshot(KeySnapshot())

    init() throws {
        metrics = GatewayMetrics(in: registry)
        policy = try Policy(
            guidelines: .shipped(), rules: FilterRules(try RuleFile.rules(files: [Self.rule], categories: .shipped())),
            categories: .shipped())
    }

    private static let rule = (
        name: "rule.yaml",
        yaml: """
        rules:
          - id: test/word
            category: privacy
            pattern: '\\bnightingale\\b'
            matches: [nightingale]
            non_matches: [sparrow]
        """
    )

    static func upstream(_ name: String, port: Int = 1) -> UpstreamSettings {
        UpstreamSettings(name: name, host: "127.0.0.1", port: port)
    }

    static func settings(_ upstreams: [UpstreamSettings]) -> GatewaySettings {
        var settings = GatewaySettings(
            models: [ModelSettings(name: "model", upstreams: upstreams)],
            addresses: PublicAddresses(desk: "http://desk"))
        settings.port = 0
        return settings
    }

    func plan(_ settings: GatewaySettings, after former: GatewayPlan? = nil) throws -> GatewayPlan {
        let plan = try GatewayPlan(settings, policy, keys, metrics, after: former)
        if let former { plan.follow(former) }
        return plan
    }

    func plan(_ upstreams: [UpstreamSettings], after former: GatewayPlan? = nil) throws -> GatewayPlan {
        try plan(Self.settings(upstreams), after: former)
    }

    func parts(_ folder: String) throws -> GatewayParts {
        GatewayParts(
            digester: KeyDigester(secret: Array(repeating: 7, count: 32)), limiter: Limiter(startingAt: .now),
            budgets: Budgets(), failures: FailureGuard(seed: 1, startingAt: .now),
            journal: try Journal(Journal.Configuration(folder: folder, isWrittenInTurns: true)), metrics: metrics,
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    func sample(_ name: String) -> String? {
        String(decoding: registry.render(), as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix(name) }.map { String($0.split(separator: " ")[1]) }
    }
}

@Suite("What one plan takes over from another")
struct GatewayPlanTests {
    private let fixture: Fixture
    private let executor = LoopExecutor(EmbeddedEventLoop())

    init() throws { fixture = try Fixture() }

    private func pools(_ plan: GatewayPlan, after former: UpstreamPools? = nil) -> UpstreamPools {
        UpstreamPools(plan, executor: executor, bytesInFlight: ByteBudget(1_000), after: former)
    }

    private func first(_ pools: UpstreamPools, _ plan: GatewayPlan) -> [UpstreamPool] {
        pools.serving(plan.models.all[0], .chatCompletions)
    }

    /// Whether pool and state go on when an upstream changes in some way.
    private func goesOn(_ change: (inout UpstreamSettings) -> Void) throws -> (pool: Bool, state: Bool) {
        var upstream = Fixture.upstream("a")
        let before = try fixture.plan([upstream])
        let poolsBefore = pools(before)
        change(&upstream)
        let after = try fixture.plan([upstream], after: before)
        let poolsAfter = pools(after, after: poolsBefore)
        let isSamePool = first(poolsBefore, before)[0] === first(poolsAfter, after)[0]
        #expect(poolsBefore.pools(notAmong: poolsAfter).count == (isSamePool ? 0 : 1))
        return (isSamePool, before.states["a"] === after.states["a"])
    }

    @Test("connections and what is known of a server go on where nothing of it has changed, or how it is checked")
    func unchanged() throws {
        #expect(try goesOn { _ in } == (true, true))
        #expect(try goesOn { $0.health = HealthCheckSettings(interval: .seconds(1)) } == (true, true))
    }

    @Test("what is known of a server goes on without its connections where anything else has changed")
    func changed() throws {
        #expect(try goesOn { $0.weight = 2 } == (false, true))
        #expect(try goesOn { $0.credential = Credential("another") } == (false, true))
        #expect(try goesOn { $0.timeouts.idle = .seconds(1) } == (false, true))
        #expect(try goesOn { $0.dialects.remove(.embeddings) } == (false, true))
    }

    @Test("nothing goes on where the server is another")
    func another() throws {
        #expect(try goesOn { $0.port = 2 } == (false, false))
        #expect(try goesOn { $0.basePath = "/b" } == (false, false))
        #expect(try goesOn { $0.usesTLS = true } == (false, false))
    }

    @Test("an open breaker stays open over a reload, and its gauge goes with the upstream")
    func breaker() throws {
        var settings = Fixture.settings([Fixture.upstream("a"), Fixture.upstream("b")])
        settings.resilience.breaker.failuresMin = 1
        let before = try fixture.plan(settings)
        let now = Moment.now
        try before.states["a"].noteFailure(at: now)
        let gauge = "steward_upstream_breaker_open{upstream=\"a\"}"
        #expect(fixture.sample(gauge) == "1")
        let after = try fixture.plan(settings, after: before)
        #expect(after.states["a"].permit(at: now) == nil)
        settings.models[0].upstreams = [Fixture.upstream("b")]
        let without = try fixture.plan(settings, after: after)
        #expect(fixture.sample(gauge) == "0")
        // An exchange of before that ends now says nothing any more.
        try after.states["a"].noteFailure(at: now + .seconds(100))
        #expect(fixture.sample(gauge) == "0")
        settings.models[0].upstreams = [Fixture.upstream("a")]
        #expect(try fixture.plan(settings, after: without).states["a"].permit(at: now) != nil)
    }

    @Test("a breaker that is switched off lets requests through at once")
    func breakerOff() throws {
        var settings = Fixture.settings([Fixture.upstream("a")])
        settings.resilience.breaker.failuresMin = 1
        let before = try fixture.plan(settings)
        let now = Moment.now
        try before.states["a"].noteFailure(at: now)
        settings.resilience.breaker.failuresMin = 0
        let after = try fixture.plan(settings, after: before)
        #expect(after.states["a"] === before.states["a"] && after.states["a"].permit(at: now) != nil)
        #expect(fixture.sample("steward_upstream_breaker_open{upstream=\"a\"}") == "0")
    }

    @Test("budgets and series of a model go on, wherever it stands, and keep to new shares")
    func models() throws {
        var settings = Fixture.settings([Fixture.upstream("a")])
        settings.models[0].hedgeAfter = .seconds(1)
        let before = try fixture.plan(settings)
        let model = try #require(before.models["model"])
        settings.models.insert(ModelSettings(name: "other", upstreams: [Fixture.upstream("b")]), at: 0)
        settings.resilience.retryPercent = 0
        let after = try fixture.plan(settings, after: before)
        let same = try #require(after.models["model"])
        #expect(model.index == 0 && same.index == 1)
        #expect(same.retries === model.retries && same.hedging?.budget === model.hedging?.budget)
        #expect(same.retries.withLock { $0.left(at: .now) } == 0)
        for (old, new) in zip(model.series, same.series) { #expect(old.duration === new.duration) }
        settings.models.remove(at: 1)
        #expect(try fixture.plan(settings, after: after).models["model"] == nil)
    }
}

@Suite("A gateway that takes up other plans", .timeLimit(.minutes(10)))
struct GatewayFollowTests {
    private final class WeakPlan {
        weak var plan: GatewayPlan?
        init(_ plan: GatewayPlan) { self.plan = plan }
    }

    @Test("a thousand reloads leave no plan, path or pool behind")
    func nothingLeft() async throws {
        let folder = NSTemporaryDirectory() + "steward-gateway-\(UInt64.random(in: .min ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let fixture = try Fixture()
        let parts = try fixture.parts(folder)
        defer { parts.journal.close() }
        let gateway = try await Gateway(
            Fixture.settings([Fixture.upstream("a"), Fixture.upstream("b")]), fixture.policy, fixture.keys, parts)
        var former: [WeakPlan] = []
        for number in 1...1_000 {
            var upstreams = [Fixture.upstream("a"), Fixture.upstream(number % 2 == 0 ? "b" : "c")]
            upstreams[0].weight = 1 + number % 3
            let plan = try gateway.prepare(Fixture.settings(upstreams), fixture.policy, fixture.keys)
            await gateway.follow(plan)
            former.append(WeakPlan(plan))
        }
        #expect(former.dropLast().allSatisfy { $0.plan == nil })
        let counts = try await gateway.formerCounts()
        #expect(counts == (0, 0))
        #expect(fixture.sample("steward_configuration_paths") == "1")
        let task = Task { try await gateway.run() }
        task.cancel()
        try await task.value
    }

    @Test("an upstream whose checks end is taken for well again, and one that is checked anew keeps what was found")
    func checks() throws {
        let fixture = try Fixture()
        var upstream = Fixture.upstream("a")
        upstream.health = HealthCheckSettings(interval: .seconds(3_600))
        let before = try fixture.plan([upstream])
        let checks = UpstreamHealthChecks(log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        checks.follow(HealthTarget.all(of: before, fixture.metrics.upstreams))
        let state = before.states["a"]
        state.remove(at: .now, for: .seconds(1))
        upstream.health?.interval = .seconds(1_800)
        let between = try fixture.plan([upstream], after: before)
        checks.follow(HealthTarget.all(of: between, fixture.metrics.upstreams))
        #expect(state.isUnhealthy && between.states["a"] === state)
        upstream.health = nil
        let after = try fixture.plan([upstream], after: between)
        checks.follow(HealthTarget.all(of: after, fixture.metrics.upstreams))
        #expect(!state.isUnhealthy)
    }

    @Test("what is held counts against a bound that is lowered, and a raised one has room at once")
    func bytes() {
        let budget = ByteBudget(100)
        #expect(budget.take(80))
        budget.resize(to: 50)
        #expect(!budget.take(1))
        budget.give(back: 40)
        #expect(budget.take(10) && !budget.take(1))
        budget.resize(to: 60)
        #expect(budget.take(10) && !budget.take(1))
        budget.give(back: 60)
        #expect(budget.take(60) && !budget.take(1))
    }

    @Test("a connection's bounds change between two requests, and in the middle of a head")
    func heads() throws {
        var machine = InboundMachine(headBytesMax: 1_000, fieldsMax: 10, allocator: ByteBufferAllocator())
        machine.receive(ByteBuffer(string: "GET / HTTP/1.1\r\nhost: x\r\nlong: " + String(repeating: "y", count: 300)))
        guard case .wait = machine.next() else { return #expect(Bool(false)) }
        machine.follow(headBytesMax: 200, fieldsMax: 10)
        machine.receive(ByteBuffer(string: "\r\n\r\n"))
        guard case .refuse(.tooLarge) = machine.next() else { return #expect(Bool(false)) }
    }
}

extension UpstreamState {
    fileprivate func noteFailure(at now: Moment) throws {
        note(.failure, of: try #require(permit(at: now)), at: now)
    }
}
