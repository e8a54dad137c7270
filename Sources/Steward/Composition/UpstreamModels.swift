internal import Access
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// Asks a model server for the names of its models: one GET of `/v1/models`, at start, when none were given.
struct UpstreamModels: Sendable {
    let url: UpstreamURL
    let credential: CredentialText?

    /// An answer larger than this is no list of models.
    private static let bodyBytesMax = 4 << 20
    private static let timeout = TimeAmount.seconds(5)

    /// - Parameter patience: How long a server that is still starting is asked again.
    /// - Throws: `CommandFailure`.
    func names(patience: Duration = .seconds(10)) async throws -> [String] {
        let deadline = ContinuousClock.now + patience
        var isWaiting = false
        while true {
            do {
                return try await ask()
            } catch let failure as CommandFailure where failure.code != .unavailable || ContinuousClock.now >= deadline
            {
                throw failure
            } catch let failure as CommandFailure {
                if !isWaiting {
                    Output.warn("\(failure.message) Waiting up to \(patience.components.seconds) s for it …")
                }
                isWaiting = true
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    private func ask() async throws -> [String] {
        let group = MultiThreadedEventLoopGroup.singleton
        let answer = group.next().makePromise(of: ModelsAnswer.self)
        let timer = group.next().scheduleTask(in: Self.timeout) {
            answer.fail(ChannelError.connectTimeout(Self.timeout))
        }
        defer { timer.cancel() }
        do {
            let channel = try await bootstrap(group, answer).connect(host: url.host, port: url.port).get()
            channel.closeFuture.whenComplete { _ in answer.fail(ChannelError.eof) }
            let received: ModelsAnswer
            do {
                received = try await answer.futureResult.get()
            } catch {
                channel.close(promise: nil)
                throw error
            }
            channel.close(promise: nil)
            return try read(received)
        } catch let failure as CommandFailure {
            answer.fail(failure)
            throw failure
        } catch {
            answer.fail(error)
            throw CommandFailure(
                "The upstream at \(url.host):\(url.port) does not answer: \(Self.reason(error)). Start it first, or check "
                    + "--upstream.",
                .unavailable)
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            guard let failure = error.connectionErrors.first?.error else { return "its name can't be resolved" }
            return reason(failure)
        case let error as IOError: return String(cString: strerror(error.errnoCode)).lowercased()
        case ChannelError.connectTimeout: return "it takes longer than \(timeout.nanoseconds / 1_000_000_000) s"
        case ChannelError.eof: return "it closed the connection"
        default: return "\(error)"
        }
    }

    private func bootstrap(
        _ group: MultiThreadedEventLoopGroup, _ answer: EventLoopPromise<ModelsAnswer>
    ) throws -> ClientBootstrap {
        let tls = url.usesTLS ? try NIOSSLContext(configuration: .makeClientConfiguration()) : nil
        let head = head
        let host = url.host
        return ClientBootstrap(group: group).connectTimeout(Self.timeout).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls {
                    // An address is no server name to verify by.
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: tls, serverHostname: IPAddress(host) == nil ? host : nil))
                }
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(
                    ModelsHandler(head: head, bodyBytesMax: Self.bodyBytesMax, answer: answer))
            }
        }
    }

    private var head: HTTPRequestHead {
        let host = url.host.contains(":") ? "[\(url.host)]" : url.host
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: url.basePath + "/v1/models")
        head.headers = [
            "host": url.port == (url.usesTLS ? 443 : 80) ? host : "\(host):\(url.port)", "accept": "application/json",
            "accept-encoding": "identity", "connection": "close", "user-agent": "steward",
        ]
        if let credential { head.headers.add(name: "authorization", value: "Bearer \(credential.value)") }
        return head
    }

    private func read(_ answer: ModelsAnswer) throws -> [String] {
        struct Listing: Decodable {
            struct Model: Decodable { let id: String }
            let data: [Model]
        }
        let place = "The upstream at \(url.host):\(url.port)"
        switch answer.status {
        case 200: break
        case 401, 403:
            throw CommandFailure(
                "\(place) wants another credential (\(answer.status)). Name it with --upstream-credential-env.",
                .configuration)
        case 404:
            throw CommandFailure("\(place) has no list of models. Name one with --upstream-model.", .configuration)
        default:
            throw CommandFailure("\(place) answers \(answer.status). Wait until it is ready.", .unavailable)
        }
        guard let listing = try? JSONDecoder().decode(Listing.self, from: Data(answer.body)), !listing.data.isEmpty
        else {
            throw CommandFailure("\(place) lists no models. Name one with --upstream-model.", .configuration)
        }
        var names: [String] = []
        for model in listing.data where !names.contains(model.id) { names.append(model.id) }
        return names
    }
}

private struct ModelsAnswer: Sendable {
    var status: Int
    var body: [UInt8]
}

/// Sends the request and collects the answer; lives on its channel's event loop.
private final class ModelsHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let head: HTTPRequestHead
    private let bodyBytesMax: Int
    private let answer: EventLoopPromise<ModelsAnswer>
    private var received = ModelsAnswer(status: 0, body: [])

    init(head: HTTPRequestHead, bodyBytesMax: Int, answer: EventLoopPromise<ModelsAnswer>) {
        self.head = head
        self.bodyBytesMax = bodyBytesMax
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(head)), promise: nil)
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
