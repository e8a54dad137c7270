package import Access
package import Limits
package import Logging
package import Records
package import SharedLimits
internal import Storage

/// What the gateway needs of the rest of Steward and what its loops have in common, whatever is configured.
package struct GatewayParts: Sendable {
    let digester: KeyDigester
    let limiter: Limiter
    /// Decides in place of the limiter where processes share limits.
    let sharedLimiter: SharedLimiter?
    let budgets: Budgets
    /// Grants in place of these where processes share limits.
    let sharedBudgets: SharedBudgets?
    let failures: FailureGuard
    let journal: Journal
    let metrics: GatewayMetrics
    /// Draws texts for people to judge; `nil` where none is kept.
    let sampler: TextSampler?
    let log: Logger
    let bytesInFlight = ByteBudget(0)
    let isDraining = DrainFlag()
    let startedAt = Timestamp.now

    package init(
        digester: KeyDigester, limiter: Limiter, sharedLimiter: SharedLimiter? = nil, budgets: Budgets,
        sharedBudgets: SharedBudgets? = nil, failures: FailureGuard, journal: Journal, metrics: GatewayMetrics,
        sampler: TextSampler? = nil, log: Logger
    ) {
        self.digester = digester
        self.limiter = limiter
        self.sharedLimiter = sharedLimiter
        self.budgets = budgets
        self.sharedBudgets = sharedBudgets
        self.failures = failures
        self.journal = journal
        self.metrics = metrics
        self.sampler = sampler
        self.log = log
    }
}
