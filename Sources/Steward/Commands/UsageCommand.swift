internal import ArgumentParser
internal import Limits
internal import Records
internal import Storage

/// `steward usage`
struct UsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage", abstract: "Show usage by day, application and model.",
        discussion: """
            Days are of UTC. What was asked in the last moments may not be in it yet. The cost is at the prices of the \
            time, of models that had one.

            EXAMPLES
              steward usage
              steward usage --from 2026-11-01 --to 2026-11-30 --application "Help desk" --json
            """)

    @Option(help: ArgumentHelp("First day, like 2026-11-01 (default: 30 days ago).", valueName: "day"))
    var from: DayArgument?

    @Option(help: ArgumentHelp("Last day (default: today).", valueName: "day"))
    var to: DayArgument?

    @Option(help: "Only this application's (id or name).")
    var application: String?

    @OptionGroup var store: StoreOptions
    @OptionGroup var format: FormatOptions

    func run() async throws {
        let now = Timestamp.now
        let first = from?.day ?? Day(containing: now.adding(.seconds(-30 * 86_400)))
        let last = to?.day ?? Day(containing: now)
        guard first <= last else { throw ValidationError("--from is after --to.") }
        let (views, currency) = try await store.withStore { open in
            var id: ApplicationID?
            if let application { id = try await open.application(application).id }
            let names = Dictionary(
                uniqueKeysWithValues: try await open.access.applications.list().map { ($0.id, $0.name) })
            let currency = open.settings.currency
            let views = try await open.records.usage(from: first, through: last, application: id).map { usage in
                UsageView(usage, name: usage.application.flatMap { names[$0] }, currency: currency)
            }
            return (views, currency)
        }
        guard !format.json else { return Output.print(try Output.json(views)) }
        let numbers = [
            "REQUESTS", "REFUSED", "BLOCKED", "FAILED", "INPUT TOKENS", "OUTPUT TOKENS", "COST (\(currency))",
        ]
        var table = Table(["DAY", "APPLICATION", "MODEL", "STAGE"] + numbers, rightAligned: Set(numbers))
        for view in views {
            table.add(
                [view.day, view.applicationName ?? view.application ?? "–", view.model, view.stage]
                    + [view.requests, view.refused, view.blocked, view.failed, view.inputTokens, view.outputTokens].map
                {
                    String($0)
                } + [view.cost?.description ?? "–"])
        }
        Output.print(views.isEmpty ? "Nothing was used from \(first) to \(last).\n" : table.text)
    }
}

/// A day like `2026-11-24`.
struct DayArgument: ExpressibleByArgument, Hashable {
    let day: Day

    init?(argument: String) {
        guard let day = Day(argument) else { return nil }
        self.day = day
    }
}

/// Usage as the command prints it.
struct UsageView: Encodable {
    let day: String
    let application: String?
    let applicationName: String?
    let model: String
    let stage: String
    let requests: Int
    let refused: Int
    let blocked: Int
    let failed: Int
    let inputTokens: Int
    let outputTokens: Int
    /// At the prices of the time; absent where nothing had a price.
    let cost: Money?
    let currency: String?

    init(_ usage: Usage, name: String?, currency: String) {
        day = usage.day.description
        application = usage.application?.description
        applicationName = name
        model = usage.model
        stage = RecordText.stage(usage.stage)
        requests = usage.requests
        refused = usage.refused
        blocked = usage.blocked
        failed = usage.failed
        inputTokens = usage.inputTokens
        outputTokens = usage.outputTokens
        cost = usage.cost.map { Money(nanos: $0) }
        self.currency = cost == nil ? nil : currency
    }
}
