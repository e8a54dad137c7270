import Foundation
import Testing

@testable import Telemetry

@Suite("Health")
struct HealthTests {
    @Test("is green only when every component is and the process is not draining")
    func readiness() {
        let health = Health()
        #expect(health.readiness.isGreen)
        let store = health.lamp("store")
        let keys = health.lamp("keys", .green)
        #expect(!health.readiness.isGreen)
        store.set(.green)
        #expect(health.readiness.isGreen)
        keys.set(.red("No key is loaded."))
        #expect(!health.readiness.isGreen)
        keys.set(.green)
        health.startDraining()
        #expect(!health.readiness.isGreen)
        #expect(health.liveness.isGreen)
        health.liveness("loop") { .red("An event loop has been stuck for 30 s.") }
        #expect(!health.liveness.isGreen)
    }

    @Test("stays green while a component is degraded, and says so")
    func degraded() {
        let health = Health()
        health.check("limits") { .degraded("Redis is away.") }
        #expect(health.readiness.isGreen)
        #expect(
            String(decoding: health.readiness.json, as: UTF8.self) == """
                {"status":"green","draining":false,"observe_only":false,"components":\
                {"limits":{"status":"degraded","reason":"Redis is away."}}}

                """)
        health.lamp("store", .red("It is away.")).set(.red("Still."))
        #expect(!health.readiness.isGreen)
    }

    @Test("names what is red and why, and says when nothing is enforced")
    func json() throws {
        let health = Health()
        _ = health.lamp("store", .red("Disk \"a\" is full."))
        health.check("keys") { .green }
        health.setObserveOnly(true)
        #expect(
            String(decoding: health.readiness.json, as: UTF8.self) == """
                {"status":"red","draining":false,"observe_only":true,"components":\
                {"store":{"status":"red","reason":"Disk \\"a\\" is full."},"keys":{"status":"green"}}}

                """)
        _ = try JSONSerialization.jsonObject(with: Data(health.readiness.json))
    }
}
