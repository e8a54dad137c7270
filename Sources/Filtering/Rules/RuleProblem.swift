/// Something wrong in a rule file, where, and what to write instead.
package struct RuleProblem: Error, Sendable, Hashable, CustomStringConvertible {
    package var file: String
    /// From 1.
    package var line: Int
    /// From 1, counted in Unicode scalars.
    package var column: Int
    package var message: String

    package init(file: String, line: Int, column: Int, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    package var description: String { "\(file):\(line):\(column): \(message)" }
}

/// All that is wrong in the files that were read; never empty.
package struct RuleProblems: Error, Sendable, Hashable, CustomStringConvertible {
    package var problems: [RuleProblem]

    package init(_ problems: [RuleProblem]) {
        self.problems = problems
    }

    package var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}
