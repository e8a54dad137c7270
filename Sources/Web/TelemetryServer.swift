internal import HTTPTypes
internal import Hummingbird
package import Logging
package import NIOCore
internal import ServiceLifecycle
package import Telemetry

/// Serves `/metrics`, `/health/live` and `/health/ready`, on an address of its own, so that a firewall can tell
/// operators from clients.
package struct TelemetryServer: Service {
    private let listener: HTTPListener<RouterResponder<BasicRequestContext>>

    package init(
        metrics: MetricsRegistry, health: Health, settings: ListenerSettings, eventLoopGroup: any EventLoopGroup,
        logger: Logger, onListening: @escaping @Sendable (SocketAddress) async -> Void = { _ in }
    ) {
        listener = HTTPListener(
            responder: Self.router(metrics: metrics, health: health).buildResponder(), settings: settings,
            eventLoopGroup: eventLoopGroup, logger: logger, onListening: onListening)
    }

    package func run() async throws {
        try await listener.run()
    }

    static func router(metrics: MetricsRegistry, health: Health) -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: SecurityHeadersMiddleware())
        router.get("/metrics") { _, _ in
            Self.response(.ok, MetricsRegistry.contentType, metrics.render())
        }
        router.get("/health/live") { _, _ in
            let report = health.liveness
            return Self.response(report.isGreen ? .ok : .serviceUnavailable, "application/json", report.json)
        }
        router.get("/health/ready") { _, _ in
            let report = health.readiness
            return Self.response(report.isGreen ? .ok : .serviceUnavailable, "application/json", report.json)
        }
        return router
    }

    private static func response(_ status: HTTPResponse.Status, _ type: String, _ bytes: [UInt8]) -> Response {
        Response(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
