internal import NIOCore
internal import NIOHTTP1
internal import Snapshots

/// A request as it was read from the wire.
struct ReceivedRequest: Sendable {
    var head: HTTPRequestHead
    var body: ByteBuffer
    /// Counts from 1 since the server started.
    var number = 0
}

/// What the rehearsal model saw: the evidence of tests that ask what an upstream really got.
package final class RehearsalObservations: Sendable {
    /// A client that left before its answer was complete.
    package struct Cancellation: Sendable, Hashable {
        /// The request's number.
        package var request: Int
        /// Microseconds since 1970.
        package var at: Int64
        /// Time since the request was read.
        package var after: Duration
        package var tokensSent: Int
    }

    private struct State: Sendable {
        var requests = 0
        var completed = 0
        /// The last of them, bounded.
        var cancelled: [Cancellation] = []
        var cancelledCount = 0
        var recent: [ReceivedRequest] = []
        var failures: [String: Int] = [:]
    }

    private struct Connections: Sendable {
        var open = 0
        var total = 0
    }

    private static let keptMax = 32
    /// Larger bodies are kept of the last request only.
    private static let keptBodyBytesMax = 65_536

    private let state = Lock(State())
    private let connections = Lock(Connections())

    package init() {}

    package var requestCount: Int { state.withLock { $0.requests } }
    package var completedCount: Int { state.withLock { $0.completed } }
    package var cancelledCount: Int { state.withLock { $0.cancelledCount } }
    package var cancellations: [Cancellation] { state.withLock { $0.cancelled } }
    package var openConnections: Int { connections.withLock { $0.open } }

    /// The last request's body as received; nil before the first.
    package var lastBody: [UInt8]? {
        state.withLock { $0.recent.last?.body }.map { Array($0.readableBytesView) }
    }

    /// The last request's headers in order, names as received.
    package var lastHeaders: [(name: String, value: String)] {
        state.withLock { $0.recent.last?.head.headers }.map { $0.map { ($0.name, $0.value) } } ?? []
    }

    /// Forgets everything but the connections.
    package func reset() {
        state.withLock { $0 = State() }
    }

    /// Counts a request for an answer; those for observations leave no trace. Returns its number.
    func received(_ request: ReceivedRequest) -> Int {
        guard !request.head.uri.hasPrefix("/rehearsal/") else { return 0 }
        return state.withLock { state in
            state.requests += 1
            var kept = request
            kept.number = state.requests
            if let last = state.recent.indices.last, state.recent[last].body.readableBytes > Self.keptBodyBytesMax {
                state.recent[last].body = ByteBuffer()
            }
            if state.recent.count == Self.keptMax { state.recent.removeFirst() }
            state.recent.append(kept)
            return state.requests
        }
    }

    func completed(_ number: Int) {
        guard number > 0 else { return }
        state.withLock { $0.completed += 1 }
    }

    func cancelled(_ cancellation: Cancellation) {
        guard cancellation.request > 0 else { return }
        state.withLock { state in
            state.cancelledCount += 1
            if state.cancelled.count == Self.keptMax { state.cancelled.removeFirst() }
            state.cancelled.append(cancellation)
        }
    }

    /// How often this key failed before; counts one more unless it is at the bound.
    func countFailure(_ key: String, upTo bound: Int) -> Int {
        state.withLock { state in
            let count = state.failures[key, default: 0]
            if count < bound, state.failures.count < 10_000 { state.failures[key] = count + 1 }
            return count
        }
    }

    func connected() {
        connections.withLock {
            $0.open += 1
            $0.total += 1
        }
    }

    func disconnected() {
        connections.withLock { $0.open -= 1 }
    }

    /// All of it as `GET /rehearsal/v1/observations` gives it.
    var value: Value {
        let state = state.withLock { $0 }
        let connections = connections.withLock { $0 }
        let cancelled = state.cancelled.map { cancellation -> Value in
            let (seconds, attoseconds) = cancellation.after.components
            return [
                "request": .number(cancellation.request), "at_us": .number(Int(cancellation.at)),
                "after_ms": .number(Int(seconds * 1_000 + attoseconds / 1_000_000_000_000_000)),
                "tokens_sent": .number(cancellation.tokensSent),
            ]
        }
        return [
            "requests": .number(state.requests), "completed": .number(state.completed),
            "cancelled": .number(state.cancelledCount), "cancellations": .array(cancelled),
            "open_connections": .number(connections.open), "connections": .number(connections.total),
            "last": state.recent.last.map(Self.request) ?? .null, "recent": .array(state.recent.map(Self.request)),
        ]
    }

    /// A body that is no UTF-8 is shown as hexadecimal digits instead.
    private static func request(_ request: ReceivedRequest) -> Value {
        let body = Array(request.body.readableBytesView)
        let text = String(validating: body, as: UTF8.self)
        let digits = Array("0123456789abcdef".utf8)
        let hex = text == nil ? body.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] } : []
        let headers = request.head.headers.map { Value.array([.string($0.name), .string($0.value)]) }
        return [
            "number": .number(request.number), "method": .string(request.head.method.rawValue),
            "uri": .string(request.head.uri), "headers": .array(headers), "body": text.map(Value.string) ?? .null,
            "body_hex": text == nil ? .string(String(decoding: hex, as: UTF8.self)) : .null,
            "body_bytes": .number(body.count),
        ]
    }
}
