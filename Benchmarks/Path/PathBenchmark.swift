import Access
import Filtering
import Gateway
import Glibc
import Guidelines
import Limits
import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import Records
import Snapshots
import Storage
import Telemetry

/// Prints what each step of the request path takes, as JSON. `scripts/bench path` runs it:
///
///     PathBenchmark FOLDER ANSWER EVENTS PROMPT=COUNT…
///
/// FOLDER is empty and becomes the store; ANSWER is a file with the upstream's answer, EVENTS one with the events of a
/// streamed one, PROMPT one with a request's body, of which COUNT are taken down the path.
@main
struct PathBenchmark {
    /// How many exchanges end together: as many as the connections that other measurements have.
    static let together = 32

    static func main() async throws {
        guard CommandLine.arguments.count > 4 else { throw Problem("PathBenchmark FOLDER ANSWER EVENTS PROMPT=COUNT…") }
        let answer = try read(CommandLine.arguments[2])
        let ground = try await Ground(folder: CommandLine.arguments[1])
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let probe = try await ground.probe(on: group.next(), answer: answer)
        var lines: [String] = []
        for argument in CommandLine.arguments.dropFirst(4) {
            let parts = argument.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let count = Int(parts[1]), count > 0 else { throw Problem("PROMPT=COUNT") }
            let body = try read(String(parts[0]))
            let samples = try await measure(probe, ground.request(body), count: count)
            lines.append(json(bodyBytes: body.count, samples))
        }
        guard ground.journal.load.open == 0 else { throw Problem("An exchange was not settled.") }
        let chunk = try await measureStream(probe, read(CommandLine.arguments[3]))
        print("{\"prompts\": [\(lines.joined(separator: ",\n"))],\n\"chunk\": \(chunk)}")
        ground.journal.close()
        try await group.shutdownGracefully()
    }

    /// A tenth of the requests go first and are not counted: they fill caches and pools.
    private static func measure(
        _ probe: PathProbe, _ request: ByteBuffer, count: Int
    ) async throws -> [PathProbe.Sample] {
        // Long bodies one by one, or the journal would wait for all of them.
        let together = request.readableBytes > 32_768 ? 1 : Self.together
        for _ in 0..<(count / together / 10 + 1) { _ = try await probe.run(request, count: together) }
        var samples: [PathProbe.Sample] = []
        while samples.count < count { samples += try await probe.run(request, count: together) }
        return samples
    }

    /// Twenty streams of the same events; the first is not counted.
    private static func measureStream(_ probe: PathProbe, _ bytes: [UInt8]) async throws -> String {
        let events = String(decoding: bytes, as: UTF8.self).split(separator: "\n\n").map {
            ByteBuffer(string: $0 + "\n\n")
        }
        _ = try await probe.runStream(events)
        var all: [(nanoseconds: Int64, allocations: Int)] = []
        for _ in 0..<20 { all += try await probe.runStream(events) }
        let allocations = all.reduce(0) { $0 + $1.allocations }
        return
            "{\"ns\": \(median(all.map(\.nanoseconds))), \"allocations\": \(Double(allocations) / Double(all.count))}"
    }

    private static func json(bodyBytes: Int, _ samples: [PathProbe.Sample]) -> String {
        let steps = PathProbe.Step.allCases.map { step in
            let times = samples.map { $0.nanoseconds[step.rawValue] }
            let allocations = samples.reduce(0) { $0 + $1.allocations[step.rawValue] }
            return "{\"step\": \"\(step)\", \"ns\": \(median(times)), "
                + "\"allocations\": \(Double(allocations) / Double(samples.count))}"
        }
        let sums = samples.map { $0.nanoseconds.reduce(0, +) }
        return "{\"body_bytes\": \(bodyBytes), \"requests\": \(samples.count), \"sum_ns\": \(median(sums)), "
            + "\"steps\": [\(steps.joined(separator: ", "))]}"
    }

