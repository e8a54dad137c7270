import Limits
import NIOCore
import NIOPosix
import Telemetry
import Testing

@testable import Gateway

@Suite("What health checks say of an upstream")
struct HealthRecordTests {
    static func settings(_ unhealthyAfter: Int, _ healthyAfter: Int) -> HealthCheckSettings {
        var settings = HealthCheckSettings(interval: .seconds(1))
        settings.unhealthyAfter = unhealthyAfter
        settings.healthyAfter = healthyAfter
        return settings
    }

    /// The states that a row of results goes through: `+` passed, `-` failed.
    static func states(_ results: String, _ settings: HealthCheckSettings) -> [Bool] {
        var record = HealthRecord(settings)
        return results.map { result in
            _ = record.note(hasPassed: result == "+")
            return record.isHealthy
        }
    }

    @Test("one is taken out after so many failures in a row, and is back after so many passes in a row")
    func thresholds() {
        let states = Self.states("--+---+-++-", Self.settings(3, 2))
        #expect(states == [true, true, true, true, true, false, false, false, false, true, true])
        #expect(Self.states("-+-", Self.settings(1, 1)) == [false, true, false])
    }

    @Test("one that was found ill before is back only after so many passes in a row")
    func begunIll() {
        var record = HealthRecord(Self.settings(3, 2), isHealthy: false)
        #expect(record.note(hasPassed: true) == nil && !record.isHealthy)
        #expect(record.note(hasPassed: true) == .readmitted && record.isHealthy)
    }

    @Test("any row of results says what its last ones say", arguments: 0..<40)
    func rows(seed: UInt64) {
        var generator = SeededGenerator(seed)
        let settings = Self.settings(.random(in: 1...4, using: &generator), .random(in: 1...4, using: &generator))
        var record = HealthRecord(settings)
        var (results, changes) = ([Bool](), 0)
        for _ in 0..<1_000 {
            let before = record.isHealthy
            results.append(Bool.random(using: &generator))
            let change = record.note(hasPassed: results[results.count - 1])
            #expect((change != nil) == (record.isHealthy != before))
            let needed = before ? settings.unhealthyAfter : settings.healthyAfter
            let isContrary = results.count >= needed && results.suffix(needed).allSatisfy { $0 != before }
            // The same row of results is counted once: the state has just changed by it.
            if change != nil { #expect(isContrary && change == (before ? .removed : .readmitted)) }
            if isContrary, change == nil { Issue.record("\(needed) results in a row changed nothing") }
            if change != nil {
                changes += 1
                results = []
            }
        }
        #expect(changes > 0)
    }
}

@Suite("An upstream that is left alone")
struct UpstreamWorthTests {
    private func state() -> UpstreamState {
        var breaker = BreakerSettings()
        breaker.failuresMin = 2
        let metrics = UpstreamMetrics(in: MetricsRegistry())
        return UpstreamState(breaker, gauges: metrics.gauges(of: "server"))
    }

