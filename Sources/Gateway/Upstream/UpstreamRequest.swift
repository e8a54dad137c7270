internal import JSON
internal import NIOCore
internal import Storage

/// Which header fields pass, each way. Everything else stays where it is.
package struct HeaderSettings: Sendable {
    /// Of a request, to the upstream; lower case.
    package var toUpstream: Set<String> = ["traceparent", "tracestate", "openai-beta"]
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
    private let upstream: UpstreamSettings
    private let headers: HeaderSettings
    private let id: RecordID

    init(_ request: Screened, to upstream: UpstreamSettings, headers: HeaderSettings, id: RecordID) {
        self.request = request
        self.upstream = upstream
        self.headers = headers
        self.id = id
    }

    private var parsed: Parsed { request.limited.admitted.request }

    /// Head and body in one buffer.
    func encoded() -> ByteBuffer {
        let body = body()
        var head: [UInt8] = []
        head.reserveCapacity(512)
        head.append(contentsOf: "POST ".utf8)
        head.append(contentsOf: upstream.basePath.utf8)
        let path = parsed.dialect.path
        head.append(contentsOf: UnsafeBufferPointer(start: path.utf8Start, count: path.utf8CodeUnitCount))
        head.append(contentsOf: " HTTP/1.1\r\nhost: ".utf8)
        head.append(contentsOf: upstream.authority.utf8)
        head.append(contentsOf: "\r\nuser-agent: steward\r\naccept-encoding: identity\r\n".utf8)
        head.append(
            contentsOf: (parsed.facts.isStream ? "accept: text/event-stream\r\n" : "accept: application/json\r\n").utf8)
        head.append(contentsOf: "content-type: application/json\r\ncontent-length: ".utf8)
        head.appendDecimal(body.count)
        head.append(contentsOf: "\r\nx-request-id: req_".utf8)
        id.appendDigits(to: &head)
        head.append(contentsOf: "\r\n".utf8)
        if let credential = upstream.credential {
            head.append(contentsOf: "authorization: Bearer ".utf8)
            head.append(contentsOf: credential.secret.utf8)
            head.append(contentsOf: "\r\n".utf8)
        }
        head.append(contentsOf: passedFields().bytes)
        head.append(contentsOf: "\r\n".utf8)
        var buffer = ByteBufferAllocator().buffer(capacity: head.count + body.count)
        buffer.writeBytes(head)
        buffer.writeBytes(body)
        return buffer
    }

    private func passedFields() -> AnswerFields {
        var passed = AnswerFields()
        guard !headers.toUpstream.isEmpty else { return passed }
        let fields = parsed.caller.exchange.head.fields
        for field in fields.fields {
            let name = fields.name(of: field)
            if headers.toUpstream.contains(String(decoding: name, as: UTF8.self)) {
                passed.append(name: name, value: fields.value(of: field))
            }
        }
        return passed
    }

    /// The tree with redactions, the upstream's name of the model, an output cap and the wish for usage.
    private func body() -> [UInt8] {
        var edits = request.edits
        let document = parsed.document
        let facts = parsed.facts
        let admitted = request.limited.admitted
        let model = upstream.model ?? admitted.model.name
        if model != facts.model, !admitted.model.takesOptions {
            var name = JSONWriter()
            name.string(model)
            edits.setMember("model", raw: name.bytes, of: document.root)
        }
        if parsed.dialect != .embeddings, facts.outputTokensMax == nil {
            var cap: [UInt8] = []
            cap.appendDecimal(admitted.outputTokensMax)
            edits.setMember("max_tokens", raw: cap, of: document.root)
        }
        if facts.isStream, !facts.asksForUsage {
            if let options = document.member("stream_options", of: document.root), document.kind(options) == .object {
                edits.setMember("include_usage", raw: Array("true".utf8), of: options)
            } else {
                edits.setMember(
                    "stream_options", raw: Array(#"{"include_usage":true}"#.utf8), of: document.root)
            }
        }
        var body: [UInt8] = []
        body.reserveCapacity(document.bytes.count + 128)
        document.serialise(into: &body, edits: edits)
        return body
    }
}
