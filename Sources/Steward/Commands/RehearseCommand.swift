internal import ArgumentParser
internal import Logging
internal import NIOCore
internal import Rehearsal
internal import ServiceLifecycle
internal import Storage
internal import Telemetry

/// `steward rehearse`
struct RehearseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rehearse", abstract: "Serve the rehearsal model alone.",
        discussion: """
            A server that speaks OpenAI's dialect (chat, completions, responses, embeddings, audio transcriptions, image \
            generations) and Anthropic's (messages, token counts), and is no language model: its answers are made of \
            the prompt, the same each time. It can be slow, break off, answer with errors or say what a filter must find, by options behind \
            the model's name or in the header x-rehearsal:

              \(Behaviour.options.joined(separator: ", "))

            docs/reference/rehearsal.md says what each does.

            EXAMPLES
              steward rehearse --port 9000
              curl http://127.0.0.1:9000/v1/chat/completions -H "Content-Type: application/json" \\
                -d '{"model": "rehearsal?ttft=200ms&rate=50", "messages": [{"role": "user", "content": "Hi"}]}'
            """)

    @Option(help: "Where to listen.")
    var host = "127.0.0.1"

    @Option(help: "The port; 0 takes a free one.")
    var port = 9000

    @Option(help: "Event loops, one thread each.")
    var threads = 1

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port is a number from 0 to 65535.") }
        guard (1...256).contains(threads) else { throw ValidationError("--threads is a number from 1 to 256.") }
    }

    func run() async throws {
        ProcessLimits.prepare()
        let output = LogOutput(format: .text, levels: LogLevels(.warning), now: { Timestamp.now.microseconds })
        LoggingSystem.bootstrap(output.handler)
        let server = RehearsalServer(
            configuration: RehearsalConfiguration(host: host, port: port, threads: threads),
            logger: Logger(label: "steward.rehearsal")
        ) { running in
            Output.print("The rehearsal model listens on \(running.baseURL)/v1. It is no language model.\n")
        }
        let listener = ListenerService(
            name: "rehearsal model", place: "\(host):\(port)", portFlag: "--port", base: server)
        var configuration = ServiceGroupConfiguration(
            services: [.init(service: listener)], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "steward.services"))
        configuration.maximumGracefulShutdownDuration = .seconds(15)
        try await ServiceGroup(configuration: configuration).run()
        output.flush()
    }
}