    private func note(
        _ outcome: CircuitBreaker.Outcome, _ failure: UpstreamFailure? = nil, by state: UpstreamState, at now: Moment
    ) throws {
        state.note(outcome, failure, of: try #require(state.permit(at: now)), at: now)
    }

    private static let start = Moment(nanoseconds: 1_000_000_000_000)
    private static func at(_ seconds: Int) -> Moment { start + .seconds(seconds) }

    @Test("checks and breaker each take it out, and bring it back only themselves")
    func twoJudges() throws {
        let state = state()
        let permit = try #require(state.permit(at: Self.at(0)))
        state.remove(at: Self.at(0), for: .seconds(10))
        #expect(state.worth(at: Self.at(100)) == .unhealthy(10_000_000_000) && state.permit(at: Self.at(100)) == nil)
        // What was under way when it was taken out still tells the breaker.
        for _ in 0..<2 { state.note(.failure, of: permit, at: Self.at(101)) }
        state.readmit()
        #expect(state.worth(at: Self.at(102)) == .broken(4_000_000_000) && state.permit(at: Self.at(102)) == nil)
        // Taken out while the breaker would try it: no request is the trial.
        state.remove(at: Self.at(103), for: .seconds(1))
        #expect(state.permit(at: Self.at(200)) == nil)
        state.readmit()
        let trial = try #require(state.permit(at: Self.at(200)))
        #expect(state.permit(at: Self.at(200)) == nil)
        state.note(.success, of: trial, at: Self.at(201))
        #expect(state.worth(at: Self.at(201)) == .good)
    }

    @Test("operators are shown the strictest of what is held against it, and for how long")
    func readings() throws {
        let state = state()
        #expect(state.reading(at: Self.at(0)).state == .available)
        #expect(state.reading(at: Self.at(0)).lastFailure == nil)
        try note(.success, by: state, at: Self.at(0))
        state.cool(nanoseconds: 9_000_000_000, at: Self.at(0))
        #expect(state.reading(at: Self.at(1)).state == .cooling(8_000_000_000))
        for _ in 0..<2 { try note(.failure, .closedEarly, by: state, at: Self.at(1)) }
        var reading = state.reading(at: Self.at(2))
        #expect(reading.state == .breakerOpen(4_000_000_000))
        #expect(reading.successes == 1 && reading.failures == 2)
        #expect(reading.lastFailure?.failure == .closedEarly && reading.lastFailure?.ago == 1_000_000_000)
        #expect(state.reading(at: Self.at(6)).state == .breakerHalfOpen)
        let trial = try #require(state.permit(at: Self.at(6)))
        #expect(state.reading(at: Self.at(6)).state == .breakerHalfOpen)
        state.remove(at: Self.at(7), for: .seconds(1))
        #expect(state.reading(at: Self.at(9)).state == .unhealthy(2_000_000_000))
        // What is the caller's own is no failure of the upstream.
        state.note(.neither, .cancelled, of: trial, at: Self.at(9))
        let rejected = UpstreamFailure.rejected(status: 400, message: "No.", param: nil)
        state.note(rejected.outcome, rejected, of: trial, at: Self.at(9))
        reading = state.reading(at: Self.at(9))
        #expect(reading.lastFailure?.failure == .closedEarly)
        state.began()
        state.began()
        state.queued(1)
        reading = state.reading(at: Self.at(9))
        #expect(reading.inFlight == 1 && reading.queued == 1)
    }

    @Test("metrics show the breaker open until a trial succeeds, and count each opening")
    func metrics() throws {
        var breaker = BreakerSettings()
        breaker.failuresMin = 1
        let gauges = UpstreamMetrics(in: MetricsRegistry()).gauges(of: "server")
        let state = UpstreamState(breaker, gauges: gauges)
        func shown() -> [Int64] { [gauges.isOpen.current, gauges.opened.total] }
        #expect(shown() == [0, 0])
        try note(.failure, by: state, at: Self.at(0))
        #expect(shown() == [1, 1])
        try note(.neither, by: state, at: Self.at(10))
        #expect(shown() == [1, 1])
        try note(.failure, by: state, at: Self.at(20))
        #expect(shown() == [1, 2])
        try note(.success, by: state, at: Self.at(40))
        #expect(shown() == [0, 2])
    }

    @Test("a wish to be left alone is kept, the longest of several, for a minute at most")
    func cooling() {
        let state = state()
        state.cool(nanoseconds: 5_000_000_000, at: Self.at(0))
        state.cool(nanoseconds: 1_000_000, at: Self.at(1))
        #expect(state.worth(at: Self.at(4)) == .cooling && state.worth(at: Self.at(5)) == .good)
        state.cool(nanoseconds: .max, at: Self.at(10))
        #expect(state.worth(at: Self.at(69)) == .cooling && state.worth(at: Self.at(70)) == .good)
        #expect(state.permit(at: Self.at(20)) != nil)
    }
}

@Suite("A health check")
struct HealthProbeTests {
    /// What a check says of a server that answers with these bytes, or closes (`""`), or keeps silent (`nil`).
    private func status(_ answer: String?) async throws -> Int {
        let group = MultiThreadedEventLoopGroup.singleton
        let server = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AnsweringHandler(answer: answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        defer { server.close(promise: nil) }
        var upstream = UpstreamSettings(
            name: "server", host: "127.0.0.1", port: server.localAddress?.port ?? 0, basePath: "/base")
        upstream.credential = Credential("secret")
        var check = HealthCheckSettings(interval: .seconds(1))
        check.timeout = .milliseconds(answer == nil ? 100 : 60_000)
        return try await HealthProbe.status(of: upstream, check, tls: nil, on: group.next())
    }

    @Test("reads the status behind interim answers, and no more than the head")
    func statuses() async throws {
        #expect(try await status("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n") == 200)
        #expect(try await status("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\n\r\n") == 503)
        #expect(try await status("HTTP/1.0 404 Not Found\r\n\r\n<html>") == 404)
    }

    @Test("fails where nothing that can be read comes in time")
    func failures() async {
        await #expect(throws: HealthProbe.Problem.timedOut) { try await status(nil) }
        await #expect(throws: HealthProbe.Problem.closedEarly) { try await status("") }
        await #expect(throws: HealthProbe.Problem.self) { try await status("220 mail.example ESMTP\r\n\r\n") }
        await #expect(throws: HealthProbe.Problem.self) {
            try await status("HTTP/1.1 200 OK\r\nx: " + String(repeating: "y", count: 20_000))
        }
    }

    @Test("ends at once when it is cancelled", .timeLimit(.minutes(10)))
    func cancelled() async throws {
        let check = Task { try await status(nil) }
        check.cancel()
        await #expect(throws: (any Error).self) { try await check.value }
    }
}

private final class AnsweringHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let answer: String?
    private var asked = ""

    init(answer: String?) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        asked += String(buffer: unwrapInboundIn(data))
        guard asked.hasSuffix("\r\n\r\n"), let answer else { return }
        let isRight =
            asked.hasPrefix("GET /base/v1/models HTTP/1.1\r\n")
            && asked.contains("\r\nauthorization: Bearer secret\r\n")
        if isRight, !answer.isEmpty { context.writeAndFlush(NIOAny(ByteBuffer(string: answer)), promise: nil) }
        if answer.isEmpty { context.close(promise: nil) }
    }
}
