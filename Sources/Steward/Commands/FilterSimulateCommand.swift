internal import ArgumentParser
internal import Filtering
internal import Foundation
internal import Gateway
internal import JSON
internal import Records
internal import Snapshots

extension FilterCommand {
    struct Simulate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what a changed policy would judge otherwise, before it is switched on.",
            discussion: """
                Judges texts from standard input under the policy in force and under a draft: one or more of --policy, \
                --guidelines and --rules stand in place of what the settings name. A line is as for `filter scan`, and may \
                have a `group` and a `label`, by which changes are told apart.

                With --records it judges anew what the latest records say was found. Records have no text, so what a new \
                rule or word would find in that traffic can't be told: the share that had text is printed.

                EXAMPLES
                  steward filter simulate --policy draft.yaml < texts.jsonl
                  steward filter simulate --guidelines draft.yaml --records 100000
                """)

        @Option(help: ArgumentHelp("A draft in place of filter.policy.", valueName: "file"))
        var policy: String?

        @Option(help: ArgumentHelp("A draft in place of guidelines.file.", valueName: "file"))
        var guidelines: String?

        @Option(help: ArgumentHelp("Drafts in place of filter.rules.", valueName: "file"))
        var rules: [String] = []

        @Option(
            help: ArgumentHelp("Judge what so many of the latest records say, instead of texts.", valueName: "count"))
        var records: Int?

        @Option(
            help: ArgumentHelp(
                "Write each text that is judged otherwise to this new file, a line of JSON each.", valueName: "file"))
        var changes: String?

        @Option(help: ArgumentHelp("Of texts, whose policy: `production` or `sandbox`.", valueName: "stage"))
        var stage = ScanOptions.StageArgument.production

        @Option(help: ArgumentHelp("Of texts, the application whose own rules count, too.", valueName: "id"))
        var application: String?

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func validate() throws {
            if policy == nil, guidelines == nil, rules.isEmpty {
                throw ValidationError("Name a draft: --policy, --guidelines or --rules.")
            }
            if let records, !(1...10_000_000).contains(records) {
                throw ValidationError("Write a number from 1 to 10000000 after --records.")
            }
            if records != nil, changes != nil { throw ValidationError("--changes tells of texts, not of records.") }
        }

        func run() async throws {
            let report = try await records == nil ? ofTexts() : ofRecords()
            Output.print(format.json ? try Output.json(report) : report.text)
        }

        private var drafts: [FlagSetting] {
            [("filter.policy", "--policy", policy), ("guidelines.file", "--guidelines", guidelines)].compactMap {
                path, flag, file in file.map { FlagSetting(path: path, flag: flag, texts: [$0]) }
            } + (rules.isEmpty ? [] : [FlagSetting(path: "filter.rules", flag: "--rules", texts: rules)])
        }

        private func draftPolicy() throws -> Policy {
            try PolicyLoader(
                settings: SettingsLoader(flags: drafts, readsCredentials: false).load(file: store.config)
            ).policy()
        }

        // MARK: - Texts

        private func ofTexts() throws -> SimulationReport {
            let options = { (flags: [FlagSetting]) in
                try ScanPlan.make(stage, application, config: store.config, flags: flags)
            }
            let (before, after) = (try options([]), try options(drafts))
            let sink = try ChangeSink(file: changes)
            let pipeline = ScanPipeline(threads: ProcessInfo.processInfo.activeProcessorCount) {
                let comparison = PolicyComparison(before, after)
                return { (line: ScanLine) in (line.id, comparison.change(of: line)) }
            }
            let count = try pipeline.scan(LineSource(STDIN_FILENO)) { sink.take($0) }
            let tally = try sink.finish()
            if count.faults > 0 {
                Output.warn("\(count.faults) of \(count.lines) lines are no texts; `filter scan` says why.")
            }
            return SimulationReport(tally, of: .texts)
        }

        // MARK: - Records

        private func ofRecords() async throws -> SimulationReport {
            let replay = RecordReplay(try draftPolicy())
            let limit = records ?? 0
            let tally = try await store.withStore { open in
                let names = Dictionary(
                    uniqueKeysWithValues: try await open.access.applications.list().map { ($0.id, $0.name) })
                var tally = SimulationTally()
                for record in try await open.records.tail(limit: limit) {
                    let application = record.admission.application
                    let group = application.map { names[$0] ?? $0.description } ?? ""
                    for change in replay.changes(of: record, group: group) { tally.add(change) }
                }
                return tally
            }
            return SimulationReport(tally, of: .records)
        }
    }
}

/// Counts changes as they come, and writes them to a file where one is named. One thread at a time.
private final class ChangeSink: Sendable {
    private struct State {
        var tally = SimulationTally()
        var failed = false
    }

    private let state = Lock(State())
    private let file: FileHandle?

    init(file path: String?) throws {
        guard let path else {
            file = nil
            return
        }
        // Never in the place of something else: perhaps of the draft.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw CommandFailure(
                "The file \(path) can't be made: \(String(cString: strerror(errno))). Name one that is not there.",
                .inputOutput)
        }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    func take(_ entries: [ScanPipeline<([UInt8], SimulatedChange)>.Entry]) -> Int32? {
        var lines: [UInt8] = []
        state.withLock { state in
            for case .report((let id, let change)) in entries {
                state.tally.add(change)
                if file != nil, change.before != change.after { lines += change.json(id: id) + [0x0A] }
            }
        }
        guard let file, !lines.isEmpty else { return nil }
        return (try? file.write(contentsOf: lines)) == nil ? EIO : nil
    }

    func finish() throws -> SimulationTally {
        try file?.close()
        return state.withLock { $0.tally }
    }
}

extension SimulatedChange {
    fileprivate func json(id: [UInt8]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("id" as StaticString)
            writer.raw(id)
            writer.key("side" as StaticString)
            writer.string(side.name)
            writer.key("before" as StaticString)
            writer.string(before.name)
            writer.key("after" as StaticString)
            writer.string(after.name)
            writer.key("clause" as StaticString)
            if let clause { writer.string(clause) } else { writer.null() }
        }
        return writer.bytes
    }
}
