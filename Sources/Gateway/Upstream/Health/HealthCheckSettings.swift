/// How a server is asked, off the request path, whether it is well.
package struct HealthCheckSettings: Sendable, Equatable {
    /// Below the server's base address. Every server of these APIs has a list of models; many have no `/health`, and a
    /// check must not take out a server for what it never had.
    package var path = "/v1/models"
    package var interval: Duration
    /// From the connection's first packet to the answer's head.
    package var timeout = Duration.seconds(2)
    /// The status that a server which is well answers with.
    package var status = 200
    /// Failed checks in a row after which the server is taken out of the choice.
    package var unhealthyAfter = 3
    /// Passed checks in a row after which it is back.
    package var healthyAfter = 2

    package init(interval: Duration) {
        self.interval = interval
    }
}

/// What a row of checks says of a server: a pure state machine, results in, changes out.
///
/// A server is taken for well until checks say otherwise, so that nobody waits for the first of them.
struct HealthRecord {
    enum Change: Equatable {
        case removed
        case readmitted
    }

    private let unhealthyAfter: Int
    private let healthyAfter: Int
    private(set) var isHealthy: Bool
    /// Results in a row that say the opposite.
    private var contrary = 0

    /// - Parameter isHealthy: what a watch before this one has found, if there was one.
    init(_ settings: HealthCheckSettings, isHealthy: Bool = true) {
        self.isHealthy = isHealthy
        unhealthyAfter = settings.unhealthyAfter
        healthyAfter = settings.healthyAfter
    }

    mutating func note(hasPassed: Bool) -> Change? {
        contrary = hasPassed == isHealthy ? 0 : contrary + 1
        guard contrary >= (isHealthy ? unhealthyAfter : healthyAfter) else { return nil }
        contrary = 0
        isHealthy.toggle()
        return isHealthy ? .readmitted : .removed
    }
}
