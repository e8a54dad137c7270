internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import ServiceLifecycle

/// Where a listener listens and what it puts up with.
package struct ListenerSettings: Sendable, Hashable {
    package var host = "127.0.0.1"
    /// 0 takes any free port; `onListening` says which.
    package var port = 0
    package var bodyBytesMax = 1 << 20
    package var connectionsMax = 1_024
    /// From a request's head to its answer.
    package var requestTimeout = Duration.seconds(30)
    /// Without a byte in either direction.
    package var idleTimeout = Duration.seconds(10)

    package init(host: String = "127.0.0.1", port: Int = 0) {
        self.host = host
        self.port = port
    }
}

/// A Hummingbird server as a service; ends when its service group shuts down, open requests finishing first.
struct HTTPListener<Responder: HTTPResponder>: Service
where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> & Sendable {
    let responder: Responder
    let settings: ListenerSettings
    let eventLoopGroup: any EventLoopGroup
    let logger: Logger
    let onListening: @Sendable (SocketAddress) async -> Void

    var application: Application<DeadlineResponder<Responder>> {
        Application(
            responder: DeadlineResponder(base: responder, timeout: settings.requestTimeout),
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    idleTimeout: .nanoseconds(settings.idleTimeout.components.seconds * 1_000_000_000),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100))),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port),
                availableConnectionsDelegate: .maximum(settings.connectionsMax, logger: logger)),
            onServerRunning: { channel in
                if let address = channel.localAddress { await onListening(address) }
            },
            eventLoopGroupProvider: .shared(eventLoopGroup), logger: logger)
    }

    func run() async throws {
        try await application.run()
    }
}

/// Cancels the handling of a request that takes too long; what the handler then throws becomes the answer.
struct DeadlineResponder<Base: HTTPResponder>: HTTPResponder where Base.Context: Sendable {
    let base: Base
    let timeout: Duration

    func respond(to request: Request, context: Base.Context) async throws -> Response {
        try await withThrowingTaskGroup(of: Response?.self) { group in
            group.addTask { try await base.respond(to: request, context: context) }
            group.addTask {
                try await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
                group.cancelAll()
            }
            throw CancellationError()
        }
    }
}
