internal import HTTPTypes
internal import Hummingbird
package import Logging
package import NIOCore
internal import ServiceLifecycle
package import Telemetry

/// Serves `/metrics`, `/health/live`, `/health/ready` and what else operators may see as JSON, on an address of its own, so
/// that a firewall can tell operators from clients.
package struct TelemetryServer: Service {
    private let listener: HTTPListener<RouterResponder<BasicRequestContext>>

    package init(
        metrics: MetricsRegistry, health: Health, pages: [String: @Sendable () -> [UInt8]] = [:],
        settings: ListenerSettings, eventLoopGroup: any EventLoopGroup,
        logger: Logger, onListening: @escaping @Sendable (SocketAddress) async -> Void = { _ in }
    ) {
        listener = HTTPListener(
            responder: Self.router(metrics: metrics, health: health, pages: pages).buildResponder(), settings: settings,
            eventLoopGroup: eventLoopGroup, logger: logger, onListening: onListening)
    }

    package func run() async throws {
        try await listener.run()
    }

    /// - Parameter pages: JSON by its path.
    static func router(
        metrics: MetricsRegistry, health: Health, pages: [String: @Sendable () -> [UInt8]] = [:]
    ) -> Router<BasicRequestContext> {
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
        for (path, json) in pages {
            router.get(RouterPath(path)) { _, _ in Self.response(.ok, "application/json", json()) }
        }
        return router
    }

    private static func response(_ status: HTTPResponse.Status, _ type: String, _ bytes: [UInt8]) -> Response {
        Response(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
