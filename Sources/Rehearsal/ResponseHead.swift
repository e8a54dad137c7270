internal import NIOCore
internal import NIOHTTP1

/// Turns answers into scripts: status line and headers, framing, and the faults that lie there. Bytes are written here
/// and not by a codec, since a codec refuses to be wrong.
struct ResponseHead: Sendable {
    private let keepAlive: Bool
    private let isOldHTTP: Bool
    private let hasNoBody: Bool
    private let endpoint: Endpoint?
    private let requestID: String

    /// - Parameter identifier: thirty-two hexadecimal digits.
    init(_ request: HTTPRequestHead, _ endpoint: Endpoint?, identifier: String) {
        keepAlive = request.isKeepAlive
        isOldHTTP = request.version == .http1_0
        hasNoBody = request.method == .HEAD
        self.endpoint = endpoint
        requestID = "req_" + identifier
    }

    /// A head for what was not read to its end; the connection closes.
    init(refusing request: HTTPRequestHead?) {
        keepAlive = false
        isOldHTTP = false
        hasNoBody = false
        endpoint = request.flatMap(Endpoint.init)
        requestID = "req_refused"
    }

    /// Faults before the answer; nil if it comes.
    func early(_ behaviour: Behaviour) -> Script? {
        switch behaviour.fault {
        case .hang: Script([.hang])
        case .close: Script([.pause(until: behaviour.ttft), .close])
        case .reset: Script([.pause(until: behaviour.ttft), .reset])
        case .garbage:
            Script([
                .pause(until: behaviour.ttft), .bytes(ByteBuffer(string: "\u{0}\u{1}rehearsed garbage\r\n\r\n")),
                .close,
            ])
        default: nil
        }
    }

    func complaint(_ complaint: Complaint, _ behaviour: Behaviour) -> Script {
        let body = complaint.body(endpoint, behaviour, requestID: requestID)
        var extra = ""
        if let seconds = behaviour.retryAfter ?? (complaint.status == 429 ? 1 : nil) {
            extra += "retry-after: \(seconds)\r\n"
        }
        if complaint.status == 429 {
            extra +=
                endpoint?.isAnthropic == true
                ? "anthropic-ratelimit-requests-remaining: 0\r\n"
                : "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 1s\r\n"
        }
        return script(complaint.status, body, behaviour, extra: extra)
    }

    /// The error that the behaviour asks for: by its status, or with status 200.
    func failure(_ asked: Asked) -> Script {
        let behaviour = asked.behaviour
        let complaint = Complaint(rehearsedBy: behaviour)
        guard behaviour.fault == .errorIn200 else { return self.complaint(complaint, behaviour) }
        guard asked.isStreamed else {
            return script(200, complaint.body(endpoint, behaviour, requestID: requestID), behaviour)
        }
        var events = ByteBuffer()
        let frame = EventFrame(isChunked: false, isUnusual: false)
        frame.write(complaint, asked.endpoint, behaviour, requestID: requestID, number: 0, to: &events)
        if asked.endpoint.endsWithDone { frame.write(Array("[DONE]".utf8), to: &events) }
        let body = AnswerBody(contentType: "text/event-stream", bytes: Array(events.readableBytesView))
        return script(200, body, behaviour)
    }

    func whole(_ value: Value) -> Script {
        whole(.json(value), Behaviour())
    }

    /// A whole answer. Its tokens take the time that the rate gives them.
    func whole(_ body: AnswerBody, _ behaviour: Behaviour, tokens: Int = 0) -> Script {
        var body = body
        if let fault = behaviour.fault, fault.isInText { body.bytes = fault.spoiling(body.bytes) }
        return script(200, body, behaviour, tokens: tokens)
    }

    func stream(_ answer: any DialectAnswer) -> Script {
        let behaviour = answer.asked.behaviour
        var buffer = ByteBuffer()
        write(
            200, "text/event-stream; charset=utf-8", isOldHTTP ? "" : "transfer-encoding: chunked\r\n", behaviour,
            &buffer)
        let events = EventStream(
            answer, requestID: requestID, isChunked: !isOldHTTP, keepAlive: keepAlive && !isOldHTTP)
        return Script(
            [.pause(until: behaviour.ttft), .bytes(buffer)], then: events,
            drip: behaviour.fault == .drip ? behaviour.drip : nil)
    }

    private func script(
        _ status: Int, _ answer: AnswerBody, _ behaviour: Behaviour, extra: String = "", tokens: Int = 0
    ) -> Script {
        let body = answer.bytes
        let time = Script.Step.pause(until: behaviour.time(ofTokens: tokens))
        var buffer = ByteBuffer()
        let isBroken = behaviour.fault == .badChunk
        let length = isBroken ? "transfer-encoding: chunked\r\n" : "content-length: \(body.count)\r\n"
        write(status, answer.contentType, length + extra, behaviour, &buffer)
        let half = body.count / 2
        switch behaviour.fault {
        case .hangMidStream:
            buffer.writeBytes(body[..<half])
            return Script([time, .bytes(buffer), .hang])
        case .resetMidStream:
            buffer.writeBytes(body[..<half])
            return Script([time, .bytes(buffer), .wait(.milliseconds(20)), .reset])
        case .truncated, .truncatedEvent:
            buffer.writeBytes(body[..<half])
            return Script([time, .bytes(buffer), .close])
        case .badChunk:
            buffer.writeString("zz\r\nno chunk\r\n")
            return Script([time, .bytes(buffer), .close])
        default:
            if !hasNoBody { buffer.writeBytes(body) }
            let drip = behaviour.fault == .drip ? behaviour.drip : nil
            return Script([time, .bytes(buffer), .done(keepAlive: keepAlive)], drip: drip)
        }
    }

    private func write(
        _ status: Int, _ contentType: String, _ framing: String, _ behaviour: Behaviour, _ buffer: inout ByteBuffer
    ) {
        let reason = HTTPResponseStatus(statusCode: status).reasonPhrase
        let type = behaviour.fault == .contentType ? "text/html" : contentType
        buffer.writeString("HTTP/1.1 \(status) \(reason)\r\nserver: steward-rehearsal\r\ncontent-type: \(type)\r\n")
        buffer.writeString(framing)
        if endpoint?.isAnthropic == true { buffer.writeString("request-id: \(requestID)\r\n") }
        switch behaviour.fault {
        case .gzip: buffer.writeString("content-encoding: gzip\r\n")
        case .doubleLength: buffer.writeString("content-length: 1\r\ncontent-length: 2\r\n")
        case .lengthAndChunked: buffer.writeString("content-length: 5\r\ntransfer-encoding: chunked\r\n")
        case .hugeHead:
            for index in 0..<5 {
                buffer.writeString("x-rehearsal-filler-\(index): \(String(repeating: "x", count: 60_000))\r\n")
            }
        default: break
        }
        buffer.writeString(keepAlive ? "\r\n" : "connection: close\r\n\r\n")
    }
}
