internal import Filtering
internal import JSON
internal import Limits

/// A decision against a request: who decided, why, and what the caller can do about it.
struct Refusal: Sendable {
    /// Every reason there is. Each has its code, status and advice in `Refusal+Explanation.swift`.
    enum Reason: Sendable {
        // What arrived is no request that can be understood.
        case malformedHTTP(HeadProblem)
        case headTimeout
        case unknownRoute
        case methodNotAllowed(allowed: StaticString)
        case bodyTooLarge(max: Int)
        case bodyTimeout
        case encodedBody
        case noForm
        case malformedJSON(JSONError)
        case invalidField(param: String, problem: String)
        // Who asks.
        case missingKey
        case mistypedKey
        case unknownKey
        case expiredKey
        case suspended(what: StaticString)
        case networkNotAllowed
        case scopeMissing(String)
        case tooManyFailures
        // What is asked for.
        case unknownModel(String)
        case modelNotAllowed(String)
        case dialectNotServed(model: String)
        case unscreenable(Unscreenable, param: String)
        /// The request names no end user where one is required.
        case endUserMissing(param: StaticString)
        // How much.
        case limit(LimitRefusal)
        case costAboveBurst(LimitRefusal)
        case limitTableFull
        /// Spent until it renews.
        case budget(BudgetRefusal.Exhausted, currency: String)
        case costAboveBudget(BudgetRefusal.Exhausted, currency: String)
        /// The caller's budget is in money, and the model has no price.
        case unpriced(model: String)
        /// Redis, which processes share limits through, is away.
        case limitsUnavailable
        case overloaded(Overload)
        case draining
        // What is in it.
        case guideline(Filtering.Category, side: Side)
        /// A judge could not be heard without whose opinion nothing goes on.
        case judgeUnavailable
        // What Steward itself lacks.
        case recordUnavailable
    }

    enum Overload: Sendable { case bytesInFlight, connections }

    let reason: Reason
    /// The guideline clause under which was decided.
    var clause: String?
    /// When it makes sense to ask again; `nil` where it never does.
    var retryAfter: Duration?

    init(_ reason: Reason, clause: String? = nil, retryAfter: Duration? = nil) {
        self.reason = reason
        self.clause = clause
        self.retryAfter = retryAfter
    }

    static func malformedHTTP(_ problem: HeadProblem) -> Refusal { Refusal(.malformedHTTP(problem)) }
    static func bodyTooLarge(max: Int) -> Refusal { Refusal(.bodyTooLarge(max: max)) }
    static var bodyTimeout: Refusal { Refusal(.bodyTimeout) }
    static func overloaded(_ what: Overload) -> Refusal { Refusal(.overloaded(what), retryAfter: .seconds(1)) }

    static func invalid(_ param: String, _ problem: String) -> Refusal {
        Refusal(.invalidField(param: param, problem: problem))
    }
}
