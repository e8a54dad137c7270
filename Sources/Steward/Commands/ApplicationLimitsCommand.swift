internal import Access
internal import ArgumentParser
internal import Limits

extension ApplicationsCommand {
    /// `steward applications limits`
    struct LimitsOf: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "limits", abstract: "Show or set an application's limits.",
            discussion: """
                Without an option it shows them. A number sets a limit of its own; `default` goes back to its stage's. \
                A running server follows within a second.

                EXAMPLES
                  steward applications limits "Help desk"
                  steward applications limits "Help desk" --requests-per-minute 120 --tokens-per-day default
                """)

        @Argument(help: "Its id or its name.")
        var application: String

        @Option(help: "Requests per minute: a number, or default.")
        var requestsPerMinute: LimitArgument?

        @Option(help: "Tokens of prompt and completion per minute: a number, or default.")
        var tokensPerMinute: LimitArgument?

        @Option(help: "Requests at once: a number, or default.")
        var concurrentRequests: LimitArgument?

        @Option(help: "Tokens within 24 hours: a number, or default.")
        var tokensPerDay: LimitArgument?

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let view = try await store.withStore { open in
                let found = try await open.application(application)
                let limits = changed(found.limits)
                if limits != found.limits { try await open.access.applications.setLimits(found.id, to: limits) }
                return ApplicationView(
                    try await open.application(found.id.description), defaults: open.settings.limits)
            }
            guard !format.json else { return Output.print(try Output.json(view)) }
            var table = Table(["LIMIT", "VALUE", "FROM"], rightAligned: ["VALUE"])
            for (row, own) in zip(view.limits.rows, view.ownLimits.rows) {
                table.add([
                    row.0, row.1.map(String.init) ?? "unlimited", own.1 == nil ? "stage \(view.stage)" : "application",
                ])
            }
            Output.print(table.text)
        }

        private func changed(_ limits: LimitSettings) -> LimitSettings {
            var limits = limits
            if let requestsPerMinute { limits.requestsPerMinute = requestsPerMinute.limit }
            if let tokensPerMinute { limits.tokensPerMinute = tokensPerMinute.limit }
            if let concurrentRequests { limits.concurrentRequests = concurrentRequests.limit }
            if let tokensPerDay { limits.tokensPerDay = tokensPerDay.limit }
            return limits
        }
    }
}

/// A number, or `default`.
struct LimitArgument: ExpressibleByArgument, Hashable {
    let limit: Int?

    init?(argument: String) {
        if argument == "default" {
            limit = nil
        } else if let number = Int(argument), number >= 0 {
            limit = number
        } else {
            return nil
        }
    }
}
