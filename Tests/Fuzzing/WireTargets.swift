import NIOCore

@testable import Gateway

func fuzzEvents(_ input: [UInt8]) {
    let pieces = Pieces(input)
    func read(_ feed: (([UInt8]) -> Void) -> Void) -> [[UInt8]] {
        var parser = EventParser(eventBytesMax: .max)
        var events: [[UInt8]] = []
        feed { bytes in
            parser.feed(ByteBuffer(bytes: bytes))
            while let event = try? parser.next() { events.append(event) }
        }
        return events
    }
    precondition(read { $0(pieces.whole) } == read(pieces.forEach), "Events depend on where the stream is cut.")
}

func fuzzRequests(_ input: [UInt8]) {
    let pieces = Pieces(input)
    func read(_ feed: (([UInt8]) -> Void) -> Void) -> RequestTrace {
        var trace = RequestTrace()
        feed { trace.receive($0) }
        return trace
    }
    let whole = read { $0(pieces.whole) }
    let cut = read(pieces.forEach)
    precondition(whole.refusal == cut.refusal, "Whether a request is refused depends on where it is cut.")
    precondition(whole.heads == cut.heads, "Requests depend on where they are cut.")
    precondition(whole.bodies == cut.bodies, "Bodies depend on where they are cut.")
    precondition(whole.ends == cut.ends, "Where bodies end depends on where they are cut.")
}

/// What a connection's bytes were read as.
private struct RequestTrace {
    private var machine = InboundMachine(headBytesMax: 65_536, fieldsMax: 100, allocator: ByteBufferAllocator())
    private(set) var heads: [String] = []
    private(set) var bodies: [[UInt8]] = []
    private(set) var ends = 0
    private(set) var refusal: String?

    mutating func receive(_ bytes: [UInt8]) {
        guard refusal == nil else { return }
        machine.receive(ByteBuffer(bytes: bytes))
        while true {
            switch machine.next() {
            case .wait: return
            case .head(let head):
                heads.append("\(head.method) \(head.path) \(head.framing) \(head.keepsAlive) \(head.expectsContinue)")
                bodies.append([])
            case .body(let bytes): bodies[bodies.count - 1].append(contentsOf: bytes.readableBytesView)
            case .bodyEnd:
                ends += 1
                machine.answerEnded()
            case .refuse(let problem):
                refusal = "\(problem)"
                return
            }
        }
    }
}
