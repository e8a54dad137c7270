internal import Access
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// One request on a connection of its own, for what a start or a command asks of a server.
struct SingleRequest: Sendable {
    let url: UpstreamURL
    /// Below the base path.
    let path: String
    var credential: CredentialText?
    /// Of a POST, JSON; without one it is a GET.
    var body: [UInt8]?
    var timeout = TimeAmount.seconds(5)

    struct Answer: Sendable {
        var status: Int
        var body: [UInt8]
    }

    /// More than anybody answers here.
    private static let bodyBytesMax = 32 << 20

    /// - Throws: what NIO says of connections; `reason(_:)` says it in words.
    func answer() async throws -> Answer {
        let group = MultiThreadedEventLoopGroup.singleton
        let answer = group.next().makePromise(of: Answer.self)
        let timer = group.next().scheduleTask(in: timeout) {
            answer.fail(ChannelError.connectTimeout(timeout))
        }
        defer { timer.cancel() }
        do {
            let channel = try await bootstrap(group, answer).connect(host: url.host, port: url.port).get()
            defer { channel.close(promise: nil) }
            channel.closeFuture.whenComplete { _ in answer.fail(ChannelError.eof) }
            return try await answer.futureResult.get()
        } catch {
            answer.fail(error)
            throw error
        }
    }

    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            guard let failure = error.connectionErrors.first?.error else { return "its name can't be resolved" }
            return reason(failure)
        case let error as IOError: return String(cString: strerror(error.errnoCode)).lowercased()
        case ChannelError.connectTimeout(let time): return "it takes longer than \(time.nanoseconds / 1_000_000_000) s"
        case ChannelError.eof: return "it closed the connection"
        default: return "\(error)"
        }
    }

    private func bootstrap(
        _ group: MultiThreadedEventLoopGroup, _ answer: EventLoopPromise<Answer>
    ) throws -> ClientBootstrap {
        let tls = url.usesTLS ? try NIOSSLContext(configuration: .makeClientConfiguration()) : nil
        let (head, body) = (head, body ?? [])
        let host = url.host
        return ClientBootstrap(group: group).connectTimeout(timeout).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls {
                    // An address is no server name to verify by.
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: tls, serverHostname: IPAddress(host) == nil ? host : nil))
                }
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(
                    SingleRequestHandler(head: head, body: body, bodyBytesMax: Self.bodyBytesMax, answer: answer))
            }
        }
    }

    private var head: HTTPRequestHead {
        let host = url.host.contains(":") ? "[\(url.host)]" : url.host
        var head = HTTPRequestHead(version: .http1_1, method: body == nil ? .GET : .POST, uri: url.basePath + path)
        head.headers = [
            "host": url.port == (url.usesTLS ? 443 : 80) ? host : "\(host):\(url.port)", "accept": "application/json",
            "accept-encoding": "identity", "connection": "close", "user-agent": "steward",
        ]
        if let body {
            head.headers.add(name: "content-type", value: "application/json")
            head.headers.add(name: "content-length", value: String(body.count))
        }
        if let credential { head.headers.add(name: "authorization", value: "Bearer \(credential.value)") }
        return head
    }
}

/// Sends the request and collects the answer; lives on its channel's event loop.
private final class SingleRequestHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let head: HTTPRequestHead
    private let body: [UInt8]
    private let bodyBytesMax: Int
    private let answer: EventLoopPromise<SingleRequest.Answer>
    private var received = SingleRequest.Answer(status: 0, body: [])

    init(head: HTTPRequestHead, body: [UInt8], bodyBytesMax: Int, answer: EventLoopPromise<SingleRequest.Answer>) {
        self.head = head
        self.body = body
        self.bodyBytesMax = bodyBytesMax
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !body.isEmpty {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): received.status = Int(head.status.code)
        case .body(let bytes):
            received.body.append(contentsOf: bytes.readableBytesView)
            if received.body.count > bodyBytesMax { answer.fail(ByteToMessageDecoderError.PayloadTooLargeError()) }
        case .end: answer.succeed(received)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(error)
        context.close(promise: nil)
    }
}
