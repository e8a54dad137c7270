internal import Access
internal import ArgumentParser
internal import Limits
internal import Storage

extension OrganisationsCommand {
    /// `steward organisations limits`
    struct LimitsOf: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "limits",
            abstract: "Show or set the limits of all of an organisation's applications together.",
            discussion: LimitOptions.discussion(
                "goes back to limits.organisation of the settings", #"organisations limits "Example Ltd""#))

        @Argument(help: "Its id or its name.")
        var organisation: String

        @OptionGroup var changes: LimitOptions
        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let view = try await store.withStore { open in
                let found = try await open.organisation(organisation)
                try changes.requirePrices(open.settings)
                let limits = try changes.applied(to: found.limits, below: open.settings.limits.organisation)
                if limits != found.limits { try await open.access.organisations.setLimits(found.id, to: limits) }
                return OrganisationView(
                    try await open.organisation(found.id.description), defaults: open.settings.limits)
            }
            try LimitOptions.show(
                view, view.limits, own: view.ownLimits, from: ("organisation", "settings"), as: format)
        }
    }
}

extension ApplicationsCommand {
    /// `steward applications limits`
    struct LimitsOf: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "limits", abstract: "Show or set an application's limits.",
            discussion: LimitOptions.discussion("goes back to its stage's", #"applications limits "Help desk""#))

        @Argument(help: "Its id or its name.")
        var application: String

        @OptionGroup var changes: LimitOptions
        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let view = try await store.withStore { open in
                let found = try await open.application(application)
                try changes.requirePrices(open.settings)
                let limits = try changes.applied(
                    to: found.limits, below: open.settings.limits.defaults(of: found.stage))
                if limits != found.limits { try await open.access.applications.setLimits(found.id, to: limits) }
                return ApplicationView(
                    try await open.application(found.id.description), defaults: open.settings.limits)
            }
            try LimitOptions.show(
                view, view.limits, own: view.ownLimits, from: ("application", "stage \(view.stage)"), as: format)
        }
    }
}

extension KeysCommand {
    /// `steward keys limits`
    struct LimitsOf: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "limits", abstract: "Show or set a key's own limits, below its application's.",
            discussion: LimitOptions.discussion(
                "takes the limit away", "keys limits key_01jdb3k6y8v4m2n7q9r5s1t3w6"))

        @Argument(help: "The key's id, as `steward keys list` shows it; not its text.")
        var key: String

        @OptionGroup var changes: LimitOptions
        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let id = try KeysCommand.id(key)
            let view = try await store.withStore { open in
                guard let found = try await open.access.keys.find(id) else { throw AccessError.unknownKey(id) }
                try changes.requirePrices(open.settings)
                let limits = try changes.applied(to: found.limits, below: .unlimited)
                if limits != found.limits { try await open.access.keys.setLimits(id, to: limits) }
                return KeyView(try await open.access.keys.find(id) ?? found, at: .now)
            }
            try LimitOptions.show(view, view.limits, own: view.limits, from: ("key", "default"), as: format)
        }
    }
}

/// Limits to set; what is not named stays as it is.
struct LimitOptions: ParsableArguments {
    @Option(help: "Requests per minute: a number, default, or unlimited.")
    var requestsPerMinute: LimitArgument<Int>?

    @Option(help: "Tokens of prompt and completion per minute: a number, default, or unlimited.")
    var tokensPerMinute: LimitArgument<Int>?

    @Option(help: "Requests at once: a number, default, or unlimited.")
    var concurrentRequests: LimitArgument<Int>?

    @Option(help: "Tokens within 24 hours: a number, default, or unlimited.")
    var tokensPerDay: LimitArgument<Int>?

    @Option(help: "Budget of tokens in a day of UTC: a number, default, or unlimited.")
    var budgetTokensPerDay: LimitArgument<Int>?

    @Option(help: "Budget of tokens in a month of UTC: a number, default, or unlimited.")
    var budgetTokensPerMonth: LimitArgument<Int>?

    @Option(help: "Budget of money in a day of UTC: an amount like 12.50, default, or unlimited.")
    var budgetMoneyPerDay: LimitArgument<Money>?

    @Option(help: "Budget of money in a month of UTC: an amount like 12.50, default, or unlimited.")
    var budgetMoneyPerMonth: LimitArgument<Money>?

    /// - Parameter defaults: what holds where no limit of its own is set.
    /// - Throws: `ValidationError` where nothing of its own would still leave a limit that is to be unlimited.
    func applied(to limits: LimitSettings, below defaults: LimitSettings) throws -> LimitSettings {
        var limits = limits
        if let requestsPerMinute { limits.requestsPerMinute = try requestsPerMinute.own(defaults.requestsPerMinute) }
        if let tokensPerMinute { limits.tokensPerMinute = try tokensPerMinute.own(defaults.tokensPerMinute) }
        if let concurrentRequests {
            limits.concurrentRequests = try concurrentRequests.own(defaults.concurrentRequests)
        }
        if let tokensPerDay { limits.tokensPerDay = try tokensPerDay.own(defaults.tokensPerDay) }
        let (own, standard) = (limits.budget, defaults.budget)
        limits.budget = BudgetSettings(
            tokensPerDay: try budgetTokensPerDay.map { try $0.own(standard?.tokensPerDay) } ?? own?.tokensPerDay,
            tokensPerMonth: try budgetTokensPerMonth.map { try $0.own(standard?.tokensPerMonth) }
                ?? own?.tokensPerMonth,
            moneyPerDay: try budgetMoneyPerDay.map { try $0.own(standard?.moneyPerDay) } ?? own?.moneyPerDay,
            moneyPerMonth: try budgetMoneyPerMonth.map { try $0.own(standard?.moneyPerMonth) } ?? own?.moneyPerMonth)
        return limits
    }

