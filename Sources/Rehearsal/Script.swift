internal import NIOCore

/// What a connection does for one answer, step by step; a pure state machine that the handler performs.
struct Script: Sendable {
    enum Step: Sendable, Equatable {
        case bytes(ByteBuffer)
        /// Waits until so long after the request was read.
        case pause(until: Duration)
        case wait(Duration)
        case close
        /// TCP RST.
        case reset
        /// Nothing more, until the client leaves.
        case hang
        /// The answer is complete; the connection may serve the next.
        case done(keepAlive: Bool)
    }

    private var steps: [Step]
    private var position = 0
    private var events: EventStream?
    /// Between bytes; nil unless they drip.
    private let drip: Duration?
    private var dripping = ByteBuffer()
    private var rests = false

    init(_ steps: [Step], then events: EventStream? = nil, drip: Duration? = nil) {
        self.steps = steps
        self.events = events
        self.drip = drip
    }

    /// Tokens that the steps given so far carry.
    var tokensSent: Int { events?.tokensSent ?? 0 }

    /// The next step. Not called again after a last one.
    mutating func next() -> Step {
        guard let drip else { return nextWhole() }
        if rests {
            rests = false
            return .wait(drip)
        }
        if dripping.readableBytes == 0 {
            let step = nextWhole()
            guard case .bytes(let buffer) = step else { return step }
            dripping = buffer
        }
        guard let byte = dripping.readSlice(length: 1) else { return next() }
        rests = true
        return .bytes(byte)
    }

    private mutating func nextWhole() -> Step {
        if position == steps.count, var events {
            steps = events.next()
            position = 0
            self.events = events
        }
        guard position < steps.count else { return .close }
        position += 1
        return steps[position - 1]
    }
}
