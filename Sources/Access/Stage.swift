internal import Storage

/// How far an application has come: everyone may build in the sandbox; production needs an approval.
package enum Stage: String, Sendable, Hashable, CaseIterable, Codable, SQLValueConvertible {
    case sandbox
    case production
}
