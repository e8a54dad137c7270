internal import ArgumentParser
internal import Filtering
internal import Guidelines

/// `steward guidelines`
struct GuidelinesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guidelines", abstract: "Show and check the usage guidelines.",
        subcommands: [Show.self, Check.self])

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the guidelines that `serve` would publish and enforce.",
            discussion: """
                EXAMPLES
                  steward guidelines show
                  steward guidelines show --yaml > guidelines.yaml     the shipped file, to begin one's own from
                """)

        @Flag(help: "Print the shipped file.")
        var yaml = false

        @Option(help: ArgumentHelp("Settings file, for guidelines.file.", valueName: "file"))
        var config: String?

        @OptionGroup var format: FormatOptions

        func run() throws {
            guard !yaml else { return Output.print(Guidelines.shippedYAML) }
            let settings = try SettingsLoader(readsCredentials: false).load(file: config)
            let guidelines = try PolicyLoader(settings: settings).guidelines()
            guard !format.json else {
                return Output.print(String(decoding: guidelines.json(), as: UTF8.self) + "\n")
            }
            var text =
                "\(guidelines.title)\nin force from \(guidelines.published), version \(guidelines.shortVersion)\n\n"
            var table = Table(["CLAUSE", "KIND", "TITLE", "ENFORCED BY"])
            for clause in guidelines.clauses {
                let enforcement = clause.enforcement.map { entry in
                    entry.categories.map(\.rawValue).joined(separator: ", ")
                        + ": \(entry.prompt.name)/\(entry.completion.name)"
                        + (entry.streams == .window ? "" : ", streams \(entry.streams.rawValue)")
                        + (entry.stage.map { " (\($0.rawValue))" } ?? "")
                }
                table.add([
                    clause.id, clause.kind.rawValue, clause.title,
                    enforcement.isEmpty ? "people" : enforcement.joined(separator: "; "),
                ])
            }
            text += table.text
            Output.print(text)
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a guidelines file; exits with 1 and a line for each problem.",
            discussion: "EXAMPLE\n  steward guidelines check guidelines.yaml")

        @Argument(help: "The file.")
        var file: String

        func run() throws {
            let known = Set(try Taxonomy.shipped().entries.map(\.id.rawValue))
            do {
                let guidelines = try PolicyLoader.guidelines(file: file, knownCategories: known)
                Output.print("\(file): \(guidelines.clauses.count) clauses, version \(guidelines.shortVersion).\n")
            } catch let failure as CommandFailure where failure.code == .configuration {
                Output.print(failure.message + "\n")
                throw ExitCode(CommandFailure.Code.problems.rawValue)
            }
        }
    }
}
