/// How much one key, application, organisation or end user may use. `nil` means unlimited.
///
/// A limit of *n* per minute is a bucket of *n* that refills evenly over the minute, so a quiet caller may use all of it
/// at once. A limit per day is such a bucket over 24 hours, not a calendar day: it needs no wall clock, and no crowd
/// waits for midnight. What is to be counted by calendar is a budget.
package struct LimitSettings: Sendable, Hashable, Codable {
    /// At most 2³² − 1; a greater number counts as that.
    package var requestsPerMinute: Int?
    /// Tokens of prompt and completion together.
    package var tokensPerMinute: Int?
    /// Requests that were granted and are not settled yet.
    package var concurrentRequests: Int?
    package var tokensPerDay: Int?
    /// What may be spent in calendar days and months; `nil` where nothing is budgeted.
    package var budget: BudgetSettings?

    package init(
        requestsPerMinute: Int? = nil, tokensPerMinute: Int? = nil, concurrentRequests: Int? = nil,
        tokensPerDay: Int? = nil, budget: BudgetSettings? = nil
    ) {
        self.requestsPerMinute = requestsPerMinute
        self.tokensPerMinute = tokensPerMinute
        self.concurrentRequests = concurrentRequests
        self.tokensPerDay = tokensPerDay
        self.budget = budget
    }

    package static let unlimited = LimitSettings()

    /// These settings, with those that `other` states put in their place.
    ///
    /// A `nil` in `other` says nothing, so an override lowers or raises a limit but never removes one.
    package func overridden(by other: LimitSettings) -> LimitSettings {
        LimitSettings(
            requestsPerMinute: other.requestsPerMinute ?? requestsPerMinute,
            tokensPerMinute: other.tokensPerMinute ?? tokensPerMinute,
            concurrentRequests: other.concurrentRequests ?? concurrentRequests,
            tokensPerDay: other.tokensPerDay ?? tokensPerDay,
            budget: other.budget.map { budget?.overridden(by: $0) ?? $0 } ?? budget)
    }

    /// Whether no rate and no concurrency is limited, whatever is budgeted.
    package var areRatesUnlimited: Bool {
        requestsPerMinute == nil && tokensPerMinute == nil && concurrentRequests == nil && tokensPerDay == nil
    }

    /// What a key of a sandbox application gets unless told otherwise: enough to build with, useless for serving.
    package static let sandbox = LimitSettings(
        requestsPerMinute: 20, tokensPerMinute: 40_000, concurrentRequests: 4, tokensPerDay: 500_000)

    /// What a key of an approved application gets unless told otherwise.
    package static let production = LimitSettings(
        requestsPerMinute: 3_000, tokensPerMinute: 2_000_000, concurrentRequests: 200, tokensPerDay: 500_000_000)
}

/// Whose limit it is.
package enum LimitScope: UInt8, Sendable, Hashable, CaseIterable {
    case key = 0
    case application = 1
    case organisation = 2
    /// A person, as the application tells them apart.
    case endUser = 3
}

/// What is limited.
package enum LimitKind: UInt8, Sendable, Hashable, CaseIterable {
    case requests = 0
    case tokens = 1
    case concurrency = 2
    case tokensPerDay = 3
}
