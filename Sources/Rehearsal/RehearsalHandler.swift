internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

#if canImport(Glibc)
internal import Glibc
#endif

/// Asks a connection to close as soon as it has no answer to finish.
struct Quiesce: Sendable {}

/// Reads requests of one connection and performs their scripts, one after the other. All state lives on its event loop.
final class RehearsalHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private struct Exchange {
        var script: Script
        let number: Int
        let start: NIODeadline
    }

    /// Requests that a client may send ahead of their answers.
    private static let pipelinedMax = 64

    private let model: RehearsalModel
    private let logger: Logger
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var waiting: CircularBuffer<ReceivedRequest> = []
    private var exchange: Exchange?
    private var timer: Scheduled<Void>?
    private var isAdvancing = false
    private var isHanging = false
    private var isQuiescing = false
    /// Set when the connection is about to close; what comes in is dropped.
    private var isOver = false

    init(model: RehearsalModel, logger: Logger) {
        self.model = model
        self.logger = logger
    }

    func channelActive(context: ChannelHandlerContext) {
        model.observations.connected()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        model.observations.disconnected()
        timer?.cancel()
        timer = nil
        isOver = true
        waiting.removeAll()
        if let exchange {
            self.exchange = nil
            model.observations.cancelled(
                .init(
                    request: exchange.number, at: Self.now,
                    after: .nanoseconds((NIODeadline.now() - exchange.start).nanoseconds),
                    tokensSent: exchange.script.tokensSent))
        }
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = ByteBuffer()
            if head.headers["expect"].contains(where: { $0.lowercased() == "100-continue" }) {
                context.writeAndFlush(
                    wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
            }
        case .body(var part):
            guard body.readableBytes + part.readableBytes <= model.configuration.bodyBytesMax else {
                return refuse(Complaint(413, "The body is larger than the rehearsal model reads."), context)
            }
            if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
        case .end:
            guard let head else { return }
            self.head = nil
            guard waiting.count < Self.pipelinedMax else { return close(context) }
            waiting.append(ReceivedRequest(head: head, body: body))
            body = ByteBuffer()
            startNext(context)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        advance(context)
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is Quiesce {
            isQuiescing = true
            if exchange == nil || isHanging { close(context) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("A connection failed.", metadata: ["error": "\(error)"])
        guard error is HTTPParserError, exchange == nil, !isOver else {
            // The exchange is kept: a client that resets the connection has left its answer, which inactivity counts.
            return context.close(promise: nil)
        }
        refuse(Complaint(400, "The request is no HTTP/1.1 that the rehearsal model can read."), context)
    }

    /// Answers a request that was not read to its end, and closes.
    private func refuse(_ complaint: Complaint, _ context: ChannelHandlerContext) {
        guard exchange == nil else { return close(context) }
        isOver = true
        let script = ResponseHead(refusing: head).complaint(complaint, Behaviour())
        exchange = Exchange(script: script, number: 0, start: .now())
        advance(context)
    }

    private func startNext(_ context: ChannelHandlerContext) {
        guard exchange == nil, !isOver, var request = waiting.popFirst() else { return }
        request.number = model.observations.received(request)
        let script = model.script(for: request, now: Self.now)
        exchange = Exchange(script: script, number: request.number, start: .now())
        advance(context)
    }

    /// Performs steps until the script ends or waits, or the client reads too slowly.
    private func advance(_ context: ChannelHandlerContext) {
        guard !isAdvancing else { return }
        isAdvancing = true
        defer { isAdvancing = false }
        while exchange != nil, timer == nil, !isHanging, context.channel.isWritable {
            guard let step = exchange?.script.next() else { break }
            perform(step, context)
            // A flush may make the channel writable again, which asks for more while this runs.
            if !context.channel.isWritable { context.flush() }
        }
        context.flush()
    }

    private func perform(_ step: Script.Step, _ context: ChannelHandlerContext) {
        switch step {
        case .bytes(let buffer): context.write(wrapOutboundOut(buffer), promise: nil)
        case .pause(let time):
            guard let exchange, time > .zero else { return }
            wait(until: exchange.start + TimeAmount(time), context)
        case .wait(let time): wait(until: .now() + TimeAmount(time), context)
        case .hang:
            isHanging = true
            if isQuiescing { close(context) }
        case .close: close(context)
        case .reset: reset(context)
        case .done(let keepAlive):
            model.observations.completed(exchange?.number ?? 0)
            exchange = nil
            guard keepAlive, !isQuiescing, !isOver else { return close(context) }
            guard !waiting.isEmpty else { return }
            // Another turn of the loop, so that many short answers don't nest.
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            context.eventLoop.execute {
                let (handler, context) = bound.value
                handler.startNext(context)
            }
        }
    }

    private func wait(until deadline: NIODeadline, _ context: ChannelHandlerContext) {
        guard deadline > .now() else { return }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(deadline: deadline) {
            let (handler, context) = bound.value
            handler.timer = nil
            handler.advance(context)
        }
    }

    /// Closes once what was written has left.
    private func close(_ context: ChannelHandlerContext) {
        isOver = true
        exchange = nil
        timer?.cancel()
        timer = nil
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in
            bound.value.close(promise: nil)
        }
    }

    /// Closes with a TCP RST, which a linger time of zero asks the kernel for.
    private func reset(_ context: ChannelHandlerContext) {
        isOver = true
        exchange = nil
        let none = linger(l_onoff: 1, l_linger: 0)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        guard let provider = context.channel as? any SocketOptionProvider else { return close(context) }
        provider.setSoLinger(none).whenComplete { _ in
            bound.value.close(promise: nil)
        }
    }

    /// Microseconds since 1970; the edge reads the clock once a request.
    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
