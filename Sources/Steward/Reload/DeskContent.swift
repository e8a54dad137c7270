internal import Access
internal import Gateway
internal import Guidelines
internal import Moderation
internal import Snapshots
internal import Web

/// Where this run listens, which no reload changes.
struct OwnAddresses: Sendable {
    let gateway: String
    let desk: String
}

/// What the desk shows of a configuration.
struct DeskContent: Sendable {
    let site: Snapshot<Site>
    let guidelines: Snapshot<Guidelines>
    let home: Snapshot<HomeView>
    let terms: Snapshot<SampleTerms>
    /// Who may say where a request comes from.
    let proxies: Snapshot<[Network]>

    /// - Throws: if one of our own templates cannot be parsed.
    init(_ settings: Settings, _ plan: ModelPlan, _ policy: Policy, _ addresses: OwnAddresses) throws {
        site = Snapshot(
            try Site(name: settings.siteName, version: StewardVersion.current, navigation: Moderation.navigation))
        guidelines = Snapshot(policy.guidelines)
        home = Snapshot(HomeView(settings, plan, addresses))
        terms = Snapshot(SampleTerms(policy))
        proxies = Snapshot(settings.trustedProxies)
    }

    /// Shows another configuration from the next request on.
    func show(_ settings: Settings, _ plan: ModelPlan, _ policy: Policy, _ addresses: OwnAddresses) {
        site.replace(with: site.current.named(settings.siteName))
        guidelines.replace(with: policy.guidelines)
        home.replace(with: HomeView(settings, plan, addresses))
        terms.replace(with: SampleTerms(policy))
        proxies.replace(with: settings.trustedProxies)
    }
}

extension HomeView {
    fileprivate init(_ settings: Settings, _ plan: ModelPlan, _ addresses: OwnAddresses) {
        self.init(
            site: settings.siteName, gateway: settings.publicURL ?? addresses.gateway, model: plan.exampleModel)
    }
}

extension SampleTerms {
    fileprivate init(_ policy: Policy) { self.init(taxonomy: policy.categories, classifier: policy.rules.classifier) }
}

extension Settings {
    /// Of addresses that are none the reader of settings has complained already.
    fileprivate var trustedProxies: [Network] {
        effective.list("gateway.trusted_proxies").compactMap { try? Network(parsing: $0) }
    }

    fileprivate var siteName: String { effective.text("desk.name") ?? "Steward" }

    /// The gateway's settings with the models that are served.
    func gateway(_ plan: ModelPlan, _ addresses: OwnAddresses) throws -> GatewaySettings {
        let desk = effective.text("desk.public_url") ?? addresses.desk
        var gateway = try gateway(models: plan.models, desk: String(desk.withoutSlashes))
        if plan.hasRehearsal { gateway.headers.toUpstream.insert("x-rehearsal") }
        return gateway
    }

    var observesOnly: Bool { effective.flag("gateway.observe_only") ?? false }
}
