internal import NIOCore
internal import NIOSSL
internal import Telemetry

/// One client connection: performs what `InboundMachine` says, and writes what its exchange answers.
///
/// Confined to the channel's event loop. Reads on demand: no body byte is read before the path asks for the body, and
/// not much more than one pipelined request while an answer is on its way.
final class ConnectionHandler: ChannelInboundHandler, Flushing {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let loop: GatewayLoop
    private var context: ChannelHandlerContext?
    private var peer = ClientAddress(peer: nil)
    private var machine: InboundMachine
    private var exchange: Exchange?
    private let exchanges = ExchangeQueue()
    private var acceptsBody = false
    private var isLastAnswer = false
    private var isReadPending = false
    private var debt: ClientDebt
    private var phase = Phase.serving
    private var discardedBytes = 0
    private var isFlushDue = false
    /// Whether the client takes what is written as fast as it comes, or nearly so.
    private var isWritable = true

    private enum Phase {
        case serving
        /// The answer has been written; the rest of an unwanted body is thrown away until the client closes, because
        /// closing with unread bytes would reset the connection and lose the answer. Source: RFC 9112, section 9.6.
        case discarding
        case closed
    }

    /// How much of an unwanted body is read and thrown away before the connection is cut.
    private static let discardedBytesMax = 256 << 20
    private static let pipelinedBytesMax = 65_536
    private static let allocator = ByteBufferAllocator()

    private let isAboveBound: Bool
    private let count: Gauge

    /// - Parameter isAboveBound: as many connections are open as may be; this one is told so and closed.
    init(loop: GatewayLoop, isAboveBound: Bool, count: Gauge) {
        self.loop = loop
        self.isAboveBound = isAboveBound
        self.count = count
        let http = loop.path.http
        machine = InboundMachine(
            headBytesMax: http.headBytesMax, fieldsMax: http.headerFieldsMax, allocator: Self.allocator)
        debt = ClientDebt(settings: http, at: loop.executor.clock.now)
    }

    // MARK: - Events

    func channelActive(context: ChannelHandlerContext) {
        activate(context)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { activate(context) }
    }

    private func activate(_ context: ChannelHandlerContext) {
        guard self.context == nil else { return }
        self.context = context
        peer = ClientAddress(peer: context.channel.remoteAddress)
        count.add()
        loop.connectionOpened(self)
        serveExchanges()
        if isAboveBound {
            writeWhole(loop.path.answerAboveConnectionBound(), keepsAlive: false)
            return discardAndClose()
        }
        read()
    }