    private static func median(_ values: [Int64]) -> Int64 { values.sorted()[values.count / 2] }

    private static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "rb") else { throw Problem("\(path) can't be read.") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&piece, 1, 65_536, file), count > 0 { bytes += piece[..<count] }
        return bytes
    }
}

struct Problem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// What a gateway stands on: the shipped policy, a key, limits that are counted and never reached, a journal.
private struct Ground {
    let journal: Journal
    private let policy: Policy
    private let keys: KeyDirectory
    private let digester: KeyDigester
    private let key: String

    init(folder: String) async throws {
        let categories = try Taxonomy.shipped()
        policy = try Policy(
            guidelines: .shipped(),
            rules: ShippedRules.compiled(),
            categories: categories)
        let database = try SQLiteDatabase(path: "\(folder)/store.sqlite")
        _ = try await database.migrate(Access.migrations, at: .now)
        digester = KeyDigester(secret: (0..<32).map { _ in UInt8.random(in: 0...255) })
        guard let issued = try await Access(database: database, digester: digester).prepareFirstRun(at: .now) else {
            throw Problem("\(folder) is not empty.")
        }
        key = issued.secret.reveal()
        var options = KeyDirectory.Options()
        options.limits = LimitDefaults(sandbox: Self.limits, production: Self.limits, organisation: Self.limits)
        let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        keys = try await KeyDirectory(database: database, options: options, logger: logger)
        journal = try Journal(Journal.Configuration(folder: "\(folder)/journal", isWrittenInTurns: true))
    }

    private static let limits = LimitSettings(
        requestsPerMinute: 100_000_000, tokensPerMinute: 100_000_000_000, concurrentRequests: 1_000_000,
        tokensPerDay: 100_000_000_000_000)

    func probe(on loop: any EventLoop, answer: [UInt8]) async throws -> PathProbe {
        let settings = GatewaySettings(
            models: [
                ModelSettings(name: "bench", upstreams: [UpstreamSettings(name: "none", host: "127.0.0.1", port: 1)])
            ],
            addresses: PublicAddresses(desk: "http://127.0.0.1"))
        let parts = GatewayParts(
            digester: digester, limiter: Limiter(startingAt: .now), budgets: Budgets(),
            failures: FailureGuard(seed: 1, startingAt: .now),
            journal: journal, metrics: GatewayMetrics(in: MetricsRegistry()),
            log: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        var bytes = ByteBuffer(string: "HTTP/1.1 200 OK\r\nserver: bench\r\ncontent-type: application/json\r\n")
        bytes.writeString("content-length: \(answer.count)\r\n\r\n")
        bytes.writeBytes(answer)
        return try await PathProbe.make(
            on: loop, settings, policy, keys.snapshot, parts, allocations: Allocations.count
        ) { [bytes] in
            let channel = EmbeddedChannel()
            channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
            return PathProbe.Upstream(channel: channel) {
                while (try? channel.readOutbound(as: ByteBuffer.self)) != nil {}
                _ = try? channel.writeInbound(bytes)
            }
        }
    }

    /// Head and body as a client's library sends them.
    func request(_ body: [UInt8]) -> ByteBuffer {
        var request = ByteBuffer(string: "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n")
        request.writeString("accept: application/json\r\ncontent-type: application/json\r\nuser-agent: bench\r\n")
        request.writeString("authorization: Bearer \(key)\r\ncontent-length: \(body.count)\r\n\r\n")
        request.writeBytes(body)
        return request
    }
}

/// How often this thread has asked for memory: what `Benchmarks/allocations.c` counts when it is preloaded, else 0.
private enum Allocations {
    private typealias Counter = @convention(c) @Sendable () -> Int

    private static let counter: Counter? = {
        dlsym(dlopen(nil, RTLD_NOW), "bench_allocations").map { unsafeBitCast($0, to: Counter.self) }
    }()

    @Sendable static func count() -> Int { counter?() ?? 0 }
}
