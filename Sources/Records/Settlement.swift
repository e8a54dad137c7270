package import Storage

/// Where an exchange's time went, in microseconds: 0 where it did not come so far, and at most what fits.
package struct StageTimes: Sendable, Hashable {
    /// From the request's arrival until its body was parsed.
    package var parse: UInt32
    /// From there until it was let in.
    package var decide: UInt32
    /// From there until it was sent to the upstream.
    package var queue: UInt32
    /// From the arrival until the answer's first token.
    package var firstToken: UInt32
    /// From the arrival until the settlement.
    package var total: UInt32

    package init(
        parse: UInt32 = 0, decide: UInt32 = 0, queue: UInt32 = 0, firstToken: UInt32 = 0, total: UInt32 = 0
    ) {
        self.parse = parse
        self.decide = decide
        self.queue = queue
        self.firstToken = firstToken
        self.total = total
    }
}

/// How an exchange ended and what it used: the second half of its record.
package struct Settlement: Sendable, Hashable {
    package var record: RecordID
    package var at: Timestamp
    package var outcome: Outcome
    /// The HTTP status that the client got.
    package var status: UInt16
    package var inputTokens: Int
    package var outputTokens: Int
    /// Counted by Steward because the upstream told nothing.
    package var tokensEstimated: Bool
    /// Nanos at the prices of the time; `nil` where the model had no price.
    package var cost: Int64?
    package var upstream: String?
    /// Raw value of the filter's verdict on the completion.
    package var completionVerdict: UInt8
    /// Bytes of a streamed answer's text that had left when a filter ended it; `nil` where none did.
    package var releasedBytes: Int?
    package var completionFindings: [FindingCount]
    /// The refusal's stable reason code.
    package var refusal: String?
    /// The guideline clause that decided.
    package var clause: String?
    package var microseconds: StageTimes

    package init(
        record: RecordID, at: Timestamp, outcome: Outcome, status: UInt16, inputTokens: Int, outputTokens: Int,
        tokensEstimated: Bool, cost: Int64? = nil, upstream: String? = nil, completionVerdict: UInt8,
        releasedBytes: Int? = nil, completionFindings: [FindingCount] = [], refusal: String? = nil,
        clause: String? = nil,
        microseconds: StageTimes = StageTimes()
    ) {
        self.record = record
        self.at = at
        self.outcome = outcome
        self.status = status
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.tokensEstimated = tokensEstimated
        self.cost = cost
        self.upstream = upstream
        self.completionVerdict = completionVerdict
        self.releasedBytes = releasedBytes
        self.completionFindings = completionFindings
        self.refusal = refusal
        self.clause = clause
        self.microseconds = microseconds
    }
}
