internal import NIOCore

/// One request to an upstream and its answer, pulled piece by piece.
///
/// `@unchecked Sendable`: touched on the loop of its connection only, which is also the loop of the client's.
final class UpstreamExchange: @unchecked Sendable {
    enum Piece {
        case bytes(ByteBuffer)
        case end
        /// Nothing has come in time.
        case late
    }

    /// Let go when the exchange ends.
    private var connection: UpstreamConnection?
    private var head: ResponseHead?
    /// What has come and was not received yet.
    private var pending: ByteBuffer?
    private var isComplete = false
    private var failure: UpstreamFailure?
    private var waiter: UnsafeContinuation<Void, Never>?
    /// Whether any byte of an answer has come; before that a stale connection may be replaced.
    private(set) var hasAnswerBegun = false
    private(set) var isAbandoned = false
    let isOnReusedConnection: Bool
    private let budget: ByteBudget
    private var budgetTaken = 0
    /// Told once when the exchange ends.
    private let state: UpstreamState
    private var hasEnded = false

    init(on connection: UpstreamConnection, isReused: Bool, budget: ByteBudget, state: UpstreamState) {
        self.connection = connection
        isOnReusedConnection = isReused
        self.budget = budget
        self.state = state
    }

    deinit {
        budget.give(back: budgetTaken)
        end()
    }

    private func end() {
        if !hasEnded { state.ended() }
        hasEnded = true
    }

    // MARK: - For the path

    /// The answer's head, once it has come.
    func receiveHead() async throws(UpstreamFailure) -> ResponseHead {
        while true {
            if let head { return head }
            if let failure { throw failure }
            await wait()
        }
    }

    /// The next piece of the body; asks the connection for more only when none is here.
    ///
    /// - Parameter patience: how long to wait for one; `nil` for as long as it takes, of which others see to the end.
    func receivePiece(within patience: Patience? = nil) async throws(UpstreamFailure) -> Piece {
        while true {
            if let bytes = pending {
                pending = nil
                return .bytes(bytes)
            }
            if let failure { throw failure }
            if isComplete { return .end }
            if let patience, patience.hasEnded { return .late }
            connection?.read()
            await wait(for: patience)
        }
    }

    /// Until when somebody waits.
    struct Patience {
        let end: NIODeadline
        let loop: any EventLoop

        var hasEnded: Bool { loop.now >= end }
    }

    /// The whole body.
    ///
    /// - Throws: also `answerTooLarge`, and `noRoom` when the gateway holds too many bytes already.
    func receiveBody(bytesMax: Int) async throws(UpstreamFailure) -> [UInt8] {
        var body: [UInt8] = []
        while case .bytes(let bytes) = try await receivePiece() {
            guard body.count + bytes.readableBytes <= bytesMax else {
                cancel()
                throw .answerTooLarge(bytesMax: bytesMax)
            }
            guard budget.take(bytes.readableBytes) else {
                cancel()
                throw .noRoom
            }
            budgetTaken += bytes.readableBytes
            bytes.withUnsafeReadableBytes { body.append(contentsOf: $0) }
        }
        return body
    }

    /// Wants no more of an answer that has said all: its few last bytes are read and dropped by the connection.
    func abandon() {
        guard !isComplete, failure == nil else { return }
        isAbandoned = true
        pending = nil
        connection?.drain()
    }

    /// Ends the exchange on our side: the connection is closed, which every model server takes as a cancellation.
    func cancel() {
        guard !isComplete, failure == nil else { return }
        let connection = connection
        fail(.cancelled)
        wake()
        connection?.abort()
    }

    // MARK: - For the connection

    var isAwaitingHead: Bool { head == nil }

    /// Whether more of the answer is wanted and may come.
    var isAtWork: Bool { !isComplete && !isAbandoned && failure == nil }

    func receive(head: ResponseHead) { self.head = head }
    func receive(bytes: ByteBuffer) {
        if isAbandoned { return }
        if pending == nil {
            pending = bytes
        } else {
            var bytes = bytes
            pending?.writeBuffer(&bytes)
        }
    }
    func answerBegan() { hasAnswerBegun = true }
    func complete() {
        isComplete = true
        connection = nil
        end()
    }

    func fail(_ failure: UpstreamFailure) {
        if !isComplete, self.failure == nil { self.failure = failure }
        connection = nil
        end()
    }

    /// Lets the path look again; called once per read, when all of it has been taken in.
    func wake() {
        let waiter = waiter
        self.waiter = nil
        waiter?.resume()
    }

    private func wait(for patience: Patience? = nil) async {
        let timer = patience.map { patience in
            patience.loop.assumeIsolated().scheduleTask(deadline: patience.end) { [self] in wake() }
        }
        await withUnsafeContinuation { waiter = $0 }
        timer?.cancel()
    }
}
