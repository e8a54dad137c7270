import Logging
import NIOCore
import NIOPosix
import Testing

@testable import Rehearsal

/// Sends bytes as they are and keeps what comes back, so that a test sees the wire and not a client's view of it.
struct RawClient: Sendable {
    let channel: any Channel
    private let collector: NIOLoopBound<Collector>
    private let finished: EventLoopFuture<RawAnswer>

    /// - Parameters:
    ///   - reads: false leaves everything in the kernel's buffers.
    ///   - enough: ends the wait though the connection stays open.
    init(
        port: Int, reads: Bool = true, enough: @escaping @Sendable ([UInt8]) -> Bool = { _ in false }
    ) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let loop = group.next()
        let promise = loop.makePromise(of: RawAnswer.self)
        let bound = try await loop.submit {
            NIOLoopBound(Collector(promise: promise, enough: enough), eventLoop: loop)
        }.get()
        do {
            channel = try await ClientBootstrap(group: loop)
                .channelOption(.autoRead, value: reads)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(bound.value)
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
        } catch {
            promise.fail(error)
            throw error
        }
        collector = bound
        finished = promise.futureResult
    }

    func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    /// What came until the connection closed or it was enough.
    func answer() async throws -> RawAnswer {
        try await finished.get()
    }

    /// What has come so far.
    func soFar() async throws -> [UInt8] {
        try await channel.eventLoop.submit { [collector] in collector.value.bytes }.get()
    }

    /// Sends and reads until the connection closes.
    static func exchange(_ port: Int, _ text: String) async throws -> RawAnswer {
        let client = try await RawClient(port: port)
        try await client.send(text)
        return try await client.answer()
    }

    static func post(
        _ port: Int, _ path: String, _ body: String, type: String = "application/json", headers: String = ""
    ) async throws -> RawAnswer {
        try await exchange(port, request(path, body, type: type, headers: headers + "connection: close\r\n"))
    }

    static func request(_ path: String, _ body: String, type: String = "application/json", headers: String = "")
        -> String
    {
        "POST \(path) HTTP/1.1\r\nhost: x\r\ncontent-type: \(type)\r\ncontent-length: \(body.utf8.count)\r\n"
            + "\(headers)\r\n\(body)"
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private(set) var bytes: [UInt8] = []
        private var wasReset = false
        private var promise: EventLoopPromise<RawAnswer>?
        private let enough: @Sendable ([UInt8]) -> Bool

        init(promise: EventLoopPromise<RawAnswer>, enough: @escaping @Sendable ([UInt8]) -> Bool) {
            self.promise = promise
            self.enough = enough
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            bytes.append(contentsOf: unwrapInboundIn(data).readableBytesView)
            if enough(bytes) { finish() }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            wasReset = (error as? IOError)?.errnoCode == ECONNRESET
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            finish()
        }

        private func finish() {
            promise?.succeed(RawAnswer(bytes: bytes, wasReset: wasReset))
            promise = nil
        }
    }
}

/// An answer as bytes.
struct RawAnswer: Sendable {
    let bytes: [UInt8]
    /// The connection ended by a TCP RST.
    let wasReset: Bool

    private var bodyStart: Int? {
        bytes.indices.dropLast(3).first { bytes[$0..<$0 + 4].elementsEqual("\r\n\r\n".utf8) }.map { $0 + 4 }
    }

    var head: String { String(decoding: bytes[..<(bodyStart ?? bytes.count)], as: UTF8.self) }
    var rawBody: [UInt8] { bodyStart.map { Array(bytes[$0...]) } ?? [] }

    var status: Int? {
        let parts = head.split(separator: " ", maxSplits: 2)
        return parts.count > 1 && parts[0] == "HTTP/1.1" ? Int(parts[1]) : nil
    }

    func header(_ name: String) -> String? {
        for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix(name + ": ") {
            return String(line.dropFirst(name.count + 2))
        }
        return nil
    }

    /// The body without its framing; nil if it is cut off or framed wrongly.
    var body: [UInt8]? {
        guard header("transfer-encoding") == "chunked" else {
            guard let length = header("content-length").flatMap(Int.init) else { return rawBody }
            return rawBody.count == length ? rawBody : nil
        }
        var rest = rawBody[...]
        var body: [UInt8] = []
        while true {
            guard let line = rest.firstIndex(of: UInt8(ascii: "\r")),
                let size = Int(String(decoding: rest[..<line], as: UTF8.self), radix: 16),
                rest.endIndex - line >= size + 4
            else { return nil }
            let start = line + 2
            if size == 0 { return rest.endIndex == start + 2 ? body : nil }
            body += rest[start..<start + size]
            rest = rest[(start + size + 2)...]
        }
    }

    func json() throws -> Value {
        try Value(parsing: body ?? [])
    }

    /// The data of the events, `[DONE]` included.
    var events: [String] { namedEvents.map(\.data) }

    /// The events with the names that their `event:` lines give them; none of a body that is cut off.
    var namedEvents: [(name: String?, data: String)] {
        guard let body else { return [] }
        return String(decoding: body, as: UTF8.self).split(separator: "\n\n").map { event in
            let lines = event.split(separator: "\n", maxSplits: 1)
            let name = lines[0].hasPrefix("event: ") ? String(lines[0].dropFirst("event: ".count)) : nil
            return (name, String((name == nil ? event : lines[1]).dropFirst("data: ".count)))
        }
    }

    /// The events' JSON.
    func chunks() throws -> [Value] {
        try events.filter { $0 != "[DONE]" }.map { try Value(parsing: Array($0.utf8)) }
    }
}

/// Starts a rehearsal model, and stops it after the test.
func withRehearsal<Result: Sendable>(
    _ configuration: RehearsalConfiguration = RehearsalConfiguration(),
    _ body: (RunningRehearsal) async throws -> Result
) async throws -> Result {
    let running = try await RehearsalServer(configuration: configuration, logger: Logger(label: "rehearsal")).start()
    do {
        let result = try await body(running)
        try await running.stop(grace: .seconds(1))
        return result
    } catch {
        try await running.stop(grace: .zero)
        throw error
    }
}

/// Waits until something is so, for ten seconds at most, since tests share their machine.
func eventually(_ isSo: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<2_000 {
        if try await isSo() { return true }
        try await Task.sleep(for: .milliseconds(5))
    }
    return false
}

/// A chat body with one user message.
func chat(_ model: String, _ text: String = "How do ferries turn?", _ more: (String, Value)...) -> String {
    let message: Value = ["role": "user", "content": .string(text)]
    let body: Value = ["model": .string(model), "messages": [message]]
    let whole = more.reduce(body) { $0.with($1.0, $1.1) }
    return String(decoding: whole.encoded, as: UTF8.self)
}

/// The content of choice `index`, joined from a stream's events.
func streamed(_ chunks: [Value], choice index: Int = 0, _ field: String = "content") -> String {
    chunks.flatMap { $0["choices"]?.elements ?? [] }
        .filter { $0["index"]?.integer == index }
        .compactMap { $0["delta"]?[field]?.text ?? $0["text"]?.text }
        .joined()
}

let chatPath = "/v1/chat/completions"
