/// One whose use is limited: its id and its settings, prepared for the path.
package struct LimitSubject: Sendable {
    /// 64 bits of the subject's identifier that differ between subjects: its random half, or a hash.
    package let id: UInt64
    package let settings: LimitSettings
    let requests: Rate
    let tokens: Rate
    let tokensPerDay: Rate
    let concurrency: UInt32

    package init(id: UInt64, settings: LimitSettings) {
        self.id = id
        self.settings = settings
        requests = Rate(settings.requestsPerMinute.map { min($0, Int(UInt32.max)) }, per: .minute)
        tokens = Rate(settings.tokensPerMinute, per: .minute)
        tokensPerDay = Rate(settings.tokensPerDay, per: .day)
        concurrency = settings.concurrentRequests.map { UInt32(clamping: $0) } ?? .max
    }

    /// Whether nothing is limited; such a subject takes no place in the limiter.
    var isUnlimited: Bool { settings == .unlimited }

    /// Whether the tokens of requests in flight count.
    var holdsTokens: Bool { tokens.isLimited || tokensPerDay.isLimited }
}

/// The key, its application and the application's organisation, whose limits a request must all keep.
///
/// Build it once per key, where the snapshot of keys is built, and hand the same object to every request: a request
/// then costs no allocation.
///
/// An application must always come with the same organisation, and a key with the same application: the limiter keeps
/// all that belongs to one organisation under one lock.
package final class LimitSubjects: Sendable {
    package let key: LimitSubject
    package let application: LimitSubject
    package let organisation: LimitSubject
    /// Table keys by scope: never 0, spread over all 64 bits.
    let tableKeys: InlineArray<3, UInt64>
    /// Bit *n* is set when the subject of scope *n* has limits.
    let limited: UInt8

    package init(key: LimitSubject, application: LimitSubject, organisation: LimitSubject) {
        self.key = key
        self.application = application
        self.organisation = organisation
        tableKeys = [
            Self.tableKey(key.id, .key), Self.tableKey(application.id, .application),
            Self.tableKey(organisation.id, .organisation),
        ]
        limited =
            (key.isUnlimited ? 0 : 1) | (application.isUnlimited ? 0 : 2) | (organisation.isUnlimited ? 0 : 4)
    }

    /// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection, so ids of one scope never collide here.
    private static func tableKey(_ id: UInt64, _ scope: LimitScope) -> UInt64 {
        var mixed = id &+ (UInt64(scope.rawValue) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return mixed == 0 ? 1 : mixed
    }

    @inline(__always)
    func withSubject<Result>(_ index: Int, _ body: (borrowing LimitSubject) -> Result) -> Result {
        switch index {
        case 0: body(key)
        case 1: body(application)
        default: body(organisation)
        }
    }
}
