internal import Limits

/// How a process leases parts of shared limits. The same for all that share them, but for `processes` where they differ.
package struct LeaseTerms: Sendable, Hashable {
    /// How long a lease lasts without news from its process, in nanoseconds. What a killed process held is charged then.
    package var lifetime: Int64 = 3_000_000_000
    /// The most that a process holds unused, in hundredths of a limit.
    package var percentMax = 5
    /// How many processes share the limits: what part of a rate one admits while Redis is away.
    package var processes = 2
    /// What is decided while Redis is away and no lease covers a request.
    package var away = AwayPolicy.closed

    /// For how much of the demand of late a lease is sized, in nanoseconds: some trips to Redis.
    var horizon: Int64 = 500_000_000
    /// How long news for Redis may gather, in nanoseconds.
    var gathering: Int64 = 50_000_000
    /// How long a refusal by Redis answers for it at most, in nanoseconds: others may give back what they held.
    var refusalMax: Int64 = 50_000_000
    /// The same for a budget, which comes back only where others give up what they leased.
    var budgetRefusal: Int64 = 500_000_000

    package init() {}

    /// The most that may be held unused of a limit.
    func spareMax(of limit: Int) -> Int { limit / 100 * percentMax + limit % 100 * percentMax / 100 }

    /// What one process admits while Redis is away.
    func share(of limit: Int) -> Double { Double(limit) / Double(max(1, processes)) }
}

/// What is decided while Redis is away and no lease covers a request.
package enum AwayPolicy: String, Sendable, CaseIterable {
    /// Requests are answered 503.
    case closed
    /// Each process admits its share of the rates.
    case localShare = "local_share"
}

extension LimitKind {
    /// Over which a limit is counted, in nanoseconds; `nil` for concurrency, which no time gives back.
    var period: Int64? {
        switch self {
        case .requests, .tokens: 60_000_000_000
        case .tokensPerDay: 86_400_000_000_000
        case .concurrency: nil
        }
    }

    /// What a request that may use `tokens` costs of it.
    func cost(tokens: Int) -> Int {
        switch self {
        case .requests, .concurrency: 1
        case .tokens, .tokensPerDay: tokens
        }
    }
}

extension LimitSettings {
    func limit(_ kind: LimitKind) -> Int? {
        switch kind {
        case .requests: requestsPerMinute
        case .tokens: tokensPerMinute
        case .concurrency: concurrentRequests
        case .tokensPerDay: tokensPerDay
        }
    }
}
