internal import Access
internal import ArgumentParser
internal import Filtering
internal import Foundation
internal import Gateway
internal import JSON
internal import Storage

/// Under which policy texts are scanned.
struct ScanOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Whose policy: `production` or `sandbox`.", valueName: "stage"))
    var stage = StageArgument.production

    @Option(help: ArgumentHelp("The application whose own rules count, too.", valueName: "id"))
    var application: String?

    @Option(help: ArgumentHelp("Settings file, for rules and guidelines.", valueName: "file"))
    var config: String?

    enum StageArgument: String, ExpressibleByArgument, CaseIterable {
        case sandbox, production
    }

    func plan(pieceBytes: Int? = nil) throws -> ScanPlan {
        try .make(stage, application, config: config, pieceBytes: pieceBytes)
    }
}

extension ScanPlan {
    /// As the settings say, with what flags name in place of it.
    static func make(
        _ stage: ScanOptions.StageArgument, _ application: String?, config: String?, flags: [FlagSetting] = [],
        pieceBytes: Int? = nil
    ) throws -> ScanPlan {
        let settings = try SettingsLoader(flags: flags, readsCredentials: false).load(file: config)
        let policy = try PolicyLoader(settings: settings).policy()
        let holdBackBytesMax = settings.effective.integer("filter.hold_back_bytes_max")
        if let application, ApplicationID(application)?.description != application {
            throw CommandFailure("“\(application)” is no application's id. See `steward applications list`.", .usage)
        }
        return try ScanPlan(
            policy, stage == .sandbox ? .sandbox : .production, application, holdBackBytesMax: holdBackBytesMax,
            pieceBytes: pieceBytes)
    }
}

extension FilterCommand {
    struct Scan: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Scan texts from standard input, a line of JSON each.",
            discussion: """
                A line is an object with a `text`, and perhaps an `id` and a `role` (`user`, `assistant`, `tool` or \
                `system`; `user` where there is none). What an assistant says is judged as a completion, all else as part \
                of a prompt. For each comes a line, in order:

                  {"id": …, "verdict": "redact", "scores": {"hate": 0.003, …, "pii.card": 1}, "language": "en", \
                "findings": [{"category": "pii.card", "score": 1, "start": 11, "end": 30, "rule": "pii/card-number", \
                "verdict": "redact", "clause": …}], "redacted": "…"}

                `start` and `end` count Unicode scalars of the text. The classifier gives each of its categories a score \
                from 0 to 1, whether or not a rule asks for it; what a pattern finds has the score 1. Another category that \
                is not among the scores was not found, unless there are more than 64 findings, of which the first are told. \
                `language` is BCP 47, or `und`. `redacted` is the text as it would be passed on. \
                `not_evaluated` stands where some of the text was not judged: `language` where it is in a script of which \
                the classifier says nothing, `encoding` where more stands encoded than is read. A line that is no such \
                object gets {"line": …, "error": …} instead, and the exit code is 1 then.

                EXAMPLES
                  steward filter scan < texts.jsonl > findings.jsonl
                  jq -c '{id: .request_id, text: .answer, role: "assistant"}' log.jsonl | steward filter scan --stream 16
                """)

        @Option(
            name: .customLong("stream"),
            help: ArgumentHelp(
                "Give each text to the filter in pieces of so many bytes, as a stream brings it.", valueName: "bytes"))
        var pieceBytes: Int?

        @Option(help: ArgumentHelp("Threads; as many as there are cores unless given.", valueName: "count"))
        var threads: Int?

        @OptionGroup var options: ScanOptions

        func validate() throws {
            if let pieceBytes, pieceBytes < 1 { throw ValidationError("Write a number above 0 after --stream.") }
            if let threads, !(1...256).contains(threads) {
                throw ValidationError("Write a number from 1 to 256 after --threads.")
            }
        }

        func run() throws {
            let plan = try options.plan(pieceBytes: pieceBytes)
            let pipeline = ScanPipeline(threads: threads ?? ProcessInfo.processInfo.activeProcessorCount) {
                let scanner = TextScanner(plan)
                return { (line: ScanLine) in scanner.scan(line).json(of: line) }
            }
            let count = try pipeline.scan(LineSource(STDIN_FILENO)) { entries in
                Output.write(entries.reduce(into: []) { $0 += $1.line + [0x0A] })
            }
            guard count.faults > 0 else { return }
            Output.warn(
                "\(count.faults) of \(count.lines) lines were not scanned; see those with `error` in the output.")
            throw ExitCode(CommandFailure.Code.problems.rawValue)
        }
    }

    struct Explain: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what the filter sees in one text, and why.",
            discussion: """
                Shows the text as rules read it (`normalised` for numbers and secrets, `skeleton` for words), what they \
                found, and what follows from it under which clause.

                EXAMPLES
                  steward filter explain letter.txt
                  echo 'My card is 4111 1111 1111 1111.' | steward filter explain --role assistant
                """)

        @Argument(help: ArgumentHelp("A file with the text; standard input unless given.", valueName: "file"))
        var file: String?

        @Option(help: ArgumentHelp("Who says it: `user`, `assistant`, `tool` or `system`.", valueName: "role"))
        var role = ScanLine.Role.user

        @OptionGroup var options: ScanOptions
        @OptionGroup var format: FormatOptions

        func run() throws {
            let text = try file.map(TextFile.read) ?? TextFile.readStandardInput()
            let explanation = TextScanner(try options.plan()).explain(Array(text.utf8), role)
            Output.print(format.json ? try Output.json(explanation) : explanation.text)
        }
    }
}

extension ScanLine.Role: ExpressibleByArgument {}

extension ScanPipeline<[UInt8]>.Entry {
    /// The report, or what stands in its place.
    fileprivate var line: [UInt8] {
        switch self {
        case .report(let line): return line
        case .fault(let number, let message):
            var writer = JSONWriter()
            writer.object { writer in
                writer.key("line" as StaticString)
                writer.int(number)
                writer.key("error" as StaticString)
                writer.string(message)
            }
            return writer.bytes
        }
    }
}
