internal import Access
internal import NIOCore
internal import Snapshots
internal import Telemetry

/// A request that its caller may make of this model.
///
/// A class, as `Parsed` is.
final class Admitted: Sendable {
    let request: Parsed
    let model: Model
    /// Tokens that each of its answers may have.
    let outputTokensMax: Int
    /// What is in it that no filter reads, and the model's policy admits.
    let unscreened: Set<Unscreenable>

    init(request: Parsed, model: Model, outputTokensMax: Int, unscreened: Set<Unscreenable>) {
        self.request = request
        self.model = model
        self.outputTokensMax = outputTokensMax
        self.unscreened = unscreened
    }

    /// Tokens that all of its answers together may have; bounded, so that what adds to it cannot overflow.
    var outputTokensOfAll: Int {
        let (tokens, overflows) = request.facts.choices.multipliedReportingOverflow(by: outputTokensMax)
        return overflows ? 1 << 52 : min(tokens, 1 << 52)
    }
}

/// Decides whether the caller may ask this of this model: scope, model, dialect, and what can't be screened.
struct AdmitStage: Sendable {
    let models: ModelTable

    func admit(_ request: Parsed) throws(PathExit) -> Admitted {
        let key = request.caller.key
        let facts = request.facts
        try Self.require(request.dialect.traits.scope, of: key)
        guard let model = models[facts.model] else { throw .refused(Refusal(.unknownModel(facts.model))) }
        guard key.mayUse(model) else { throw .refused(Refusal(.modelNotAllowed(facts.model))) }
        guard model.settings.upstreams.contains(where: { $0.dialects.contains(request.dialect) }) else {
            throw .refused(Refusal(.dialectNotServed(model: facts.model)))
        }
        var unscreened: Set<Unscreenable> = []
        for (what, param) in facts.unscreenable {
            guard model.settings.admitsUnscreened.contains(what) else {
                throw .refused(Refusal(.unscreenable(what, param: param)))
            }
            unscreened.insert(what)
        }
        if let cap = facts.outputTokensMax, cap > model.settings.outputTokensMax {
            let name = facts.outputCapName ?? "max_tokens"
            throw .refused(
                .invalid(
                    "\(name)",
                    "`\(name)` must be at most \(model.settings.outputTokensMax) for this model; it is \(cap)."))
        }
        return Admitted(
            request: request, model: model,
            outputTokensMax: facts.outputTokensMax ?? model.settings.outputTokensDefault,
            unscreened: unscreened)
    }

    static func require(_ scope: KeyScope, of key: KeyEntry) throws(PathExit) {
        guard key.scopes.contains(scope) else { throw .refused(Refusal(.scopeMissing(scope.rawValue))) }
    }
}

/// A model that is served. A class, so that a request carries one reference.
final class Model: Sendable {
    let settings: ModelSettings
    /// Its place in the configuration.
    let index: Int
    /// What it is counted in, by the dialect's index.
    let series: [GenAISeries]
    /// What may be sent to a second upstream.
    let retries: Lock<RetryBudget>
    /// How long an upstream may be silent before a second one is asked the same, and how often that may be.
    let hedging: (after: TimeAmount, budget: Lock<RetryBudget>)?
    private let hedges: Lock<RetryBudget>

    /// - Parameter former: the model of that name in the configuration before, whose budgets go on.
    init(
        _ settings: ModelSettings, at index: Int, _ resilience: ResilienceSettings, series: [GenAISeries],
        after former: Model?
    ) {
        self.settings = settings
        self.index = index
        self.series = series
        retries = former?.retries ?? Lock(RetryBudget(percent: resilience.retryPercent))
        let hedges = former?.hedges ?? Lock(.hedges(percent: resilience.hedgePercent))
        self.hedges = hedges
        hedging = settings.hedgeAfter.map { ($0, hedges) }
    }

    /// What is carried on keeps to these from now on.
    func follow(_ resilience: ResilienceSettings) {
        retries.withLock { $0.follow(percent: resilience.retryPercent) }
        hedges.withLock { $0.follow(percent: resilience.hedgePercent) }
    }

    /// All that callers may call it.
    var names: [String] { [settings.name] + settings.aliases }
}

/// The models of the configuration, by name and alias.
struct ModelTable: Sendable {
    let all: [Model]
    private let byName: [String: Model]

    /// - Parameter former: the models of the configuration before.
    init(
        _ models: [ModelSettings], _ resilience: ResilienceSettings, _ metrics: GatewayMetrics,
        after former: ModelTable? = nil
    ) {
        let before = Dictionary(
            (former?.all ?? []).map { ($0.settings.name, $0) }, uniquingKeysWith: { first, _ in first })
        all = models.enumerated().map { index, model in
            Model(
                model, at: index, resilience, series: metrics.series(of: model.name), after: before[model.name])
        }
        var byName: [String: Model] = [:]
        for model in all {
            for name in model.names where byName[name] == nil { byName[name] = model }
        }
        self.byName = byName
    }

    /// `name` may carry options behind a `?`, which only the rehearsal model has.
    subscript(name: String) -> Model? {
        if let model = byName[name] { return model }
        guard let mark = name.firstIndex(of: "?") else { return nil }
        let model = byName[String(name[..<mark])]
        return model?.settings.takesOptions == true ? model : nil
    }
}
