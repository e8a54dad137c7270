internal import Storage

/// How far an application has come: everyone may build in the sandbox; production needs an approval.
package enum Stage: String, Sendable, Hashable, CaseIterable, SQLValueConvertible {
    case sandbox
    case production

    /// The number for it in records: stored, so it never changes.
    package var recordValue: UInt8 {
        switch self {
        case .sandbox: 0
        case .production: 1
        }
    }

    /// - Returns: `nil` for a number that no stage has.
    package init?(recordValue: UInt8) {
        guard let stage = Self.allCases.first(where: { $0.recordValue == recordValue }) else { return nil }
        self = stage
    }
}
