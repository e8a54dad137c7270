internal import NIOCore
internal import NIOSSL

/// One connection to an upstream, used by one exchange at a time.
///
/// Confined to its event loop. Reads on demand, so that a slow client slows the model server.
final class UpstreamConnection: ChannelInboundHandler, Flushing {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case idle
        case head(HeadReader)
        case body(BodyDecoder)
        case closed
    }

    private let pool: UpstreamPool
    private var context: ChannelHandlerContext?
    private var input = ByteBuffer()
    private var phase = Phase.idle
    private var exchange: UpstreamExchange?
    private var keepsAlive = false
    private var isReadPending = false
    private var firstByteDeadline = NIODeadline.distantFuture
    private var idleDeadline = NIODeadline.distantFuture
    private var totalDeadline = NIODeadline.distantFuture
    private(set) var idleSince: NIODeadline

    private static let headBytesMax = 65_536
    private static let fieldsMax = 200

    init(pool: UpstreamPool) {
        self.pool = pool
        idleSince = pool.executor.clock.now
    }

    var isUsable: Bool {
        if case .idle = phase { context != nil } else { false }
    }

    // MARK: - For pool and exchange

    /// Writes a request; the returned exchange receives its answer.
    func send(_ request: ByteBuffer, isReused: Bool) -> UpstreamExchange {
        let exchange = UpstreamExchange(
            on: self, isReused: isReused, budget: pool.bytesInFlight, state: pool.state)
        guard case .idle = phase, let context else {
            exchange.fail(.closedEarly)
            return exchange
        }
        self.exchange = exchange
        phase = .head(HeadReader(headBytesMax: Self.headBytesMax))
        let (clock, timeouts) = (pool.executor.clock, pool.settings.timeouts)
        firstByteDeadline = clock.deadline(in: timeouts.firstByte)
        totalDeadline = clock.deadline(in: timeouts.total)
        idleDeadline = .distantFuture
        context.write(wrapOutboundOut(request), promise: nil)
        pool.executor.flushes.add(self)
        read()
        return exchange
    }

    func flush() {
        context?.flush()
    }

    /// Asks for more. Only from here on may the server be called idle: while the path judges what came, or waits for a
    /// slow client, it is not the server that is late.
    func read() {
        if let exchange, exchange.hasAnswerBegun, !exchange.isAbandoned {
            idleDeadline = pool.executor.clock.deadline(in: pool.settings.timeouts.idle)
        }
        guard !isReadPending, let context else { return }
        isReadPending = true
        context.read()
    }

    func abort() {
        // An idle one takes no more requests, though TLS may take its time to say goodbye.
        if case .idle = phase { phase = .closed }
        context?.close(promise: nil)
    }

    /// Ends the exchange if one of its deadlines has passed.
    func tick(_ now: NIODeadline) {
        guard let exchange else { return }
        if firstByteDeadline < now {
            end(exchange, .firstByteTimeout)
        } else if idleDeadline < now {
            end(exchange, .idleTimeout)
        } else if totalDeadline < now {
            end(exchange, .totalTimeout)
        }
    }

    /// Reads what is left of an answer that nobody wants, so that the connection can be used again; not for long.
    func drain() {
        idleDeadline = pool.executor.clock.deadline(in: .seconds(1))
        read()
    }

    private func end(_ exchange: UpstreamExchange, _ failure: UpstreamFailure) {
        exchange.fail(failure)
        exchange.wake()
        abort()
    }

    // MARK: - Events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        // An idle connection keeps one read open, so that it hears the server close it.
        if context.channel.isActive { read() }
    }

    func channelActive(context: ChannelHandlerContext) {
        read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        pool.executor.collect()
        var bytes = unwrapInboundIn(data)
        if input.readableBytes == 0 {
            input = bytes
        } else {
            // Or half a chunk at the end of each piece would let the buffer grow as long as the answer.
            input.discardReadBytes()
            input.writeBuffer(&bytes)
        }
        guard let exchange else {
            // Bytes that nobody asked for: the connection can't be trusted with another request.
            return abort()
        }
        if !exchange.hasAnswerBegun {
            exchange.answerBegan()
            firstByteDeadline = .distantFuture
        }
        if !exchange.isAbandoned { idleDeadline = .distantFuture }
        do throws(HeadProblem) {
            try parse(into: exchange)
        } catch {
            exchange.fail(.malformed(error.explanation))
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReadPending = false
        let exchange = exchange
        if case .idle = phase, exchange == nil {
            read()
        } else if let exchange, exchange.isAwaitingHead || exchange.isAbandoned {
            read()
        }
        exchange?.wake()
        pool.executor.runCollected()
    }

    func channelInactive(context: ChannelHandlerContext) {
        let decoder: BodyDecoder? = if case .body(let decoder) = phase { decoder } else { nil }
        phase = .closed
        self.context = nil
        if let exchange {
            if let decoder, decoder.endsAtClose { exchange.complete() } else { exchange.fail(.closedEarly) }
            self.exchange = nil
            exchange.wake()
        }
        pool.connectionClosed(self)
        pool.executor.runCollectedSoon()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let exchange {
            // A certificate of another name is an error of the second kind.
            let isHandshake = !exchange.hasAnswerBegun && (error is NIOSSLError || error is NIOSSLExtraError)
            exchange.fail(isHandshake ? .connect("TLS: \(error)") : .closedEarly)
        }
        context.close(promise: nil)
    }

    // MARK: - Parsing

    private func parse(into exchange: UpstreamExchange) throws(HeadProblem) {
        while true {
            switch phase {
            case .head(var reader):
                let bytes = try reader.read(from: &input)
                phase = .head(reader)
                guard let bytes else { return }
                let head = try ResponseHead(parsing: bytes, fieldsMax: Self.fieldsMax)
                if head.status < 200 { continue }  // 100 Continue, 103 Early Hints: the answer follows.
                keepsAlive = head.keepsAlive
                phase = .body(BodyDecoder(head.framing))
                exchange.receive(head: head)
            case .body(var decoder):
                let step = try decoder.decode(&input)
                phase = .body(decoder)
                switch step {
                case .bytes(let bytes): exchange.receive(bytes: bytes)
                case .needsMore: return
                case .end: return finish(exchange)
                }
            case .idle, .closed:
                return
            }
        }
    }

    private func finish(_ exchange: UpstreamExchange) {
        exchange.complete()
        self.exchange = nil
        firstByteDeadline = .distantFuture
        idleDeadline = .distantFuture
        totalDeadline = .distantFuture
        exchange.wake()
        if keepsAlive, input.readableBytes == 0 {
            phase = .idle
            idleSince = pool.executor.clock.now
            pool.giveBack(self)
        } else {
            phase = .closed
            abort()
        }
    }
}
