internal import Limits
internal import Logging
internal import Records
internal import ServiceLifecycle
internal import SharedLimits
internal import Storage
internal import Telemetry

/// Teaches budgets what the store says was spent: before the first request, so that a restart opens no budget again, and
/// then every few seconds, for what other processes on the same store have spent and for budgets that come later.
struct BudgetKeeper: Service {
    let budgets: Budgets
    let shared: SharedBudgets?
    let writer: RecordWriter
    let records: RecordStore
    let lamp: HealthLamp
    private let log = Logger(label: "steward.limits")

    /// Rows of the store that are held at most, two a subject; beyond them, end users who are not known are refused.
    private static let rowsMax = 1 << 20
    private static let interval = Duration.seconds(10)
    /// Until it has succeeded once.
    private static let retryInterval = Duration.milliseconds(500)
    /// After as many failures in a row readiness says so.
    private static let failuresMax = 3

    init(
        budgets: Budgets, shared: SharedBudgets?, writer: RecordWriter, records: RecordStore, lamp: HealthLamp
    ) {
        self.budgets = budgets
        self.shared = shared
        self.writer = writer
        self.records = records
        self.lamp = lamp
    }

    func register(in registry: MetricsRegistry) {
        registry.gauge(
            "steward.budgets.subjects",
            help: "Keys, applications, organisations and end users whose spending is held in memory."
        ) { [budgets, shared] in Double(shared?.subjectCount ?? budgets.subjectCount) }
    }

    /// Brings what an earlier process left in the journal into the store, and learns what was spent. Where that fails, the
    /// process serves all the same, but nobody who has a budget.
    ///
    /// Nothing else may use the writer meanwhile.
    func begin() async {
        do {
            try await writer.drain()
        } catch {
            log.error("What was in the journal did not reach the store.", metadata: ["error": "\(error)"])
        }
        let isKnown = await learn(isFirst: true)
        lamp.set(isKnown ? .green : .degraded("What was spent is not known yet, so nobody with a budget is served."))
    }

    func run() async throws {
        var isKnown = false
        var failureCount = 0
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let pause = isKnown ? Self.interval : Self.retryInterval
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
            guard await learn(isFirst: failureCount == 0) else {
                failureCount += 1
                // What is counted here still holds; only what others spent is not learnt.
                if isKnown, failureCount == Self.failuresMax {
                    lamp.set(.degraded("What other gateways spent was last read some time ago."))
                }
                continue
            }
            (isKnown, failureCount) = (true, 0)
            lamp.set(.green)
        }
    }

    /// - Parameter isFirst: Of several in a row only the first failure is logged.
    /// - Returns: Whether it could be read.
    private func learn(isFirst: Bool) async -> Bool {
        do {
            // Before, what is in the journal of an earlier process would be missed.
            guard await writer.hasCaughtUp else { return false }
            let day = budgets.today(at: Timestamp.now.microseconds)
            let known = try await records.spending(
                on: Timestamp(microseconds: day.start), limit: Self.rowsMax)
            var spent = SpentBefore(day: day, isWhole: known.isWhole)
            for row in known.rows {
                guard let scope = LimitScope(rawValue: row.scope) else { continue }
                spent.add(
                    BudgetSubject(scope: scope, id: row.subject), ofDay: row.isOfDay, tokens: row.tokens,
                    money: row.money)
            }
            budgets.learn(spent)
            shared?.learn(spent)
            return true
        } catch {
            if isFirst { log.error("What was spent can't be read.", metadata: ["error": "\(error)"]) }
            return false
        }
    }
}
