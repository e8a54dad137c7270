internal import Storage

/// How an organisation or an application stands with us; ordered from good to bad.
package enum Standing: String, Sendable, Hashable, CaseIterable, Codable, SQLValueConvertible {
    case good
    /// Served under stricter limits and filters.
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
