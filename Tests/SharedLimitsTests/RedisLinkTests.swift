import Limits
import Logging
import Snapshots
import Telemetry
import Testing

@testable import SharedLimits

@Suite("Calls on their way to the link's thread")
struct CallInboxTests {
    private func job() -> RedisLink.Job { RedisLink.Job(call: LeaseCall(), since: 0) { _ in } }

    @Test("are bounded together with those that are under way")
    func bound() {
        var inbox = CallInbox()
        var taken = 0
        // The thread takes each at once, and none of them ends.
        for _ in 0..<CallInbox.jobsMax + 100 where inbox.submit(job()) != .refused {
            taken += inbox.take(underWay: taken).count
        }
        #expect(taken == CallInbox.jobsMax)
        // A hundred have ended.
        _ = inbox.take(underWay: taken - 100)
        let more = (0..<200).filter { _ in inbox.submit(job()) != .refused }.count
        #expect(more == 100)
    }

    @Test("wake the thread once until it has looked")
    func waking() {
        var inbox = CallInbox()
        var submissions = [inbox.submit(job()), inbox.submit(job())]
        let taken = inbox.take(underWay: 0).count
        submissions.append(inbox.submit(job()))
        #expect(taken == 2)
        #expect(submissions == [.takenFirst, .taken, .takenFirst])
    }

    @Test("are handed out when it closes, and refused from then on")
    func closing() {
        var inbox = CallInbox()
        inbox.stop()
        _ = inbox.take(underWay: 0)
        _ = inbox.submit(job())
        let left = inbox.close().count
        let after = inbox.submit(job())
        #expect(left == 1)
        #expect(after == .refused && inbox.isEmpty)
    }
}

@Suite("Link to Redis", .timeLimit(.minutes(10)), .serialized)
struct RedisLinkTests {
    private func link(port: Int, timeout: Int64 = 200_000_000) throws -> RedisLink {
        var settings = RedisSettings(host: "127.0.0.1")
        settings.port = port
        settings.timeout = timeout
        return try RedisLink(
            settings, process: "a", lifetime: 3_000_000_000, metrics: SharedLimitMetrics(in: MetricsRegistry()),
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test(
        "ends a call that comes while it stops",
        .enabled(if: RedisServer.isInstalled, "There is no redis-server."))
    func submittedWhileStopping() async throws {
        let server = try RedisServer()
        let link = try link(port: server.port)
        try link.start { _ in }
        #expect(await SharedLimiterTests.holds(within: 20) { link.isOpen })
        let client = try RedisClient(port: server.port)
        let sleeping = Task.detached { _ = try client.run(["DEBUG", "SLEEP", "1.5"]) }
        try await Task.sleep(for: .milliseconds(100))
        let ends = Lock([String]())
        // The first one's answer is late. Its end comes after the thread looked for calls the last time.
        link.submit(
            RedisLink.Job(call: LeaseCall(), since: 1) { [link] _ in
                ends.withLock { $0.append("late") }
                link.submit(RedisLink.Job(call: LeaseCall(), since: 1) { _ in ends.withLock { $0.append("next") } })
            })
        let hasEnded = await link.stop(within: .seconds(20))
        #expect(hasEnded)
        #expect(ends.withLock { $0 } == ["late", "next"])
        link.submit(RedisLink.Job(call: LeaseCall(), since: 1) { _ in ends.withLock { $0.append("after") } })
        #expect(ends.withLock { $0.last } == "after")
        try await sleeping.value
    }

    @Test("is awaited when it stops, but no longer than that: a thread that hangs is let go")
    func hanging() async throws {
        // Nobody is there.
        let server = try RedisServer()
        server.kill()
        let hangs = Semaphore()
        let isHanging = Lock(false)
        let link = try link(port: server.port)
        try link.start { _ in
            isHanging.withLock { $0 = true }
            hangs.wait()
        }
        #expect(await SharedLimiterTests.holds(within: 20) { isHanging.withLock { $0 } })
        let hasEnded = await link.stop(within: .milliseconds(50))
        #expect(!hasEnded)
        hangs.post()
        let again = try self.link(port: server.port)
        try again.start { _ in }
        let endsInTime = await again.stop(within: .seconds(20))
        #expect(endsInTime)
    }
}
