internal import ArgumentParser
internal import Foundation

/// The version of this build.
enum StewardVersion {
    static let current = "0.1.0"
}

/// `steward`
@main
struct StewardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steward",
        abstract: "A gateway in front of language models that enforces guidelines, limits and filters.",
        discussion: """
            Callers change one base URL; every request then passes authentication, limits and filters, and every \
            decision is on record. Begin with:

              steward serve              serve; a first run prints a key and examples
              steward config reference   what can be set, and where
              steward keys list          who may call

            SHELL COMPLETIONS
              steward --generate-completion-script bash|zsh|fish prints them. Put them into
                bash   ~/.local/share/bash-completion/completions/steward
                zsh    a file named _steward in a folder of $fpath
                fish   ~/.config/fish/completions/steward.fish

            EXIT CODES
               0  done
               1  a check found problems
              64  the command was written wrongly
              66  what was named does not exist
              69  a server is away
              70  a mistake in Steward
              71  the system refused
              74  the disk failed
              75  held by another process; try again
              77  no permission
              78  the settings are wrong
            """,
        version: StewardVersion.current,
        subcommands: [
            ServeCommand.self, ConfigCommand.self, OrganisationsCommand.self, ApplicationsCommand.self,
            KeysCommand.self, TokensCommand.self, UsageCommand.self, UpstreamsCommand.self, RecordsCommand.self,
            DatabaseCommand.self,
            FilterCommand.self, GuidelinesCommand.self, RehearseCommand.self, VersionCommand.self,
        ])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error where Self.isOurs(error) {
            let failure = CommandFailure(error)
            let lines = failure.message.split(separator: "\n", omittingEmptySubsequences: false).map {
                Table.visible(String($0))
            }
            // Several problems stand as they are, so that editors find their places.
            let text =
                lines.count > 1
                ? lines.joined(separator: "\n") + "\nsteward: Nothing was done." : "steward: " + lines[0]
            FileHandle.standardError.write(Data((text + "\n").utf8))
            Foundation.exit(failure.code.rawValue)
        } catch {
            exit(withError: error)
        }
    }

    /// The parser's own errors are `CleanExit`, `ExitCode`, `ValidationError` and types that it keeps to itself.
    private static func isOurs(_ error: any Error) -> Bool {
        if error is ExitCode || error is CleanExit || error is ValidationError { return false }
        return exitCode(for: error) == .failure
    }
}

/// `steward version`
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        Output.print(
            json ? try Output.json(["version": StewardVersion.current]) : "steward \(StewardVersion.current)\n")
    }
}
