package import Storage

/// How often one rule found something in one text; of each verdict, 64 findings at most are counted. Counts and names
/// only, never content.
package struct FindingCount: Sendable, Hashable {
    package var rule: String
    package var category: String
    package var clause: String?
    /// Raw value of the filter's verdict.
    package var verdict: UInt8
    package var count: Int

    package init(rule: String, category: String, clause: String?, verdict: UInt8, count: Int) {
        self.rule = rule
        self.category = category
        self.clause = clause
        self.verdict = verdict
        self.count = count
    }
}

/// What is known of an exchange when it is let in: the first half of its record.
///
/// Strings longer than ``FrameLimits/stringBytesMax`` are cut, findings beyond ``FrameLimits/findingsMax`` dropped.
package struct Admission: Sendable, Hashable {
    package var record: RecordID
    package var at: Timestamp
    /// `nil` if the caller could not be told.
    package var key: KeyID?
    package var application: ApplicationID?
    package var organisation: OrganisationID?
    /// 0: the application is in the sandbox; 1: in production.
    package var stage: UInt8
    package var dialect: RecordDialect
    package var model: String
    package var isStream: Bool
    /// Decided and recorded, but not enforced.
    package var observeOnly: Bool
    package var tokensReserved: Int
    /// Raw value of the filter's verdict on the prompt.
    package var promptVerdict: UInt8
    package var promptFindings: [FindingCount]
    /// The `x-request-id` that the caller sent.
    package var callerRequestID: String?
    /// `nil` where nothing was reserved of budgets: a request that was refused before, or of a version that knew none.
    package var charge: Charge?

    package init(
        record: RecordID, at: Timestamp, key: KeyID?, application: ApplicationID?, organisation: OrganisationID?,
        stage: UInt8, dialect: RecordDialect, model: String, isStream: Bool, observeOnly: Bool, tokensReserved: Int,
        promptVerdict: UInt8, promptFindings: [FindingCount] = [], callerRequestID: String? = nil,
        charge: Charge? = nil
    ) {
        self.record = record
        self.at = at
        self.key = key
        self.application = application
        self.organisation = organisation
        self.stage = stage
        self.dialect = dialect
        self.model = model
        self.isStream = isStream
        self.observeOnly = observeOnly
        self.tokensReserved = tokensReserved
        self.promptVerdict = promptVerdict
        self.promptFindings = promptFindings
        self.callerRequestID = callerRequestID
        self.charge = charge
    }
}

/// In whose periods an exchange counts, and what it costs at most.
package struct Charge: Sendable, Hashable {
    /// Of the UTC calendar, since 1970-01-01; another than that of the admission where the clock stepped back.
    package var day: Int32
    /// Nanos, charged if the settlement never comes; `nil` where the model has no price.
    package var costReserved: Int64?
    /// 64 bits of the end user's digest where end users have budgets. It goes into sums, and into no record.
    package var endUser: UInt64?

    package init(day: Int32, costReserved: Int64? = nil, endUser: UInt64? = nil) {
        self.day = day
        self.costReserved = costReserved
        self.endUser = endUser
    }
}
