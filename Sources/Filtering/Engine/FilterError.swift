/// Every rule that cannot be used, and why.
package struct FilterError: Error, Sendable, Hashable, CustomStringConvertible {
    package struct Problem: Error, Sendable, Hashable {
        /// The rule's id.
        package var rule: String
        /// What is wrong with it, then what to write instead.
        package var reason: String

        package init(rule: String, reason: String) {
            self.rule = rule
            self.reason = reason
        }
    }

    package var problems: [Problem]

    package init(_ problems: [Problem]) {
        self.problems = problems
    }

    package var description: String {
        problems.map { "\($0.rule): \($0.reason)" }.joined(separator: "\n")
    }
}
