internal import ArgumentParser
internal import Filtering

/// `steward filter`
struct FilterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "filter", abstract: "Check the rules of the filter, and what they find.",
        subcommands: [Check.self, Scan.self, Explain.self, Simulate.self, Samples.self, Train.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Load rule files and run the tests that each rule brings.",
            discussion: """
                Every rule says what it must find (`matches`) and what it must leave alone (`non_matches`). Exits with 1 \
                and a line `file:line:column: …` for each problem.

                EXAMPLES
                  steward filter check                     the shipped rules and all that the settings name
                  steward filter check rules/ours.yaml     this file alone
                """)

        @Argument(help: ArgumentHelp("Rule files; without any, all that `serve` would load.", valueName: "file"))
        var files: [String] = []

        @Option(help: ArgumentHelp("Settings file, for filter.rules.", valueName: "file"))
        var config: String?

        @OptionGroup var format: FormatOptions

        func run() throws {
            // As `serve` would, where it says which settings.
            let settings = files.isEmpty || config != nil ? try SettingsLoader().load(file: config).effective : nil
            let configured = try settings.map { try PolicyTexts.read($0) }
            let own = configured?.rules.map { ($0.name, $0.yaml) } ?? []
            let texts = files.isEmpty ? ShippedRules.files + own : try RuleTexts.read(files)
            let check = try RuleCheck(
                files: texts, categories: try configured?.taxonomy(), classifier: configured?.classifier)
            let problems = check.problems()
            if format.json {
                Output.print(
                    try Output.json(
                        RuleCheckView(
                            rules: check.ruleCount, tests: check.testCount, problems: problems.map(RuleProblemView.init)
                        )))
            } else if problems.isEmpty {
                Output.print("\(check.ruleCount) rules of \(texts.count) files pass their \(check.testCount) tests.\n")
            } else {
                Output.print(problems.map { "\($0)\n" }.joined())
            }
            if !problems.isEmpty { throw ExitCode(CommandFailure.Code.problems.rawValue) }
        }
    }
}

private struct RuleCheckView: Encodable {
    let rules: Int
    let tests: Int
    let problems: [RuleProblemView]
}

private struct RuleProblemView: Encodable {
    let file: String
    let line: Int
    let column: Int
    let message: String

    init(_ problem: RuleProblem) {
        file = problem.file
        line = problem.line
        column = problem.column
        message = problem.message
    }
}
