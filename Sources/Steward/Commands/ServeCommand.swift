internal import ArgumentParser

/// `steward serve`
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve the gateway, the desk and telemetry.",
        discussion: """
            Serves until SIGTERM or SIGINT; running answers then finish within gateway.http.drain_timeout, and what they \
            did reaches the store. SIGHUP makes it read settings, rules and guidelines again. On a first run it makes an \
            organisation, a sandbox application and a key, and prints the key with examples that work when pasted. Logs \
            go to standard error.

            Without models in steward.yaml and without --upstream, the built-in rehearsal model answers. It is no \
            language model; it is there to try out clients, faults and filters. See `steward rehearse --help`.

            EXAMPLES
              steward serve
              steward serve --upstream http://127.0.0.1:8000
              steward serve --config /etc/steward/steward.yaml --data /var/lib/steward --ready-file /run/steward.json
              steward serve --database postgres://steward@db.internal/steward?sslmode=verify-full
              STEWARD_GATEWAY_PORT=9000 steward serve --observe-only
            """)

    @Option(
        help: ArgumentHelp(
            "Folder of the store, the journal and the digest key (default: ./data).", valueName: "folder"))
    var data: String?

    @Option(help: StoreOptions.databaseHelp)
    var database: String?

    @Option(help: SettingsLoader.fileHelp)
    var config: String?

    @Option(
        help: ArgumentHelp(
            "Written once connections are accepted, mode 0600: JSON with the addresses, the process id and, on a first "
                + "run, the sandbox key.", valueName: "file"))
    var readyFile: String?

    @Option(help: ArgumentHelp("Serve the models of this server in place of configured ones.", valueName: "url"))
    var upstream: String?

    @Option(
        help: ArgumentHelp("A model of --upstream (default: all that it lists); may be repeated.", valueName: "name"))
    var upstreamModel: [String] = []

    @Option(help: ArgumentHelp("Variable that holds the API key of --upstream.", valueName: "variable"))
    var upstreamCredentialEnv: String?

    @Option(
        help: ArgumentHelp(
            "What the examples of a first run call: chat, or completions, for base models.", valueName: "call"))
    var example = ExampleCall.chat

    @Option(help: ArgumentHelp("Where the gateway listens.", valueName: "host"))
    var host: String?

    @Option(help: "Port of the gateway; 0 takes a free one.")
    var port: String?

    @Option(help: ArgumentHelp("Port of the desk.", valueName: "port"))
    var deskPort: String?

    @Option(help: ArgumentHelp("Port of metrics and health.", valueName: "port"))
    var telemetryPort: String?

    @Option(help: ArgumentHelp("Event loops of the gateway.", valueName: "number"))
    var threads: String?

    @Flag(help: "Decide and record, but enforce no guideline, filter or limit.")
    var observeOnly = false

    @Option(help: ArgumentHelp("text or json.", valueName: "format"))
    var logFormat: String?

    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel: String?

    /// The flags as settings; the catalogue checks them.
    var flags: [FlagSetting] {
        var flags: [FlagSetting] = []
        for (path, flag, value) in [
            ("data.dir", "--data", data), ("database.url", "--database", database), ("gateway.host", "--host", host),
            ("gateway.port", "--port", port),
            ("desk.port", "--desk-port", deskPort), ("telemetry.port", "--telemetry-port", telemetryPort),
            ("gateway.threads", "--threads", threads), ("log.format", "--log-format", logFormat),
            ("log.level", "--log-level", logLevel),
        ] {
            if let value { flags.append(FlagSetting(path: path, flag: flag, texts: [value])) }
        }
        if observeOnly {
            flags.append(FlagSetting(path: "gateway.observe_only", flag: "--observe-only", texts: ["true"]))
        }
        return flags
    }

    func validate() throws {
        if upstream == nil, !upstreamModel.isEmpty || upstreamCredentialEnv != nil {
            throw ValidationError("--upstream-model and --upstream-credential-env need --upstream.")
        }
    }

    func run() async throws {
        let loader = SettingsLoader(flags: flags)
        let settings = try loader.load(file: config)
        let choice = try upstream.map { try self.choice($0, environment: loader.environment) }
        try await Composition(
            reader: ConfigurationReader(loader: loader, file: config, servesModels: choice == nil), settings: settings,
            upstream: choice, example: example, readyFile: readyFile
        ).serve()
    }

    private func choice(_ text: String, environment: [String: String]) throws -> UpstreamChoice {
        let url: UpstreamURL
        do throws(URLComplaint) {
            url = try UpstreamURL(text)
        } catch {
            throw CommandFailure("--upstream \(error.message). Write \(SettingKind.url.advice).", .configuration)
        }
        var credential: CredentialText?
        if let name = upstreamCredentialEnv {
            do throws(ValueComplaint) {
                _ = try SettingKind.secretVariable.read(
                    [name], for: "--upstream-credential-env", environment: environment)
            } catch {
                throw CommandFailure("\(error.message) \(error.advice)", .configuration)
            }
            credential = CredentialText(environment[name] ?? "")
            guard credential != nil else {
                throw CommandFailure(
                    "--upstream-credential-env names a variable whose value can't be sent as an API key. "
                        + CredentialText.advice,
                    .configuration)
            }
        }
        return UpstreamChoice(url: url, models: upstreamModel, credential: credential)
    }
}
