package import Hummingbird
package import Logging
package import NIOCore
internal import ServiceLifecycle

/// Serves the desks: portal, console, public pages, `/admin/v1`, `/public/v1`. Binds to loopback unless told otherwise.
package struct DeskServer: Service {
    private let listener: HTTPListener<RouterResponder<DeskContext>>

    /// - Parameters:
    ///   - router: made by `DeskRouter.make`.
    ///   - onListening: called once connections are accepted, with the address bound.
    package init(
        _ router: Router<DeskContext>, settings: ListenerSettings, eventLoopGroup: any EventLoopGroup, logger: Logger,
        onListening: @escaping @Sendable (SocketAddress) async -> Void = { _ in }
    ) {
        listener = HTTPListener(
            responder: router.buildResponder(), settings: settings, eventLoopGroup: eventLoopGroup, logger: logger,
            onListening: onListening)
    }

    package func run() async throws {
        try await listener.run()
    }
}
