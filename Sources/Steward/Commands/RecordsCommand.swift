internal import ArgumentParser
internal import Records
internal import Storage

/// `steward records`
struct RecordsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "records", abstract: "Read the records of decisions.",
        discussion:
            "A record says who asked what of which model, what was found, decided and used; never what was said.",
        subcommands: [Tail.self, Show.self])

    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the latest records; with -f, go on.",
            discussion: """
                An exchange is on record once its answer has ended, and reaches the store within a second or so. \
                NOTES say what refused it and what was found: category, verdict, times, and in which side.
                With --json, one object a line.

                EXAMPLES
                  steward records tail -f --outcome blocked
                  steward records tail -n 1000 --json | jq -c 'select(.status >= 500)'
                """)

        @Flag(name: [.customShort("f"), .long], help: "Go on with what comes, until interrupted.")
        var follow = false

        @Option(name: [.customShort("n"), .long], help: "How many of the latest.")
        var lines = 20

        @Option(help: "Only this application's (id or name).")
        var application: String?

        @Option(help: "Only of this model.")
        var model: String?

        @Option(help: "Only with this outcome.")
        var outcome: OutcomeArgument?

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func validate() throws {
            guard (0...1_000_000).contains(lines) else { throw ValidationError("-n is a number from 0 to 1000000.") }
        }

        func run() async throws {
            try await store.withStore { open in
                var filter = RecordFilter(model: model, outcome: outcome?.outcome)
                if let application { filter.application = try await open.application(application).id }
                let names = Dictionary(
                    uniqueKeysWithValues: try await open.access.applications.list().map { ($0.id, $0.name) })
                let printer = RecordPrinter(names: names, json: format.json)
                // Where to go on is the last record of all, not the last that matches. What comes between the two looks
                // would be shown twice, so it is left out the second time.
                var last = try await open.records.tail(limit: 1).last?.admission.record
                let records = lines == 0 ? [] : try await open.records.tail(limit: lines, filter: filter)
                let shown = Set(records.map(\.admission.record))
                printer.printHeader()
                try records.forEach(printer.print)
                while follow, !Task.isCancelled {
                    try await Task.sleep(for: .milliseconds(500))
                    let next = try await open.records.tail(after: last, limit: 1_000)
                    last = next.last?.admission.record ?? last
                    try next.filter { RecordText.matches($0, filter) && !shown.contains($0.admission.record) }
                        .forEach(printer.print)
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show all that is on record of one exchange.",
            discussion: "EXAMPLE\n  steward records show req_01jdb3k6y8v4m2n7q9r5s1t3w6")

        @Argument(help: "The x-request-id of its answer.")
        var id: String

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            guard let id = RecordID(self.id) else {
                throw CommandFailure(
                    "“\(self.id)” is no request id. Write one like req_01jdb3k6y8v4m2n7q9r5s1t3w6.", .usage)
            }
            let (record, name) = try await store.withStore { open in
                guard let record = try await open.records.record(id) else {
                    throw CommandFailure(
                        "There is no record \(id). Its exchange may still be running or be older than retention keeps; "
                            + "requests without a valid key or to an unknown path leave no record.", .noInput)
                }
                var name: String?
                if let application = record.admission.application {
                    name = try await open.access.applications.find(application)?.name
                }
                return (record, name)
            }
            let view = RecordView(record, applicationName: name)
            Output.print(format.json ? try Output.json(view) : RecordText.sheet(view))
        }
    }
}

/// An outcome by its name.
struct OutcomeArgument: ExpressibleByArgument, Hashable {
    let outcome: Outcome

    init?(argument: String) {
        guard let outcome = Outcome(name: argument) else { return nil }
        self.outcome = outcome
    }

    static var allValueStrings: [String] { Outcome.allCases.map(\.name) }
}
