import Hummingbird
import HummingbirdTesting
import Telemetry
import Testing

@testable import Web

@Suite("Telemetry listener")
struct TelemetryServerTests {
    @Test("serves metrics, life and readiness, and says what is red and that nothing is enforced")
    func endpoints() async throws {
        let metrics = MetricsRegistry()
        metrics.counter("steward.things", help: "Things.").add(3)
        let health = Health()
        let store = health.lamp("store")
        health.setObserveOnly(true)
        let router = TelemetryServer.router(
            metrics: metrics, health: health, pages: ["/things": { Array(#"{"things":3}"#.utf8) }])
        try await Application(router: router).test(.router) { client in
            let text = try await client.execute(uri: "/metrics", method: .get)
            #expect(text.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(String(buffer: text.body).contains("\nsteward_things_total 3\n"))
            let page = try await client.execute(uri: "/things", method: .get)
            #expect(page.headers[.contentType] == "application/json" && String(buffer: page.body) == #"{"things":3}"#)
            #expect(try await client.execute(uri: "/health/live", method: .get).status == .ok)
            store.set(.red("The disk is full."))
            let red = try await client.execute(uri: "/health/ready", method: .get)
            #expect(red.status == .serviceUnavailable)
            #expect(String(buffer: red.body).contains(#""store":{"status":"red","reason":"The disk is full."}"#))
            #expect(String(buffer: red.body).contains(#""observe_only":true"#))
            store.set(.green)
            #expect(try await client.execute(uri: "/health/ready", method: .get).status == .ok)
            health.startDraining()
            #expect(try await client.execute(uri: "/health/ready", method: .get).status == .serviceUnavailable)
            #expect(try await client.execute(uri: "/health/live", method: .get).status == .ok)
        }
    }
}