    /// The one task of this connection; it ends when the connection does.
    private func serveExchanges() {
        let exchanges = exchanges
        _ = Task(executorPreference: loop.executor) {
            while let exchange = await exchanges.next() { await exchange.path.serve(exchange) }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        loop.executor.collect()
        let bytes = unwrapInboundIn(data)
        if case .discarding = phase {
            discardedBytes += bytes.readableBytes
            if discardedBytes > Self.discardedBytesMax { abort() }
            return
        }
        if machine.isAwaitingHead, !machine.isInsideHead { debt.oweHead(at: now) }
        machine.receive(bytes)
        drain()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReadPending = false
        loop.executor.runCollected()
        read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        guard isWritable else { return }
        if let exchange {
            if exchange.state == .streaming { debt.oweNothing() }
            exchange.becameWritable()
        } else if case .serving = phase {
            expectRequest()
            drain()
            read()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .closed
        count.subtract()
        loop.connectionClosed(self)
        exchange?.clientDidLeave()
        exchange = nil
        exchanges.close()
        loop.executor.runCollectedSoon()
        self.context = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { clientEnded() }
        context.fireUserInboundEventTriggered(event)
    }

    /// The client will send nothing more.
    private func clientEnded() {
        switch phase {
        case .closed: return
        case .discarding: return abort()
        case .serving: break
        }
        guard let exchange else { return closeAfterFlush() }
        exchange.clientDidEnd()
        if exchange.isBeyondWaiting { return closeAfterAnswer() }
        flush()
        abort()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // TLS that ends without a goodbye; that it ended is told next.
        if case NIOSSLError.uncleanShutdown = error { return }
        abort()
    }

    // MARK: - Requests

    /// Asks for more only when somebody will take it.
    private func read() {
        guard !isReadPending, let context else { return }
        if case .closed = phase { return }
        if case .serving = phase, exchange == nil, !isWritable { return }
        let takesBody = acceptsBody && machine.isInsideBody
        if exchange != nil, !takesBody, machine.input.readableBytes > Self.pipelinedBytesMax { return }
        isReadPending = true
        context.read()
    }

    private func drain() {
        while case .serving = phase {
            if exchange != nil, machine.isInsideBody, !acceptsBody { return }
            // Who asks and asks and takes no answer is asked to take some first.
            if exchange == nil, !isWritable { return }
            switch machine.next() {
            case .wait: return
            case .head(let head): begin(head)
            case .body(let bytes): exchange?.receive(bytes)
            case .bodyEnd:
                debt.oweNothing()
                exchange?.endBody(.success(()))
            case .refuse(let problem):
                if let exchange {
                    exchange.endBody(.failure(.refused(.malformedHTTP(problem))))
                } else {
                    refuse(problem)
                }
                return
            }
        }
    }

    private func begin(_ head: RequestHead) {
        let path = loop.path
        let exchange = Exchange(
            on: path, head: head, clientAddress: path.proxies.clientAddress(of: head, peer: peer), arrivedAt: .now,
            connection: self, budget: loop.bytesInFlight)
        self.exchange = exchange
        acceptsBody = false
        debt.oweBody(at: now)
        exchanges.push(exchange)
    }

    /// A head that can't be understood has no exchange: it is answered here, in the shape of OpenAI's errors.
    private func refuse(_ problem: HeadProblem) {
        let answer = loop.path.answer(toUnreadable: problem)
        writeWhole(answer, keepsAlive: false)
        discardAndClose()
    }

    func acceptBody(of exchange: Exchange) {
        guard exchange === self.exchange else { return }
        acceptsBody = true
        if exchange.head.expectsContinue, machine.isInsideBody, machine.input.readableBytes == 0, let context {
            let buffer = Self.allocator.buffer(string: "HTTP/1.1 100 Continue\r\n\r\n")
            write(buffer, to: context)
        }
        drain()
        read()
    }

    // MARK: - Answers

    func write(_ answer: Answer, of exchange: Exchange) {
        guard exchange === self.exchange else { return }
        let keepsAlive = keepsAlive(after: exchange)
        writeWhole(answer, keepsAlive: keepsAlive)
        end(keepsAlive: keepsAlive)
    }

    func beginStream(_ answer: Answer, of exchange: Exchange) {
        guard exchange === self.exchange, let context else { return }
        let keepsAlive = keepsAlive(after: exchange)
        var buffer = AnswerEncoder.encodeStreamHead(
            answer, isChunked: exchange.head.isVersion11, keepsAlive: keepsAlive, date: loop.date.bytes,
            allocator: Self.allocator)
        writePiece(answer.body, of: exchange, to: &buffer)
        write(buffer, to: context)
    }

    /// Writes; `false` if the client must take what it has before more is written.
    func writePiece(_ bytes: [UInt8], of exchange: Exchange) -> Bool {
        guard exchange === self.exchange, let context else { return false }
        var buffer = Self.allocator.buffer(capacity: bytes.count + 16)
        writePiece(bytes, of: exchange, to: &buffer)
        write(buffer, to: context)
        return isWritable
    }

    func endStream(_ bytes: [UInt8], of exchange: Exchange) {
        guard exchange === self.exchange, let context else { return }
        var buffer = Self.allocator.buffer(capacity: bytes.count + 24)
        writePiece(bytes, of: exchange, to: &buffer)
        if exchange.head.isVersion11 { AnswerEncoder.writeLastChunk(to: &buffer) }
        write(buffer, to: context)
        end(keepsAlive: keepsAlive(after: exchange))
    }

    /// HTTP/1.0 knows no chunks: its stream ends with the connection.
    private func writePiece(_ bytes: [UInt8], of exchange: Exchange, to buffer: inout ByteBuffer) {
        if exchange.head.isVersion11 {
            AnswerEncoder.writeChunk(bytes, to: &buffer)
        } else {
            buffer.writeBytes(bytes)
        }
    }

    /// Cuts the connection. The exchange is told at once, because TLS takes its time to say goodbye.
    func abort() {
        exchange?.clientDidLeave()
        context?.close(promise: nil)
    }

    private func keepsAlive(after exchange: Exchange) -> Bool {
        exchange.head.keepsAlive && !machine.isInsideBody && !machine.isRefused && !isLastAnswer
    }

    private func writeWhole(_ answer: Answer, keepsAlive: Bool) {
        guard let context else { return }
        let buffer = AnswerEncoder.encode(
            answer, keepsAlive: keepsAlive, date: loop.date.bytes, allocator: Self.allocator)
        write(buffer, to: context)
    }

    private func write(_ buffer: ByteBuffer, to context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(buffer), promise: nil)
        if !isFlushDue {
            isFlushDue = true
            loop.executor.flushes.add(self)
        }
    }

    func flush() {
        isFlushDue = false
        context?.flush()
        guard context != nil, case .serving = phase else { return }
        if exchange == nil {
            expectRequest()
        } else if exchange?.state == .streaming, !isWritable {
            expectTaking()
        }
    }

    private func end(keepsAlive: Bool) {
        let bodyIsUnread = machine.isInsideBody || machine.isRefused
        if let exchange, exchange.path !== loop.path { followSettings() }
        exchange = nil
        acceptsBody = false
        guard keepsAlive else {
            if bodyIsUnread { discardAndClose() } else { closeAfterFlush() }
            return
        }
        machine.answerEnded()
        drain()
        read()
    }

    private func discardAndClose() {
        guard let context else { return }
        phase = .discarding
        flush()
        machine.discardInput()
        debt.oweEnd(at: now)
        context.close(mode: .output, promise: nil)
        read()
    }

    private func closeAfterFlush() {
        guard let context else { return }
        phase = .closed
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in handler.value.abort() }
        // Asked for only now, since TLS does not tell what it has before it is flushed.
        if self.context != nil { expectTaking() }
    }

