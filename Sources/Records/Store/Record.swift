internal import Storage

/// All that is kept of one exchange: how it was let in and how it ended.
package struct Record: Sendable, Hashable {
    package var admission: Admission
    package var settlement: Settlement

    package init(admission: Admission, settlement: Settlement) {
        self.admission = admission
        self.settlement = settlement
    }

    /// The record of an exchange whose settlement never came: charged in full. `lostAt` is when the disk refused it;
    /// without it, the time of admission, so that closing it twice gives the same record.
    init(interrupted admission: Admission, lostAt: Timestamp? = nil) {
        self.admission = admission
        settlement = Settlement(
            record: admission.record, at: lostAt ?? admission.at, outcome: .interrupted, status: 0,
            inputTokens: admission.tokensReserved, outputTokens: 0, tokensEstimated: true,
            cost: admission.charge?.costReserved,
            completionVerdict: Self.notEvaluated)
    }

    /// The raw value of the filter's verdict *not evaluated*.
    private static let notEvaluated: UInt8 = 4
}

extension Record {
    /// Leaves only what can be stored: PostgreSQL keeps no NUL in a text. Callers write some of these, and a record that is
    /// refused would hold back all after it.
    package mutating func makeStorable() {
        admission.model.replaceNUL()
        admission.callerRequestID?.replaceNUL()
        settlement.upstream?.replaceNUL()
        settlement.refusal?.replaceNUL()
        settlement.clause?.replaceNUL()
    }
}

extension String {
    /// Puts the replacement character in the place of each NUL.
    fileprivate mutating func replaceNUL() {
        guard utf8.contains(0) else { return }
        self = String(String.UnicodeScalarView(unicodeScalars.map { $0.value == 0 ? "\u{FFFD}" : $0 }))
    }
}
