internal import ArgumentParser
internal import Foundation

/// `steward upstreams`
struct UpstreamsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upstreams", abstract: "Show the upstreams of the running gateway: state, load and failures.",
        discussion: """
            Asks the telemetry listener of a running `steward serve`: the one that its ready file names, or --telemetry, or \
            without both the one of the settings (telemetry.host and telemetry.port).

            STATES
              available          gets requests
              cooling            asked to be left alone, or has used up its rate limit; asked only where all others are worse
              breaker open       failed too often of late
              breaker half open  the next request is its trial
              unhealthy          fails its health checks

            One server that several models name stands under each of them, with what all of them together ask of it.

            EXAMPLES
              steward upstreams
              steward upstreams --ready-file /run/steward.json
              steward upstreams --telemetry http://10.0.0.5:8082 --json
            """)

    @Option(help: ArgumentHelp("What `steward serve --ready-file` wrote.", valueName: "file"))
    var readyFile: String?

    @Option(help: ArgumentHelp("Address of the telemetry listener.", valueName: "url"))
    var telemetry: String?

    @Option(help: SettingsLoader.fileHelp)
    var config: String?

    @OptionGroup var format: FormatOptions

    func validate() throws {
        if readyFile != nil, telemetry != nil {
            throw ValidationError("--ready-file and --telemetry both say where the gateway is. Give one of them.")
        }
    }

    func run() async throws {
        let view = try await UpstreamsView.fetch(from: try address())
        Output.print(format.json ? try Output.json(view) : view.text)
    }

    private func address() throws -> UpstreamURL {
        if let telemetry { return try Self.url(telemetry, "--telemetry") }
        if let readyFile {
            struct Ready: Decodable { let telemetry: String }
            guard let text = try? Data(contentsOf: URL(fileURLWithPath: readyFile)) else {
                throw CommandFailure(
                    "The ready file \(readyFile) can't be read. Name the one that `steward serve --ready-file` writes, or "
                        + "give --telemetry.", .noInput)
            }
            guard let ready = try? JSONDecoder().decode(Ready.self, from: text) else {
                throw CommandFailure("\(readyFile) is no ready file of `steward serve`.", .noInput)
            }
            return try Self.url(ready.telemetry, "The ready file")
        }
        let listener = try SettingsLoader(readsCredentials: false).load(file: config).telemetry
        guard listener.port != 0 else {
            throw CommandFailure(
                "`telemetry.port` is 0, so only the process knows its port. Give --ready-file or --telemetry.", .usage)
        }
        return try Self.url(Addresses.url(host: listener.host, port: listener.port), "The telemetry listener")
    }

    private static func url(_ text: String, _ source: String) throws -> UpstreamURL {
        do throws(URLComplaint) {
            return try UpstreamURL(text)
        } catch {
            throw CommandFailure("\(source) \(error.message). Write \(SettingKind.url.advice).", .usage)
        }
    }
}
