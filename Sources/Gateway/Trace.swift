internal import Access
internal import Filtering
internal import Limits
internal import Records
internal import Storage

/// What is known of one exchange as it goes down the path: what its record, its metrics and its answer are made of.
///
/// `@unchecked Sendable`: touched by the exchange's task only, which never leaves its loop.
final class Trace: @unchecked Sendable {
    let id: RecordID
    let at: Timestamp
    let arrivedAt: Moment
    /// The request id that the caller sent, recorded beside ours.
    let callerRequestID: String?

    var key: KeyEntry?
    var dialect = RecordDialect.unknown
    /// In whose words the caller is answered.
    var api = API.openAI
    /// As the record names it.
    var model = ""
    /// Whose series count the exchange; `nil` where no model was asked.
    var asked: (model: Model, dialect: Dialect)?
    var isStream = false
    var tokensReserved = 0
    /// Settled when the exchange ends, however it ends.
    var grant: Grant?
    /// What is held of budgets; settled as the grant is.
    var budget: BudgetReservation?
    /// In whose periods it counts; `nil` where nothing depends on that.
    var charge: Charge?
    /// Of the model, when the request came.
    var prices: TokenPrices?
    var promptBytes = 0
    var prompt = ScreeningSummary()
    var completion = ScreeningSummary()
    /// Of a stream that a filter ended, the text that had left.
    var releasedBytes: Int?
    var upstream: String?
    var usage = Usage()
    var limits = LimitHeaders()
    /// The code of a refusal that observe-only mode did not enforce.
    var unenforced: String?

    // When a stage was left; `nil` for those that were not reached.
    var parsedAt: Moment?
    var decidedAt: Moment?
    var sentAt: Moment?
    var firstTokenAt: Moment?

    /// Where the admission stands in the journal, once it has been appended.
    var admission: JournalPosition?
    var isSettled = false

    init(id: RecordID, at time: Timestamp, arrivedAt: Moment, callerRequestID: String? = nil) {
        self.id = id
        at = time
        self.arrivedAt = arrivedAt
        self.callerRequestID = callerRequestID
    }

    convenience init(_ exchange: Exchange, id: RecordID, at time: Timestamp) {
        self.init(
            id: id, at: time, arrivedAt: exchange.arrivedAt,
            callerRequestID: exchange.head.fields.string("x-request-id"))
    }

    /// Takes down what the body says.
    func parsed(_ request: Parsed, at now: Moment) {
        parsedAt = now
        isStream = request.facts.isStream
        promptBytes = request.document.bytes.count
    }

    func admitted(_ request: Admitted) {
        model = request.model.settings.name
        asked = (request.model, request.request.dialect)
        prices = request.model.settings.prices
    }

    /// Microseconds from one moment to another; 0 where either was not reached.
    func times(at now: Moment) -> StageTimes {
        StageTimes(
            parse: Self.microseconds(arrivedAt, parsedAt), decide: Self.microseconds(parsedAt, decidedAt),
            queue: Self.microseconds(decidedAt, sentAt), firstToken: Self.microseconds(arrivedAt, firstTokenAt),
            total: Self.microseconds(arrivedAt, now))
    }

    private static func microseconds(_ start: Moment?, _ end: Moment?) -> UInt32 {
        guard let start, let end else { return 0 }
        return UInt32(clamping: (end - start) / 1_000)
    }
}

/// Tokens as the upstream counted them, or as we estimate them where it did not.
struct Usage: Sendable {
    var input: Int?
    var output: Int?
    /// Of the input, what the upstream had in its cache, and what it put there.
    var cachedInput = 0
    var cacheWrites = 0
    /// Bytes of text that came, for the estimate.
    var outputBytes = 0
}

/// What filters said of one side of an exchange, as its record keeps it.
struct ScreeningSummary: Sendable {
    var verdict = Verdict.notEvaluated
    var findings: [FindingCount] = []

    init() {}

    init(_ screening: Screening) {
        verdict = screening.verdict
        add(screening.findings)
        note(screening.unjudged)
    }

    /// Takes down what of a text nobody judged.
    mutating func note(_ unjudged: Unjudged) {
        findings += unjudged.findings.map { rule in
            FindingCount(
                rule: rule.id, category: rule.category.rawValue, clause: nil, verdict: Verdict.notEvaluated.rawValue,
                count: 1)
        }
    }

    /// Adds findings of a further text; equal ones are counted.
    mutating func add(_ new: [Finding]) {
        for finding in new {
            if let index = findings.firstIndex(where: {
                $0.rule == finding.rule && $0.verdict == finding.verdict.rawValue
                    && $0.category == finding.category.rawValue && $0.clause == finding.clause
            }) {
                findings[index].count += 1
            } else {
                findings.append(
                    FindingCount(
                        rule: finding.rule, category: finding.category.rawValue, clause: finding.clause,
                        verdict: finding.verdict.rawValue, count: 1))
            }
        }
    }

    /// Of the strictest finding, for a refusal.
    static func deciding(_ findings: [Finding]) -> Finding? {
        findings.filter { $0.verdict != .notEvaluated }.max { $0.verdict.rawValue < $1.verdict.rawValue }
    }
}
