internal import Limits
internal import NIOCore

/// One request and its answer, as the request path sees it: read the body, then answer, whole or as a stream.
///
/// `@unchecked Sendable`: every member is touched on the connection's event loop only. The handler lives there, and the
/// exchange's task runs there too (`LoopExecutor`).
final class Exchange: @unchecked Sendable {
    /// What it goes down to its end, whatever is configured meanwhile.
    let path: RequestPath
    let head: RequestHead
    let clientAddress: ClientAddress
    let arrivedAt: Moment

    /// Let go when the exchange ends or the client leaves.
    private var connection: ConnectionHandler?
    private let budget: ByteBudget
    private var budgetTaken = 0
    private(set) var state = State.reading

    private var body: [UInt8] = []
    private var bodyMax = 0
    private var bodyResult: Result<Void, PathExit>?
    private var bodyWaiter: UnsafeContinuation<Result<Void, PathExit>, Never>?
    private var writableWaiter: UnsafeContinuation<Bool, Never>?
    private(set) var clientLeft = false
    private var clientEnded = false

    /// The upstream that answers; it is told when the client leaves, so that it is not kept busy for nobody.
    var upstream: UpstreamExchange? {
        didSet { if clientLeft { upstream?.cancel() } }
    }

    enum State { case reading, streaming, ended }

    init(
        on path: RequestPath, head: RequestHead, clientAddress: ClientAddress, arrivedAt: Moment,
        connection: ConnectionHandler, budget: ByteBudget
    ) {
        self.path = path
        self.head = head
        self.clientAddress = clientAddress
        self.arrivedAt = arrivedAt
        self.connection = connection
        self.budget = budget
    }

    deinit {
        budget.give(back: budgetTaken)
    }

    // MARK: - For the path

    /// The whole body. Nothing of it is buffered before this is called.
    ///
    /// - Throws: a refusal when it is larger than `max`, too slow, malformed, or when the gateway holds too many bytes
    ///   already; `clientLeft`.
    func readBody(max: Int) async throws(PathExit) -> [UInt8] {
        if case .length(let length) = head.framing {
            guard length <= max else { throw .refused(.bodyTooLarge(max: max)) }
            body.reserveCapacity(min(length, 65_536))
        }
        bodyMax = max
        connection?.acceptBody(of: self)
        if bodyResult == nil {
            _ = await withUnsafeContinuation { bodyWaiter = $0 }
        }
        try (bodyResult ?? .failure(.clientLeft)).get()
        let whole = body
        body = []
        return whole
    }

    /// Whether a model may begin to work: somebody waits for it. Who will send nothing more does not.
    func isAwaited() -> Bool {
        if clientEnded { connection?.abort() }
        return !clientLeft
    }

    /// Writes a whole answer.
    func answer(_ answer: Answer) {
        guard state == .reading else { return }
        state = .ended
        var answer = answer
        if head.method == .head { answer.body = [] }
        connection?.write(answer, of: self)
        connection = nil
    }

    /// Writes the head of a streamed answer together with its first bytes.
    func beginStream(_ answer: Answer) {
        guard state == .reading else { return }
        state = .streaming
        connection?.beginStream(answer, of: self)
    }

    /// Writes a piece of the stream and returns when the client can take more.
    func write(_ bytes: [UInt8]) async throws(PathExit) {
        guard state == .streaming, !clientLeft, let connection else { throw .clientLeft }
        if !connection.writePiece(bytes, of: self) {
            let isWritable = await withUnsafeContinuation { writableWaiter = $0 }
            guard isWritable else { throw .clientLeft }
        }
    }

    /// Ends the stream with its last bytes.
    func endStream(_ bytes: [UInt8] = []) {
        guard state == .streaming else { return }
        state = .ended
        connection?.endStream(bytes, of: self)
        connection = nil
    }

    // MARK: - For the handler

    func receive(_ bytes: ByteBuffer) {
        guard bodyResult == nil else { return }
        guard body.count + bytes.readableBytes <= bodyMax else {
            return endBody(.failure(.refused(.bodyTooLarge(max: bodyMax))))
        }
        guard budget.take(bytes.readableBytes) else {
            return endBody(.failure(.refused(.overloaded(.bytesInFlight))))
        }
        budgetTaken += bytes.readableBytes
        bytes.withUnsafeReadableBytes { body.append(contentsOf: $0) }
    }

    func endBody(_ result: Result<Void, PathExit>) {
        guard bodyResult == nil else { return }
        bodyResult = result
        bodyWaiter?.resume(returning: result)
        bodyWaiter = nil
    }

    func becameWritable() {
        writableWaiter?.resume(returning: true)
        writableWaiter = nil
    }

    /// The client will send nothing more.
    func clientDidEnd() { clientEnded = true }

    /// Whether a client that will send nothing more still gets its answer: no model works for it. Who waits for one is taken
    /// to have left, as by nginx and Envoy, because a closed connection looks the same and a model must not work for nobody.
    var isBeyondWaiting: Bool { bodyResult != nil && upstream?.isAtWork != true }

    func clientDidLeave() {
        guard !clientLeft else { return }
        clientLeft = true
        endBody(.failure(.clientLeft))
        writableWaiter?.resume(returning: false)
        writableWaiter = nil
        upstream?.cancel()
        connection = nil
    }
}
