/// One thing that is wrong with a guidelines file, where, and what to write instead.
package struct GuidelineProblem: Sendable, Hashable, CustomStringConvertible {
    package var file: String
    /// From 1; the column counts Unicode scalars.
    package var line: Int
    package var column: Int
    /// What is wrong.
    package var message: String
    /// What to write instead.
    package var advice: String

    package init(file: String, line: Int, column: Int, message: String, advice: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
        self.advice = advice
    }

    package var description: String { "\(file):\(line):\(column): \(message) \(advice)" }
}

/// All that is wrong with a guidelines file, in the file's order.
package struct GuidelineProblems: Error, Sendable, Hashable, CustomStringConvertible {
    package var problems: [GuidelineProblem]

    package init(_ problems: [GuidelineProblem]) {
        self.problems = problems
    }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
