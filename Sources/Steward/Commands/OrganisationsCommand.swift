internal import Access
internal import ArgumentParser
internal import Storage

/// `steward organisations`
struct OrganisationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "organisations", abstract: "Make, list, suspend and restore organisations.",
        discussion: "An organisation answers for its applications. Suspending it stops all their keys within a second.",
        subcommands: [Create.self, List.self, Suspend.self, Restore.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an organisation.", discussion: "EXAMPLE\n  steward organisations create \"Example Ltd\"")

        @Argument(help: "Its name, unique; 1 to 100 characters.")
        var name: String

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let made = try await store.withStore(isCreating: true) {
                try await $0.access.organisations.create(name: name, at: .now)
            }
            Output.print(
                format.json
                    ? try Output.json(OrganisationView(made)) : "Made the organisation \(made.name): \(made.id)\n")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List organisations.")

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let all = try await store.withStore { try await $0.access.organisations.list() }
            guard !format.json else { return Output.print(try Output.json(all.map(OrganisationView.init))) }
            var table = Table(["ORGANISATION", "NAME", "STANDING", "MADE"])
            for item in all {
                table.add([item.id.description, item.name, item.standing.rawValue, item.createdAt.iso8601])
            }
            Output.print(
                all.isEmpty
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
            return OrganisationView(try await open.organisation(found.id.description))
        }
        Output.print(format.json ? try Output.json(view) : "\(view.name) is now \(view.standing).\n")
    }
}

/// An organisation as commands print it.
struct OrganisationView: Encodable {
    let id: String
    let name: String
    let standing: String
    let createdAt: String

    init(_ organisation: Organisation) {
        id = organisation.id.description
        name = organisation.name
        standing = organisation.standing.rawValue
        createdAt = organisation.createdAt.iso8601
    }
}
