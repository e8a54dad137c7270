/// One whose use is limited: its id and its settings, prepared for the path. Many `LimitSubjects` share one.
package final class LimitSubject: Sendable {
    let rates: LimitRates
    /// 64 bits of the subject's identifier that differ between subjects: its random half, or a hash.
    package let id: UInt64
    package let settings: LimitSettings

    package init(id: UInt64, settings: LimitSettings) {
        self.id = id
        self.settings = settings
        rates = LimitRates(settings)
    }

    fileprivate var isBudgetedInMoney: Bool { settings.budget?.isInMoney ?? false }

    /// One more with the same limits.
    fileprivate init(id: UInt64, like other: LimitSubject) {
        self.id = id
        settings = other.settings
        rates = other.rates
    }
}

/// The limits that each end user of an application has, prepared for the path.
package final class EndUserLimits: Sendable {
    /// Whether a request that names nobody is refused.
    package let isRequired: Bool
    private let template: LimitSubject

    package init(settings: LimitSettings, isRequired: Bool) {
        self.isRequired = isRequired
        template = LimitSubject(id: 0, settings: settings)
    }

    /// Whether an end user has limits at all.
    package var areLimited: Bool { template.settings != .unlimited }

    /// Whether what they spend is kept.
    package var areBudgeted: Bool { template.settings.budget != nil }

    /// A user that is met: nothing is kept of them here.
    package func subject(_ id: UInt64) -> LimitSubject { LimitSubject(id: id, like: template) }
}

/// Settings as the arithmetic needs them.
struct LimitRates: Sendable {
    let requests: Rate<Minute>
    let tokens: Rate<Minute>
    let tokensPerDay: Rate<Day>
    /// The greatest number means unlimited.
    let concurrency: UInt32
    /// Whether the tokens of requests in flight count.
    let holdsTokens: Bool
    /// Whether nothing is limited; such a subject takes no place in the limiter.
    let isUnlimited: Bool

    init(_ settings: LimitSettings) {
        requests = Rate(settings.requestsPerMinute.map { min($0, Int(UInt32.max)) })
        tokens = Rate(settings.tokensPerMinute)
        tokensPerDay = Rate(settings.tokensPerDay)
        concurrency = settings.concurrentRequests.map { UInt32(clamping: $0) } ?? .max
        holdsTokens = tokens.isLimited || tokensPerDay.isLimited
        isUnlimited = settings.areRatesUnlimited
    }
}

/// The key, its application and the application's organisation, whose limits a request must all keep, and the end user
/// where those have limits.
///
/// Build it once per key, where the snapshot of keys is built, with one `LimitSubject` for each application and
/// organisation, and hand the same object to every request: a request then costs no allocation and few cache lines. Only
/// where end users have limits is one made for each request (`with(endUser:)`).
///
/// An application must always come with the same organisation, and a key with the same application: the limiter keeps
/// all that belongs to one organisation under one lock.
package final class LimitSubjects: Sendable {
    /// Table keys by scope: never 0, spread over all 64 bits.
    let tableKeys: InlineArray<4, UInt64>
    /// A copy of the key's own, beside the rest that every request reads.
    private let keyRates: LimitRates
    package let key: LimitSubject
    package let application: LimitSubject
    package let organisation: LimitSubject
    package let endUser: LimitSubject?
    /// Bit *n* is set when the subject of scope *n* has limits.
    private let limited: UInt8
    /// Whether any of them has a budget, so that a request without one looks for none.
    package let areBudgeted: Bool
    /// Whether any of those is in money.
    package let areBudgetedInMoney: Bool

    package init(
        key: LimitSubject, application: LimitSubject, organisation: LimitSubject, endUser: LimitSubject? = nil
    ) {
        self.key = key
        self.application = application
        self.organisation = organisation
        self.endUser = endUser
        keyRates = key.rates
        tableKeys = [
            Self.tableKey(key.id, .key), Self.tableKey(application.id, .application),
            Self.tableKey(organisation.id, .organisation), Self.tableKey(endUser?.id ?? 0, .endUser),
        ]
        limited =
            (key.rates.isUnlimited ? 0 : 1) | (application.rates.isUnlimited ? 0 : 2)
            | (organisation.rates.isUnlimited ? 0 : 4) | (endUser?.rates.isUnlimited ?? true ? 0 : 8)
        areBudgeted =
            key.settings.budget != nil || application.settings.budget != nil || organisation.settings.budget != nil
            || endUser?.settings.budget != nil
        areBudgetedInMoney =
            areBudgeted
            && (key.isBudgetedInMoney || application.isBudgetedInMoney || organisation.isBudgetedInMoney
                || endUser?.isBudgetedInMoney ?? false)
    }

    /// These, and an end user of the application.
    package func with(endUser: LimitSubject) -> LimitSubjects {
        LimitSubjects(key: key, application: application, organisation: organisation, endUser: endUser)
    }

    /// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection, so ids of one scope never collide here.
    private static func tableKey(_ id: UInt64, _ scope: LimitScope) -> UInt64 {
        var mixed = id &+ (UInt64(scope.rawValue) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return mixed == 0 ? 1 : mixed
    }

    /// Calls `body` with the scope and the rates of each subject that has limits.
    @inline(__always)
    func forEachLimited(_ body: (LimitScope, borrowing LimitRates) -> Void) {
        if limited & 1 != 0 { body(.key, keyRates) }
        if limited & 2 != 0 { body(.application, application.rates) }
        if limited & 4 != 0 { body(.organisation, organisation.rates) }
        if limited & 8 != 0, let endUser { body(.endUser, endUser.rates) }
    }

    /// Calls `body` for each subject that has a budget.
    package func forEachBudgeted(_ body: (BudgetSubject, BudgetSettings) -> Void) {
        for scope in LimitScope.allCases {
            guard let subject = self[scope], let budget = subject.settings.budget else { continue }
            body(BudgetSubject(scope: scope, id: subject.id), budget)
        }
    }

    @inline(__always)
    func tableKey(_ scope: LimitScope) -> UInt64 { tableKeys[Int(scope.rawValue)] }

    /// `nil` where the request has no subject of that scope.
    package subscript(scope: LimitScope) -> LimitSubject? {
        switch scope {
        case .key: key
        case .application: application
        case .organisation: organisation
        case .endUser: endUser
        }
    }
}
