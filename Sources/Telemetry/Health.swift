internal import Snapshots

/// How a part is: well, or why not.
package enum ComponentState: Sendable, Hashable {
    case green
    /// Serves with less than it should; readiness stays green.
    case degraded(String)
    /// Cannot serve; the reason is a sentence for operators without content or secrets.
    case red(String)
}

/// A component's lamp, set by whoever knows.
package final class HealthLamp: Sendable {
    // Held for an assignment.
    private let lock: Lock<ComponentState>

    init(_ state: ComponentState) {
        lock = Lock(state)
    }

    package var state: ComponentState {
        lock.withLock { $0 }
    }

    package func set(_ state: ComponentState) {
        lock.withLock { $0 = state }
    }
}

/// What the process answers to `/health/live` and `/health/ready`.
///
/// Parts register by name and keep their lamp, or give a check that is read when somebody asks. A new lamp is red
/// ("Starting.") unless told otherwise, so that what nobody lit is never taken for ready.
package final class Health: Sendable {
    private struct Component {
        let name: String
        let check: @Sendable () -> ComponentState
    }

    private struct State {
        var ready: [Component] = []
        var live: [Component] = []
        var isDraining = false
        var isObserveOnly = false
    }

    // Held for an append or a copy; checks run outside it.
    private let lock = Lock(State())

    package init() {}

    /// A component that must be green before the process is ready.
    package func lamp(_ name: String, _ state: ComponentState = .red("Starting.")) -> HealthLamp {
        let lamp = HealthLamp(state)
        check(name) { lamp.state }
        return lamp
    }

    /// A component that is read when somebody asks. `check` must not block.
    package func check(_ name: String, _ check: @escaping @Sendable () -> ComponentState) {
        lock.withLock { state in
            precondition(!state.ready.contains { $0.name == name }, "component \(name) is registered twice")
            state.ready.append(Component(name: name, check: check))
        }
    }

    /// Something that only a restart mends; when it is red, `/health/live` is.
    package func liveness(_ name: String, _ check: @escaping @Sendable () -> ComponentState) {
        lock.withLock { $0.live.append(Component(name: name, check: check)) }
    }

    /// From now on not ready, so that load balancers look elsewhere while open requests finish.
    package func startDraining() {
        lock.withLock { $0.isDraining = true }
    }

    package var isDraining: Bool {
        lock.withLock { $0.isDraining }
    }

    /// Whether decisions are recorded but not enforced; `ready` says so.
    package func setObserveOnly(_ isObserveOnly: Bool) {
        lock.withLock { $0.isObserveOnly = isObserveOnly }
    }

    package var readiness: HealthReport {
        let (components, isDraining, isObserveOnly) = lock.withLock { ($0.ready, $0.isDraining, $0.isObserveOnly) }
        return HealthReport(
            components.map { ($0.name, $0.check()) }, isDraining: isDraining, isObserveOnly: isObserveOnly)
    }

    package var liveness: HealthReport {
        let (components, isObserveOnly) = lock.withLock { ($0.live, $0.isObserveOnly) }
        return HealthReport(components.map { ($0.name, $0.check()) }, isDraining: false, isObserveOnly: isObserveOnly)
    }
}

/// The state of all components at one moment.
package struct HealthReport: Sendable, Hashable {
    package struct Component: Sendable, Hashable {
        package let name: String
        package let state: ComponentState
    }

    /// In the order in which they were registered.
    package let components: [Component]
    package let isDraining: Bool
    package let isObserveOnly: Bool

    init(_ components: [(String, ComponentState)], isDraining: Bool, isObserveOnly: Bool) {
        self.components = components.map { Component(name: $0.0, state: $0.1) }
        self.isDraining = isDraining
        self.isObserveOnly = isObserveOnly
    }

    /// No component is red and the process is not draining.
    package var isGreen: Bool {
        !isDraining
            && components.allSatisfy { component in
                if case .red = component.state { false } else { true }
            }
    }

    /// `{"status":"red","draining":false,"observe_only":false,"components":{"store":{"status":"red","reason":"…"}}}`
    package var json: [UInt8] {
        var text = TextBuffer()
        text.write("{\"status\":" as StaticString)
        text.writeQuoted(isGreen ? "green" : "red")
        text.write(",\"draining\":" as StaticString)
        text.write(isDraining ? "true" : "false" as StaticString)
        text.write(",\"observe_only\":" as StaticString)
        text.write(isObserveOnly ? "true" : "false" as StaticString)
        text.write(",\"components\":{" as StaticString)
        for (index, component) in components.enumerated() {
            if index > 0 { text.write("," as Unicode.Scalar) }
            text.writeQuoted(component.name)
            switch component.state {
            case .green: text.write(":{\"status\":\"green\"}" as StaticString)
            case .degraded(let reason): text.write(status: "degraded", reason)
            case .red(let reason): text.write(status: "red", reason)
            }
        }
        text.write("}}\n" as StaticString)
        return text.bytes
    }
}

extension TextBuffer {
    fileprivate mutating func write(status: StaticString, _ reason: String) {
        write(":{\"status\":\"" as StaticString)
        write(status)
        write("\",\"reason\":" as StaticString)
        writeQuoted(reason)
        write("}" as Unicode.Scalar)
    }
}
