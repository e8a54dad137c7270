internal import Access
internal import ArgumentParser
internal import Foundation
internal import Moderation
internal import Records
internal import Storage

/// Which settings and which store a command works on.
struct StoreOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Folder of the store (default: data.dir of the settings, ./data).", valueName: "folder"))
    var data: String?

    @Option(help: StoreOptions.databaseHelp)
    var database: String?

    @Option(help: SettingsLoader.fileHelp)
    var config: String?

    static let databaseHelp = ArgumentHelp(
        "PostgreSQL database of the store, like postgres://user@host/name (default: SQLite in the data folder).",
        valueName: "url")

    func settings() throws -> Settings {
        var flags = data.map { [FlagSetting(path: "data.dir", flag: "--data", texts: [$0])] } ?? []
        if let database { flags.append(FlagSetting(path: "database.url", flag: "--database", texts: [database])) }
        // A leaked key can be revoked from any shell.
        return try SettingsLoader(flags: flags, readsCredentials: false).load(file: config)
    }

    /// Opens the store and what stands in it; a running server notices what is changed.
    ///
    /// - Parameter isCreating: Whether to make the store if it is not there.
    func withStore<Result>(
        isCreating: Bool = false, _ body: (OpenStore) async throws -> Result
    ) async throws -> Result {
        let settings = try settings()
        let folder = DataFolder(path: settings.dataFolder)
        let isEmbedded = try settings.postgres() == nil
        if isEmbedded, !isCreating, !FileManager.default.fileExists(atPath: folder.store) {
            throw CommandFailure(
                "There is no store in \(folder.path). Run `steward serve` once, or name its folder with --data.",
                .noInput)
        }
        if isEmbedded || !settings.hasOwnDigestKey { try folder.prepare() }
        let store = try await StoreHandle.open(settings, in: folder)
        do {
            try await store.database.migrate(StoreSchema.migrations, at: .now)
            let access = Access(database: store.database, digester: try settings.digester(dataFolder: folder.path))
            try await access.checkDigestKey()
            let open = OpenStore(
                settings: settings, access: access, records: store.records,
                samples: SampleDesk(store: SampleStore(database: store.database)))
            let result = try await body(open)
            try await store.close()
            return result
        } catch {
            try? await store.close()
            throw error
        }
    }
}

/// A store that a command has open.
struct OpenStore: Sendable {
    let settings: Settings
    let access: Access
    let records: RecordStore
    let samples: SampleDesk

    /// - Parameter text: Its id or its name.
    func organisation(_ text: String) async throws -> Organisation {
        let all = try await access.organisations.list()
        guard let found = all.first(where: { $0.id.description == text.lowercased() || $0.name == text }) else {
            throw CommandFailure("There is no organisation “\(text)”. See `steward organisations list`.", .noInput)
        }
        return found
    }

    /// - Parameter text: Its id, or its name if no other organisation has an application of that name.
    func application(_ text: String) async throws -> Application {
        let all = try await access.applications.list()
        if let found = all.first(where: { $0.id.description == text.lowercased() }) { return found }
        let named = all.filter { $0.name == text }
        guard named.count < 2 else {
            throw CommandFailure(
                "\(named.count) applications are named “\(text)”. Give the id; see `steward applications list`.", .usage
            )
        }
        guard let found = named.first else {
            throw CommandFailure("There is no application “\(text)”. See `steward applications list`.", .noInput)
        }
        return found
    }
}

/// All tables, of whichever desk.
enum StoreSchema {
    static let migrations = Access.migrations + RecordMigrations.main + Moderation.migrations
    /// The tables in which they put rows; all others are empty after them.
    static let seeded: Set<String> = ["identity_revisions"]
}

/// `--json`
struct FormatOptions: ParsableArguments {
    @Flag(help: "Print JSON instead of a table.")
    var json = false
}
