internal import Storage

/// How an organisation or an application stands with us; ordered from good to bad.
package enum Standing: String, Sendable, Hashable, CaseIterable, SQLValueConvertible {
    case good
    /// Reserved for measures; served like `good` until there are some.
    case restricted
    /// Not served.
    case suspended
}

extension Standing: Comparable {
    private var severity: Int {
        switch self {
        case .good: 0
        case .restricted: 1
        case .suspended: 2
        }
    }

    /// Whether `left` is better.
    package static func < (left: Standing, right: Standing) -> Bool {
        left.severity < right.severity
    }
}
