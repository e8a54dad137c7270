internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// One GET of a server's health page, on a connection of its own; only the head of the answer is read.
///
/// Lives on its channel's event loop.
final class HealthProbe: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Problem: Error, Equatable {
        case timedOut
        case closedEarly
        case malformed(String)
    }

    private static let headBytesMax = 16_384

    private let request: [UInt8]
    private let answer: EventLoopPromise<Int>
    private var reader = HeadReader(headBytesMax: HealthProbe.headBytesMax)
    private var input = ByteBuffer()

    private init(request: [UInt8], answer: EventLoopPromise<Int>) {
        self.request = request
        self.answer = answer
    }

    /// The status that a server answers with, within the check's time.
    ///
    /// - Throws: `Problem`, and what NIO says of connections; `CancellationError`.
    static func status(
        of upstream: UpstreamSettings, _ check: HealthCheckSettings, tls: NIOSSLContext?, on loop: any EventLoop
    ) async throws -> Int {
        let answer = loop.makePromise(of: Int.self)
        let timeout = TimeAmount(check.timeout)
        let timer = loop.scheduleTask(in: timeout) { answer.fail(Problem.timedOut) }
        let request = request(to: upstream, check)
        let connecting = ClientBootstrap(group: loop)
            .connectTimeout(timeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.addTLS(tls, with: upstream)
                    try channel.pipeline.syncOperations.addHandler(HealthProbe(request: request, answer: answer))
                }
            }
            .connect(host: upstream.host, port: upstream.port)
        connecting.whenFailure { answer.fail($0) }
        answer.futureResult.whenComplete { _ in
            timer.cancel()
            connecting.whenSuccess { $0.close(promise: nil) }
        }
        return try await withTaskCancellationHandler {
            try await answer.futureResult.get()
        } onCancel: {
            answer.fail(CancellationError())
        }
    }

    private static func request(to upstream: UpstreamSettings, _ check: HealthCheckSettings) -> [UInt8] {
        UpstreamRequest.head("GET", check.path, to: upstream)
            // Anthropic's servers ask for a version on every page; others pass it over.
            + Array("application/json\r\nanthropic-version: 2023-06-01\r\nconnection: close\r\n\r\n".utf8)
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: request)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        input.writeBuffer(&bytes)
        do throws(HeadProblem) {
            while let bytes = try reader.read(from: &input) {
                let head = try ResponseHead(parsing: bytes, fieldsMax: 200)
                if head.status >= 200 { answer.succeed(head.status) }
            }
        } catch {
            answer.fail(Problem.malformed(error.explanation))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.fail(Problem.closedEarly)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(error)
        context.close(promise: nil)
    }
}
