internal import NIOCore

/// The server-sent events of one streamed answer, made as they are sent, so that a huge answer needs no memory.
struct EventStream: Sendable {
    private enum Phase: Sendable {
        case opening(Int), delta(round: Int, choice: Int), closing(Int), accounting, end, over
    }

    /// Events that need no time between them go out together, up to about so many bytes.
    private static let batchBytes = 16_384

    private let answer: Answer
    private let frame: EventFrame
    private let keepAlive: Bool
    private let rounds: Int
    private var phase = Phase.opening(0)
    /// Rounds whose time has been waited for.
    private var roundsWaited = 0
    private var hasStruck = false
    private(set) var tokensSent = 0

    init(_ answer: Answer, isChunked: Bool, keepAlive: Bool) {
        self.answer = answer
        self.keepAlive = keepAlive
        frame = EventFrame(isChunked: isChunked, isUnusual: answer.asked.behaviour.fault == .unusualEvents)
        rounds = answer.choices.map(\.deltaCount).max() ?? 0
    }

    private var behaviour: Behaviour { answer.asked.behaviour }

    /// The steps of the next batch.
    mutating func next() -> [Script.Step] {
        var buffer = ByteBuffer()
        while buffer.readableBytes < Self.batchBytes {
            if let last = strike(&buffer) {
                phase = .over
                return [.bytes(buffer)] + last
            }
            if let pause = pause() {
                return buffer.readableBytes > 0 ? [.bytes(buffer), pause] : [pause]
            }
            if let last = advance(&buffer) { return [.bytes(buffer), last] }
        }
        return [.bytes(buffer)]
    }

    /// Writes what the phase brings and goes to the next; the last step at the end.
    private mutating func advance(_ buffer: inout ByteBuffer) -> Script.Step? {
        let hasFinish = behaviour.fault != .noDone
        switch phase {
        case .opening(let choice):
            if let event = answer.opening(choice) { write(event, to: &buffer) }
            let next = choice + 1
            phase =
                next < answer.choices.count ? .opening(next) : rounds > 0 ? .delta(round: 0, choice: 0) : .closing(0)
        case .delta(let round, let choice):
            if round < answer.choices[choice].deltaCount {
                write(answer.delta(round, of: choice), to: &buffer)
                tokensSent += 1
            }
            if choice + 1 < answer.choices.count {
                phase = .delta(round: round, choice: choice + 1)
            } else {
                phase = round + 1 < rounds ? .delta(round: round + 1, choice: 0) : .closing(0)
            }
        case .closing(let choice):
            if hasFinish { write(answer.closing(choice), to: &buffer) }
            phase = choice + 1 < answer.choices.count ? .closing(choice + 1) : .accounting
        case .accounting:
            if hasFinish, let event = answer.accounting { write(event, to: &buffer) }
            phase = .end
        case .end:
            if hasFinish { frame.write(Array("[DONE]".utf8), to: &buffer) }
            frame.end(&buffer)
            phase = .over
            return .done(keepAlive: keepAlive)
        case .over: return .close
        }
        return nil
    }

    /// The time to wait for before a round of tokens, once.
    private mutating func pause() -> Script.Step? {
        guard case .delta(let round, 0) = phase, round > roundsWaited, behaviour.rate != nil else { return nil }
        roundsWaited = round
        return .pause(until: behaviour.time(ofTokens: round))
    }

    /// Whether a fault in the middle is due: after its tokens, or when there are no more.
    private var isDue: Bool {
        switch phase {
        case .opening: false
        case .delta: tokensSent >= behaviour.after
        case .closing(let choice): choice == 0
        case .accounting, .end, .over: false
        }
    }

    /// The last steps of an answer that breaks off here; nil if it doesn't.
    private mutating func strike(_ buffer: inout ByteBuffer) -> [Script.Step]? {
        guard let fault = behaviour.fault, isDue, !hasStruck else { return nil }
        switch fault {
        case .hangMidStream: return [.hang]
        // The client gets to read what came before the reset.
        case .resetMidStream: return [.wait(.milliseconds(20)), .reset]
        case .truncated: return [.close]
        case .truncatedEvent:
            var whole = ByteBuffer()
            frame.write(answer.delta(0, of: 0, else: answer.closing(0)).encoded, to: &whole)
            buffer.writeImmutableBuffer(whole.getSlice(at: 0, length: whole.readableBytes / 2) ?? whole)
            return [.close]
        case .errorMidStream:
            let complaint = Complaint(500, "The rehearsal model was asked to fail here.", code: behaviour.errorCode)
            frame.write(complaint.body(behaviour.errorShape).bytes, to: &buffer)
            frame.write(Array("[DONE]".utf8), to: &buffer)
            frame.end(&buffer)
            return [.done(keepAlive: keepAlive)]
        case .badChunk:
            buffer.writeString("zz\r\nno chunk\r\n")
            return [.close]
        default: return nil
        }
    }

    /// Writes an event, spoilt once if the fault is in the JSON text.
    private mutating func write(_ event: Value, to buffer: inout ByteBuffer) {
        var json = event.encoded
        if let fault = behaviour.fault, isDue, !hasStruck, fault.isInText {
            json = fault.spoiling(json)
            hasStruck = true
        }
        frame.write(json, to: &buffer)
    }
}

extension Answer {
    /// A token's event, or another where the choice has none.
    fileprivate func delta(_ place: Int, of index: Int, else other: Value) -> Value {
        choices[index].deltaCount > place ? delta(place, of: index) : other
    }
}

/// How an event looks on the wire: `data: {…}` and an empty line, as one chunk of a chunked body.
struct EventFrame: Sendable {
    let isChunked: Bool
    /// Comments, `event:` and `retry:` lines, CRLF and data over two lines, all of which readers must take.
    let isUnusual: Bool

    func write(_ json: [UInt8], to buffer: inout ByteBuffer) {
        var lines: (before: String, after: String) = ("data: ", "\n\n")
        var json = json[...]
        if isUnusual {
            lines = (": rehearsal\r\n\r\nretry: 1000\r\nevent: message\r\ndata:", "\r\n\r\n")
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

    func end(_ buffer: inout ByteBuffer) {
        if isChunked { buffer.writeString("0\r\n\r\n") }
    }
}