    // MARK: - What the client owes

    var deadline: NIODeadline { debt.deadline }
    private var now: NIODeadline { loop.executor.clock.now }

    /// - Precondition: what was written has been flushed.
    private func expectTaking() {
        debt.oweTaking(left: unwritten, at: now)
    }

    private func expectRequest() {
        if isWritable, machine.isInsideHead { return debt.oweHead(at: now) }
        // To ask the system costs, so what can't be much is asked for only when the client had time to take it.
        debt.oweRequest(left: isWritable ? nil : unwritten, at: now)
    }

    /// Bytes that the client has not taken yet.
    private var unwritten: Int {
        (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    /// The deadline has passed.
    func timeOut() {
        switch debt.lapse(isInsideHead: machine.isInsideHead, left: unwritten, at: now) {
        case .nothing: return
        case .gone: abort()
        case .slowHead:
            writeWhole(loop.path.answerToSlowHead(), keepsAlive: false)
            closeAfterFlush()
        case .slowBody: exchange?.endBody(.failure(.refused(.bodyTimeout)))
        }
    }

    // MARK: - For the loop

    /// The loop serves by another path: at once where no exchange runs, else from the next one on.
    func pathChanged() {
        if exchange == nil { followSettings() }
    }

    private func followSettings() {
        let http = loop.path.http
        machine.follow(headBytesMax: http.headBytesMax, fieldsMax: http.headerFieldsMax)
        debt.settings = http
    }

    /// The connection ends with the answer that is on its way, or with the next.
    func closeAfterAnswer() {
        isLastAnswer = true
    }

    /// No exchange is running, and nothing of one is still on its way to the client.
    var isIdle: Bool {
        if case .serving = phase { exchange == nil && !isFlushDue && unwritten == 0 } else { false }
    }
}
