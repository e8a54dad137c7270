internal import Access
internal import ArgumentParser
internal import Storage

/// `steward organisations`
struct OrganisationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "organisations", abstract: "Make, list, limit, suspend and restore organisations.",
        discussion: "An organisation answers for its applications. Suspending it stops all their keys within a second.",
        subcommands: [Create.self, List.self, LimitsOf.self, Suspend.self, Restore.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an organisation.", discussion: "EXAMPLE\n  steward organisations create \"Example Ltd\"")

        @Argument(help: "Its name, unique; 1 to 100 characters.")
        var name: String

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let view = try await store.withStore(isCreating: true) { open in
                OrganisationView(
                    try await open.access.organisations.create(name: name, at: .now), defaults: open.settings.limits)
            }
            Output.print(
                format.json
                    ? try Output.json(view) : "Made the organisation \(Table.visible(view.name)): \(view.id)\n")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List organisations.")

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let views = try await store.withStore { open in
                try await open.access.organisations.list().map {
                    OrganisationView($0, defaults: open.settings.limits)
                }
            }
            guard !format.json else { return Output.print(try Output.json(views)) }
            var table = Table(["ORGANISATION", "NAME", "STANDING", "MADE"])
            for view in views { table.add([view.id, view.name, view.standing, view.createdAt]) }
            Output.print(
                views.isEmpty
                    ? "There are no organisations yet. Make one with `steward organisations create NAME`.\n"
                    : table.text)
        }
    }

    struct Suspend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Suspend an organisation: none of its keys is served, from a second on.")

        @Argument(help: "Its id or its name.")
        var organisation: String

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            try await OrganisationsCommand.set(organisation, to: .suspended, store, format)
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give an organisation its good standing back.")

        @Argument(help: "Its id or its name.")
        var organisation: String

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            try await OrganisationsCommand.set(organisation, to: .good, store, format)
        }
    }

    private static func set(
        _ text: String, to standing: Standing, _ store: StoreOptions, _ format: FormatOptions
    ) async throws {
        let view = try await store.withStore { open in
            let found = try await open.organisation(text)
            try await open.access.organisations.setStanding(found.id, to: standing)
            return OrganisationView(
                try await open.organisation(found.id.description), defaults: open.settings.limits)
        }
        Output.print(format.json ? try Output.json(view) : "\(Table.visible(view.name)) is now \(view.standing).\n")
    }
}

/// An organisation as commands print it.
struct OrganisationView: Encodable {
    let id: String
    let name: String
    let standing: String
    /// Its own where it has them, else those of the settings.
    let limits: LimitsView
    let ownLimits: LimitsView
    let createdAt: String

    init(_ organisation: Organisation, defaults: LimitDefaults) {
        id = organisation.id.description
        name = organisation.name
        standing = organisation.standing.rawValue
        limits = LimitsView(defaults.organisation.overridden(by: organisation.limits))
        ownLimits = LimitsView(organisation.limits)
        createdAt = organisation.createdAt.iso8601
    }
}
