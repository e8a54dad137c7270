/// What a finding is about, such as `pii.card` or `secret.api_key`: dotted, lower case, from general to special.
///
/// Clauses of the guidelines name categories; a clause that names `pii` covers `pii.card` too.
package struct Category: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let rawValue: String

    package init(_ name: String) {
        rawValue = name
    }

    package var description: String { rawValue }

    package static func < (left: Category, right: Category) -> Bool {
        left.rawValue < right.rawValue
    }

    /// Whether it is dotted words of lower-case letters, digits and underscores, each beginning with a letter.
    package var isWellFormed: Bool {
        rawValue.utf8.split(separator: 0x2E, omittingEmptySubsequences: false).allSatisfy { word in
            word.first.map { (0x61...0x7A).contains($0) } == true
                && word.allSatisfy { (0x61...0x7A).contains($0) || $0.isASCIIDigit || $0 == 0x5F }
        }
    }

    /// Whether `other` is this category or a special case of it.
    package func covers(_ other: Category) -> Bool {
        other.rawValue == rawValue || other.rawValue.utf8.starts(with: (rawValue + ".").utf8)
    }
}
