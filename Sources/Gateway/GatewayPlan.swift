internal import Access
internal import Snapshots

/// One configuration as the event loops serve it: made off the loops, and never changed.
///
/// A request goes to its end on the path that it began on, and a path has one plan: so a request sees one configuration or
/// another, and never half of two. What is no part of a configuration goes on from one plan to the next: connections to
/// upstreams and what is known of those, budgets, the buckets of limits, and what is counted.
package final class GatewayPlan: Sendable {
    let settings: GatewaySettings
    let policy: Policy
    /// An object of its own wherever default limits differ, so that no path sees limits of another configuration.
    let keys: Snapshot<KeySnapshot>
    let models: ModelTable
    let tls: UpstreamTLS
    let states: UpstreamStates
    let judges: JudgePanel

    /// - Parameter former: the plan before, of which this carries on what has not changed. Nothing of it is changed here.
    /// - Throws: if the authorities of an upstream can't be read, or judges don't fit to the guidelines.
    init(
        _ settings: GatewaySettings, _ policy: Policy, _ keys: Snapshot<KeySnapshot>, _ metrics: GatewayMetrics,
        after former: GatewayPlan? = nil
    ) throws {
        self.settings = settings
        self.policy = policy
        self.keys = keys
        models = ModelTable(settings.models, settings.resilience, metrics, after: former?.models)
        tls = try UpstreamTLS(settings.servers, after: former?.tls)
        states = UpstreamStates(
            settings.servers, settings.resilience.breaker, metrics.upstreams, after: former?.states)
        judges = try JudgePanel(settings.judges, policy, after: former?.judges)
    }

    /// Takes the place of `former`: what was carried on keeps to these settings from now on.
    func follow(_ former: GatewayPlan) {
        states.follow(settings.resilience.breaker, after: former.states)
        for model in models.all { model.follow(settings.resilience) }
    }
}
