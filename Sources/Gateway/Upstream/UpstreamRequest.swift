internal import JSON
internal import NIOCore
internal import Storage

/// Which header fields pass, each way. Everything else stays where it is.
package struct HeaderSettings: Sendable {
    /// Of a request, to the upstream; lower case.
    package var toUpstream: Set<String> = [
        "traceparent", "tracestate", "openai-beta", "anthropic-version", "anthropic-beta",
    ]
    /// Of an answer, to the caller; lower case.
    package var toCaller: Set<String> = ["openai-processing-ms", "openai-version"]

    package init() {}

    /// Fields that the gateway itself is responsible for and that no list can let through.
    package static let reserved: Set<String> = [
        "authorization", "connection", "content-encoding", "content-length", "content-type", "cookie", "expect", "host",
        "keep-alive", "proxy-authorization", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "x-api-key",
        "x-forwarded-for", "x-request-id", "accept", "accept-encoding", "x-should-retry", "retry-after",
    ]
}

/// A request in the words of one upstream.
struct UpstreamRequest {
    private let request: Screened
    private let pool: UpstreamPool
    private let headers: FieldNames
    private let id: RecordID

    init(_ request: Screened, to pool: UpstreamPool, headers: FieldNames, id: RecordID) {
        self.request = request
        self.pool = pool
        self.headers = headers
        self.id = id
    }

    private var parsed: Parsed { request.admitted.request }

    /// Head and body in one buffer.
    func encoded() -> ByteBuffer {
        var body = body()
        var fields = WrittenFields()
        if let file = parsed.file, let object = try? JSONDocument(parsing: body) {
            let boundary = Form.newBoundary()
            body = Form.encoded(object, file, boundary: boundary)
            fields.append("content-type", "multipart/form-data; boundary=\(boundary)")
        } else {
            fields.append("content-type", "application/json")
        }
        fields.append("content-length", body.count)
        fields.append("x-request-id", id)
        if parsed.dialect.traits.api == .anthropic, parsed.caller.exchange.head.fields.first("anthropic-version") == nil
        {
            fields.append("anthropic-version", "2023-06-01")
        }
        headers.copy(from: parsed.caller.exchange.head.fields, to: &fields)
        var buffer = ByteBufferAllocator().buffer(capacity: 512 + body.count)
        buffer.writeBytes(pool.head(of: parsed.dialect))
        buffer.writeStaticString(accepted)
        buffer.writeStaticString("\r\n")
        buffer.writeBytes(fields.bytes)
        buffer.writeStaticString("\r\n")
        buffer.writeBytes(body)
        return buffer
    }

    private var accepted: StaticString {
        parsed.facts.isStream ? "text/event-stream" : parsed.facts.answersInText ? "text/plain" : "application/json"
    }

    /// What every request of a dialect to one upstream begins with, up to the value of `accept`.
    static func head(_ dialect: Dialect, to upstream: UpstreamSettings) -> [UInt8] {
        head("POST", "\(dialect.traits.path)", to: upstream)
    }

    /// The same of any request.
    static func head(_ method: String, _ path: String, to upstream: UpstreamSettings) -> [UInt8] {
        var head = "\(method) \(upstream.basePath)\(path) HTTP/1.1\r\nhost: \(upstream.authority)\r\n"
        head += "user-agent: steward\r\naccept-encoding: identity\r\n"
        if let credential = upstream.credential {
            switch upstream.credentialField {
            case .authorization: head += "authorization: Bearer \(credential.secret)\r\n"
            case .apiKey: head += "x-api-key: \(credential.secret)\r\n"
            }
        }
        return Array((head + "accept: ").utf8)
    }

    /// The tree with redactions, the upstream's name of the model, an output cap and the wish for usage.
    private func body() -> [UInt8] {
        var edits = request.edits
        let document = parsed.document
        parsed.dialect.complete(request, for: pool.settings, into: &edits)
        var body: [UInt8] = []
        body.reserveCapacity(document.bytes.count + 128)
        document.serialise(into: &body, edits: edits)
        return body
    }
}
