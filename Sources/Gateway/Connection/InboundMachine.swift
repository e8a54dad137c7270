internal import NIOCore

/// What one client connection has sent so far: a pure state machine, bytes in, actions out.
///
/// ```
///   head ──► body ──► answering ──► head …
/// ```
/// A request that is pipelined behind another waits in `input` until the first has been answered.
struct InboundMachine {
    enum Action {
        /// Nothing can be done until more arrives or the answer ends.
        case wait
        case head(RequestHead)
        case body(ByteBuffer)
        case bodyEnd
        /// The connection cannot be understood any further: answer, then close.
        case refuse(HeadProblem)
    }

    private enum Phase {
        case head
        case body(BodyDecoder)
        case answering
        case refused
    }

    private var fieldsMax: Int
    private var reader: HeadReader
    private var phase = Phase.head
    private(set) var input: ByteBuffer

    init(headBytesMax: Int, fieldsMax: Int, allocator: ByteBufferAllocator) {
        self.fieldsMax = fieldsMax
        reader = HeadReader(headBytesMax: headBytesMax)
        input = allocator.buffer(capacity: 0)
    }

    /// Keeps to other bounds from now on, also of a head that has begun to arrive.
    mutating func follow(headBytesMax: Int, fieldsMax: Int) {
        self.fieldsMax = fieldsMax
        reader.headBytesMax = headBytesMax
    }

    /// Whether a request has begun to arrive and its head is not complete.
    var isInsideHead: Bool {
        if case .head = phase { input.readableBytes > 0 || reader.isInsideHead } else { false }
    }

    var isAwaitingHead: Bool {
        if case .head = phase { true } else { false }
    }

    /// Whether bytes of the current request's body are still to come.
    var isInsideBody: Bool {
        if case .body(let decoder) = phase { !decoder.isAtEnd } else { false }
    }

    /// What follows cannot be understood any more, so nothing on this connection may be.
    var isRefused: Bool {
        if case .refused = phase { true } else { false }
    }

    mutating func receive(_ bytes: ByteBuffer) {
        if input.readableBytes == 0 {
            input = bytes
        } else {
            var bytes = bytes
            // What was read goes first, or half a request at the end of each piece would let the buffer grow for ever.
            input.discardReadBytes()
            input.writeBuffer(&bytes)
        }
    }

    /// The next action; call again until it is `wait`.
    mutating func next() -> Action {
        do throws(HeadProblem) {
            switch phase {
            case .head:
                guard let bytes = try reader.read(from: &input) else { return .wait }
                let head = try RequestHead(parsing: bytes, fieldsMax: fieldsMax)
                phase = .body(BodyDecoder(head.framing))
                return .head(head)
            case .body(var decoder):
                let step = try decoder.decode(&input)
                phase = .body(decoder)
                switch step {
                case .bytes(let bytes): return .body(bytes)
                case .needsMore: return .wait
                case .end:
                    phase = .answering
                    return .bodyEnd
                }
            case .answering, .refused:
                return .wait
            }
        } catch {
            phase = .refused
            input.clear()
            return .refuse(error)
        }
    }

    /// The answer has left; the next request may begin.
    mutating func answerEnded() {
        if !isRefused { phase = .head }
    }

    /// Forgets what has arrived; used while the rest of an unwanted body is thrown away.
    mutating func discardInput() {
        input.clear()
    }
}
