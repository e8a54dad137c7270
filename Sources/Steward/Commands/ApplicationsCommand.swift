internal import Access
internal import ArgumentParser
internal import Limits
internal import Storage

/// `steward applications`
struct ApplicationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "applications", abstract: "Make, list, limit, suspend and restore applications.",
        discussion: "An application is one use of the models. Its keys share its stage, its standing and its limits.",
        subcommands: [Create.self, List.self, LimitsOf.self, Suspend.self, Restore.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an application.",
            discussion: """
                EXAMPLE
                  steward applications create "Help desk" --organisation "Example Ltd" --stage sandbox
                """)

        @Argument(help: "Its name, unique within its organisation.")
        var name: String

        @Option(help: "The organisation's id or name.")
        var organisation: String

        @Option(help: "sandbox to build with; production once its use is approved.")
        var stage = StageArgument.sandbox

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let view = try await store.withStore { open in
                let organisation = try await open.organisation(organisation)
                let made = try await open.access.applications.create(
                    name: name, of: organisation.id, stage: stage.stage, at: .now)
                return ApplicationView(made, defaults: open.settings.limits)
            }
            Output.print(
                format.json ? try Output.json(view) : "Made the application \(Table.visible(view.name)): \(view.id)\n")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List applications.")

        @Option(help: "Only those of this organisation (id or name).")
        var organisation: String?

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let views = try await store.withStore { open in
                var id: OrganisationID?
                if let organisation { id = try await open.organisation(organisation).id }
                return try await open.access.applications.list(of: id).map {
                    ApplicationView($0, defaults: open.settings.limits)
                }
            }
            guard !format.json else { return Output.print(try Output.json(views)) }
            var table = Table(["APPLICATION", "NAME", "ORGANISATION", "STAGE", "STANDING"])
            for view in views { table.add([view.id, view.name, view.organisation, view.stage, view.standing]) }
            Output.print(
                views.isEmpty
                    ? "There are no applications yet. Make one with `steward applications create`.\n" : table.text)
        }
    }

    struct Suspend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Suspend an application: none of its keys is served, from a second on.")

        @Argument(help: "Its id or its name.")
        var application: String

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            try await ApplicationsCommand.set(application, to: .suspended, store, format)
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give an application its good standing back.")

        @Argument(help: "Its id or its name.")
        var application: String

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            try await ApplicationsCommand.set(application, to: .good, store, format)
        }
    }

    private static func set(
        _ text: String, to standing: Standing, _ store: StoreOptions, _ format: FormatOptions
    ) async throws {
        let view = try await store.withStore { open in
            let found = try await open.application(text)
            try await open.access.applications.setStanding(found.id, to: standing)
            return ApplicationView(
                try await open.application(found.id.description), defaults: open.settings.limits)
        }
        Output.print(format.json ? try Output.json(view) : "\(Table.visible(view.name)) is now \(view.standing).\n")
    }
}

/// `sandbox` or `production`
enum StageArgument: String, ExpressibleByArgument, CaseIterable {
    case sandbox, production

    var stage: Stage { self == .sandbox ? .sandbox : .production }
}

/// An application as commands print it.
struct ApplicationView: Encodable {
    let id: String
    let name: String
    let organisation: String
    let stage: String
    let standing: String
    /// Its own where it has them, else its stage's.
    let limits: LimitsView
    let ownLimits: LimitsView
    let createdAt: String

    init(_ application: Application, defaults: LimitDefaults) {
        id = application.id.description
        name = application.name
        organisation = application.organisation.description
        stage = application.stage.rawValue
        standing = application.standing.rawValue
        let stageLimits = application.stage == .sandbox ? defaults.sandbox : defaults.production
        limits = LimitsView(stageLimits.overridden(by: application.limits))
        ownLimits = LimitsView(application.limits)
        createdAt = application.createdAt.iso8601
    }
}
