internal import NIOCore

/// The server-sent events of one streamed answer, made as they are sent, so that a huge answer needs no memory.
struct EventStream: Sendable {
    /// Where the events belong that go out next.
    private enum Phase: Sendable, Equatable { case start, opening, round(Int), closing, end }

    /// Events that need no time between them go out together, up to about so many bytes.
    private static let batchBytes = 16_384

    private let answer: any DialectAnswer
    private let frame: EventFrame
    private let requestID: String
    private let keepAlive: Bool
    private let rounds: Int
    private var phase = Phase.start
    private var pending: [Event] = []
    private var eventsSent = 0
    /// Rounds whose time has been waited for.
    private var roundsWaited = 0
    private var hasStruck = false
    private(set) var tokensSent = 0

    init(_ answer: any DialectAnswer, requestID: String, isChunked: Bool, keepAlive: Bool) {
        self.answer = answer
        self.requestID = requestID
        self.keepAlive = keepAlive
        frame = EventFrame(isChunked: isChunked, isUnusual: answer.asked.behaviour.fault == .unusualEvents)
        rounds = answer.rounds
    }

    private var behaviour: Behaviour { answer.asked.behaviour }
    private var endpoint: Endpoint { answer.asked.endpoint }

    /// The steps of the next batch.
    mutating func next() -> [Script.Step] {
        var buffer = ByteBuffer()
        while buffer.readableBytes < Self.batchBytes {
            if let last = strike(&buffer) { return [.bytes(buffer)] + last }
            if let event = pending.popLast() {
                write(event, to: &buffer)
                continue
            }
            if let pause = pause() {
                return buffer.readableBytes > 0 ? [.bytes(buffer), pause] : [pause]
            }
            advance()
            if phase == .end {
                end(&buffer)
                return [.bytes(buffer), .done(keepAlive: keepAlive)]
            }
        }
        return [.bytes(buffer)]
    }

    private var following: Phase {
        switch phase {
        case .start: .opening
        case .opening: rounds > 0 ? .round(0) : .closing
        case .round(let round): round + 1 < rounds ? .round(round + 1) : .closing
        case .closing, .end: .end
        }
    }

    /// Goes to the next phase and its events, the last of which stands first.
    private mutating func advance() {
        phase = following
        switch phase {
        case .opening: pending = answer.opening().reversed()
        case .round(let round): pending = answer.round(round).reversed()
        case .closing: pending = behaviour.fault == .noDone ? [] : answer.closing().reversed()
        case .start, .end: pending = []
        }
    }

    /// The time to wait for before a round of tokens, once.
    private mutating func pause() -> Script.Step? {
        guard case .round(let round) = following, round > roundsWaited, behaviour.rate != nil else { return nil }
        roundsWaited = round
        return .pause(until: behaviour.time(ofTokens: round))
    }

    private func end(_ buffer: inout ByteBuffer) {
        if endpoint.endsWithDone, behaviour.fault != .noDone { frame.write(Array("[DONE]".utf8), to: &buffer) }
        frame.end(&buffer)
    }

    /// Whether a fault in the middle is due: after its tokens, or when there are no more.
    private var isDue: Bool {
        switch phase {
        case .start, .opening, .end: false
        case .round: tokensSent >= behaviour.after
        case .closing: true
        }
    }

    /// The last steps of an answer that breaks off here; nil if it doesn't.
    private mutating func strike(_ buffer: inout ByteBuffer) -> [Script.Step]? {
        guard let fault = behaviour.fault, isDue else { return nil }
        switch fault {
        case .hangMidStream: return [.hang]
        // The client gets to read what came before the reset.
        case .resetMidStream: return [.wait(.milliseconds(20)), .reset]
        case .truncated: return [.close]
        case .truncatedEvent:
            if pending.isEmpty { advance() }
            var whole = ByteBuffer()
            if let event = pending.popLast() { write(event, to: &whole) }
            buffer.writeImmutableBuffer(whole.getSlice(at: 0, length: whole.readableBytes / 2) ?? whole)
            return [.close]
        case .errorMidStream:
            let complaint = Complaint(rehearsedBy: behaviour)
            frame.write(complaint, endpoint, behaviour, requestID: requestID, number: eventsSent, to: &buffer)
            end(&buffer)
            return [.done(keepAlive: keepAlive)]
        case .failed:
            guard let event = answer.failed(Complaint(rehearsedBy: behaviour)) else { return nil }
            write(event, to: &buffer)
            end(&buffer)
            return [.done(keepAlive: keepAlive)]
        case .badChunk:
            buffer.writeString("zz\r\nno chunk\r\n")
            return [.close]
        default: return nil
        }
    }

    /// Writes an event, spoilt once if the fault is in the JSON text.
    private mutating func write(_ event: Event, to buffer: inout ByteBuffer) {
        let name = endpoint.namesEvents ? event.value["type"]?.text : nil
        let isNumbered = endpoint.numbersEvents
        var json = (isNumbered ? event.value.with("sequence_number", .number(eventsSent)) : event.value).encoded
        if let fault = behaviour.fault, isDue, !hasStruck, fault.isInText {
            json = fault.spoiling(json)
            hasStruck = true
        }
        frame.write(json, name: name, to: &buffer)
        eventsSent += 1
        if event.isToken { tokensSent += 1 }
    }
}

/// How an event looks on the wire: `event: …` if it has a name, `data: {…}` and an empty line, as one chunk of a chunked
/// body.
struct EventFrame: Sendable {
    let isChunked: Bool
    /// Comments, `event:` and `retry:` lines, CRLF and data over two lines, all of which readers must take.
    let isUnusual: Bool

    func write(_ json: [UInt8], name: String? = nil, to buffer: inout ByteBuffer) {
        var lines: (before: String, after: String) = ((name.map { "event: \($0)\n" } ?? "") + "data: ", "\n\n")
        var json = json[...]
        if isUnusual {
            lines = (
                ": rehearsal\r\n\r\nretry: 1000\r\nevent: \(name ?? "message")\r\ndata:", "\r\n\r\n"
            )
            if json.first == UInt8(ascii: "{") {
                lines.before += "{\r\ndata: "
                json = json.dropFirst()
            }
        }
        if isChunked {
            let length = lines.before.utf8.count + json.count + lines.after.utf8.count
            buffer.writeString(String(length, radix: 16) + "\r\n")
        }
        buffer.writeString(lines.before)
        buffer.writeBytes(json)
        buffer.writeString(lines.after)
        if isChunked { buffer.writeString("\r\n") }
    }

    /// Writes the event by which a stream says that it failed.
    func write(
        _ complaint: Complaint, _ endpoint: Endpoint, _ behaviour: Behaviour, requestID: String, number: Int,
        to buffer: inout ByteBuffer
    ) {
        let data = complaint.event(endpoint, behaviour, requestID: requestID, number: number)
        write(data, name: endpoint.namesEvents ? "error" : nil, to: &buffer)
    }

    func end(_ buffer: inout ByteBuffer) {
        if isChunked { buffer.writeString("0\r\n\r\n") }
    }
}
