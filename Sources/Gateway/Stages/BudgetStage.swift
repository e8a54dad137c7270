internal import Limits
internal import Records
internal import SharedLimits
internal import Storage

/// A request whose cost is held of its budgets, where its caller has any.
struct Budgeted: Sendable {
    let admitted: Admitted
}

/// Holds the most that a request may cost: one look-up and no I/O, or where processes share budgets and what this one has
/// leased does not cover it, one round trip to Redis.
///
/// Behind the limits, so that who goes on asking without a budget is slowed down as any other.
struct BudgetStage: Sendable {
    let budgets: Budgets
    /// Grants in place of the budgets where processes share them.
    let shared: SharedBudgets?
    let currency: String
    let observesOnly: Bool

    func reserve(_ request: Limited, trace: Trace) async throws(PathExit) -> Budgeted {
        let subjects = request.subjects
        let prices = trace.prices
        // Nothing depends on it.
        guard subjects.areBudgeted || prices != nil else { return Budgeted(admitted: request.admitted) }
        let day = budgets.today(at: trace.at.microseconds)
        let cost = BudgetCost(
            tokens: LimitStage.tokens(of: request.admitted),
            money: prices.map { Self.most(request.admitted, $0) } ?? .zero)
        let endUser = subjects.endUser.flatMap { $0.settings.budget == nil ? nil : $0.id }
        trace.charge = Charge(
            day: day.number, costReserved: prices == nil ? nil : cost.money.nanos, endUser: endUser)
        guard subjects.areBudgeted else { return Budgeted(admitted: request.admitted) }
        if prices == nil, subjects.areBudgetedInMoney {
            try refuse(Refusal(.unpriced(model: request.admitted.model.settings.name)), trace)
        } else {
            do throws(BudgetRefusal) {
                let reservation = try await reserve(subjects, cost, on: day, trace)
                // Where processes share budgets, Redis says which day it is.
                trace.charge?.day = reservation.day.number
                trace.budget = reservation
            } catch {
                try refuse(refusal(of: error, at: trace.at), trace)
            }
        }
        return Budgeted(admitted: request.admitted)
    }

    private func reserve(
        _ subjects: LimitSubjects, _ cost: BudgetCost, on day: BudgetDay, _ trace: Trace
    ) async throws(BudgetRefusal) -> BudgetReservation {
        guard let shared else { return try budgets.reserve(subjects, cost, at: trace.at.microseconds) }
        return try await shared.reserve(subjects, cost, on: day)
    }

    private func refuse(_ refusal: Refusal, _ trace: Trace) throws(PathExit) {
        guard observesOnly else { throw .refused(refusal) }
        trace.unenforced = refusal.recordCode
    }

    private func refusal(of error: BudgetRefusal, at time: Timestamp) -> Refusal {
        switch error {
        case .exhausted(let exhausted):
            Refusal(
                .budget(exhausted, currency: currency),
                retryAfter: .microseconds(max(1, exhausted.renewsAt - time.microseconds)))
        case .costAboveBudget(let exhausted): Refusal(.costAboveBudget(exhausted, currency: currency))
        case .tableFull: Refusal(.limitTableFull, retryAfter: .seconds(1))
        case .unknown: Refusal(.limitsUnavailable, retryAfter: .seconds(1))
        }
    }

    /// As for tokens: a token has at least one byte, and each answer may reach its cap.
    private static func most(_ request: Admitted, _ prices: TokenPrices) -> Money {
        prices.most(input: request.request.document.bytes.count, output: request.outputTokensOfAll)
    }
}