    /// - Throws: `ValidationError` where money is to be budgeted and a model has no price: who has the budget could not ask it.
    func requirePrices(_ settings: Settings) throws {
        let budgetsMoney = [budgetMoneyPerDay, budgetMoneyPerMonth].contains { argument in
            if case .number = argument { true } else { false }
        }
        let names = settings.models.filter { $0.prices == nil }.map(\.name)
        guard budgetsMoney, !names.isEmpty else { return }
        throw ValidationError(
            "Who has a budget of money can't ask a model without a price: \(names.joined(separator: ", ")). Write `price:` for "
                + "each into the settings first; 0 where it costs nothing.")
    }

    /// The help of a command that has them.
    static func discussion(_ meaningOfDefault: String, _ command: String) -> String {
        """
        Without an option it shows them. A number sets a limit of its own; `default` \(meaningOfDefault). \
        `unlimited` is taken where no default limits it. A running server follows within a second.

        EXAMPLES
          steward \(command)
          steward \(command) --requests-per-minute 120 --tokens-per-day default
        """
    }

    /// Prints the limits that hold, and whose they are: its own, or those that hold without.
    static func show(
        _ view: some Encodable, _ limits: LimitsView, own: LimitsView, from source: (own: String, fallback: String),
        as format: FormatOptions
    ) throws {
        guard !format.json else { return Output.print(try Output.json(view)) }
        var table = Table(["LIMIT", "VALUE", "FROM"], rightAligned: ["VALUE"])
        for (row, own) in zip(limits.rows, own.rows) {
            table.add([
                row.0, row.1.map(String.init) ?? "unlimited", own.1 == nil ? source.fallback : source.own,
            ])
        }
        for (row, own) in zip(limits.budgetRows, own.budgetRows) {
            table.add([row.0, row.1 ?? "unlimited", own.1 == nil ? source.fallback : source.own])
        }
        Output.print(table.text)
    }
}

extension LimitDefaults {
    fileprivate func defaults(of stage: Stage) -> LimitSettings { stage == .sandbox ? sandbox : production }
}

/// What a limit or a budget is counted in.
protocol LimitAmount: Hashable, Sendable {
    /// Reads what is not negative.
    init?(argument: String)
}

extension Int: LimitAmount {}

extension Money: LimitAmount {
    init?(argument: String) {
        guard let amount = try? Money(parsing: argument) else { return nil }
        self = amount
    }
}

/// A number, `default`, or `unlimited`.
enum LimitArgument<Amount: LimitAmount>: ExpressibleByArgument, Hashable {
    case number(Amount)
    case fallback
    case unlimited

    init?(argument: String) {
        switch argument {
        case "default": self = .fallback
        case "unlimited": self = .unlimited
        default:
            // No amount is negative.
            guard let number = Amount(argument: argument), !argument.hasPrefix("-") else { return nil }
            self = .number(number)
        }
    }

    /// The limit to set; `nil` for none of its own.
    ///
    /// - Throws: `ValidationError` where it is to be unlimited, and `standard` limits whatever has no limit of its own.
    func own(_ standard: Amount?) throws -> Amount? {
        switch self {
        case .number(let number): return number
        case .fallback: return nil
        case .unlimited:
            guard let standard else { return nil }
            throw ValidationError(
                "The default is \(standard), so it can't be unlimited. Set a high number, or change the settings.")
        }
    }
}

/// Limits and budgets as commands print them; an absent one is unlimited.
struct LimitsView: Encodable, Hashable {
    let requestsPerMinute: Int?
    let tokensPerMinute: Int?
    let concurrentRequests: Int?
    let tokensPerDay: Int?
    let budget: BudgetSettings?

    init(_ limits: LimitSettings) {
        requestsPerMinute = limits.requestsPerMinute
        tokensPerMinute = limits.tokensPerMinute
        concurrentRequests = limits.concurrentRequests
        tokensPerDay = limits.tokensPerDay
        budget = limits.budget
    }

    var budgetRows: [(String, String?)] {
        [
            ("budget.tokens_per_day", budget?.tokensPerDay.map(String.init)),
            ("budget.tokens_per_month", budget?.tokensPerMonth.map(String.init)),
            ("budget.money_per_day", budget?.moneyPerDay?.description),
            ("budget.money_per_month", budget?.moneyPerMonth?.description),
        ]
    }

    var rows: [(String, Int?)] {
        [
            ("requests_per_minute", requestsPerMinute), ("tokens_per_minute", tokensPerMinute),
            ("concurrent_requests", concurrentRequests), ("tokens_per_day", tokensPerDay),
        ]
    }
}
