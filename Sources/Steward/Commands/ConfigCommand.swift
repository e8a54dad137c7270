internal import ArgumentParser
internal import Filtering

/// `steward config`
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check and show the settings.",
        discussion: """
            Settings come from steward.yaml (or the file that --config or STEWARD_CONFIG names), then STEWARD_… variables, \
            then flags of `serve`; the later wins. \
            gateway.public_url in the file is STEWARD_GATEWAY_PUBLIC_URL. Lists in variables are separated by commas. \
            Secrets are in none of these: the file names a variable or a file that holds them.
            """,
        subcommands: [Check.self, Show.self, Reference.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find everything that is wrong with the settings, rules and guidelines.",
            discussion: """
                Prints a line `file:line:column: problem. What to write instead.` for each problem, and exits with 1.

                EXAMPLE
                  steward config check --config /etc/steward/steward.yaml
                """)

        @Option(help: SettingsLoader.fileHelp)
        var config: String?

        @OptionGroup var format: FormatOptions

        func run() throws {
            do {
                let settings = try SettingsLoader().load(file: config)
                let texts = try PolicyTexts.read(settings.effective)
                try Configuration.check(settings.judges, PolicyLoader.policy(of: texts))
                _ = try settings.sampleSeal()
                try report(
                    SettingsCheckView(
                        file: settings.file, problems: [], notices: settings.notices + texts.notices(on: .today)))
            } catch let problems as SettingProblems {
                try report(SettingsCheckView(file: nil, problems: problems.problems.map(\.description), notices: []))
            } catch let failure as CommandFailure where failure.code == .configuration {
                try report(
                    SettingsCheckView(
                        file: nil, problems: failure.message.split(separator: "\n").map(String.init), notices: []))
            }
        }

        private func report(_ view: SettingsCheckView) throws {
            if format.json {
                Output.print(try Output.json(view))
            } else {
                var lines = view.problems + view.notices.map { "Notice: \($0)" }
                if view.problems.isEmpty, view.file == nil {
                    lines.insert(
                        "No file was read: \(SettingsLoader.defaultFile) is not here and none is named. The defaults are "
                            + "right.", at: 0)
                } else if lines.isEmpty {
                    lines = ["The settings are right."]
                }
                Output.print(lines.map { Table.visible($0) + "\n" }.joined())
            }
            if !view.problems.isEmpty { throw ExitCode(CommandFailure.Code.problems.rawValue) }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the value of every setting and where it was made. Secrets are masked.")

        @Option(help: SettingsLoader.fileHelp)
        var config: String?

        @OptionGroup var format: FormatOptions

        func run() throws {
            let rows = SettingsListing(try SettingsLoader().load(file: config)).rows
            guard !format.json else { return Output.print(try Output.json(rows)) }
            var table = Table(["SETTING", "VALUE", "FROM"])
            for row in rows { table.add([row.setting, row.value ?? "–", row.from]) }
            Output.print(table.text)
        }
    }

    struct Reference: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print what can be set, as Markdown.")

        func run() {
            Output.print(SettingsReference.markdown)
        }
    }
}

private struct SettingsCheckView: Encodable {
    /// What was read; `nil` if there was none or it was not read to its end.
    let file: String?
    let problems: [String]
    let notices: [String]
}
