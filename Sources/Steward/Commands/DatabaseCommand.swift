internal import ArgumentParser
internal import Foundation
internal import Records
internal import Storage

/// `steward database`
struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database", abstract: "Care for the store: SQLite in the data folder, or PostgreSQL.",
        subcommands: [Migrate.self, Check.self, Backup.self, Restore.self])

    struct Migrate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring the schema up to date.",
            discussion: """
                `steward serve` does so itself when it starts. Gateways of the version before go on beside it: changes that \
                they could not bear come a version later.
                """)

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let applied = try await store.withHandle(isCreating: true) { handle, _ in
                try await handle.database.migrate(StoreSchema.migrations, at: .now)
            }
            if format.json { return Output.print(try Output.json(["applied": applied])) }
            Output.print(
                applied.isEmpty ? "The schema is up to date.\n" : applied.map { "Applied \($0).\n" }.joined())
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show schema, row counts and months, and look for damage.",
            discussion: "Exits with 1 if something is wrong. A large store takes a while.")

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let view = try await store.withHandle { handle, _ in
                try await StoreCheck(handle: handle, migrations: StoreSchema.migrations).view()
            }
            Output.print(format.json ? try Output.json(view) : view.text)
            if !view.problems.isEmpty { throw ExitCode(CommandFailure.Code.problems.rawValue) }
        }
    }

    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write all of the store into one file, also while gateways serve.",
            discussion: """
                The file is a text that SQLite and PostgreSQL write and read alike, so it also moves a store from one to \
                the other. It holds keys' digests and no key; keep digest.key elsewhere, since without it no key works.

                EXAMPLE
                  steward database backup /var/backups/steward-2026-11-26.backup
                """)

        @Argument(help: ArgumentHelp("The file; it must not be there.", valueName: "file"))
        var file: String

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let rows = try await store.withHandle { handle, _ in
                try await handle.records.backUp(to: file, at: .now)
            }
            if format.json { return Output.print(try Output.json(["rows": rows])) }
            Output.print("\(rows) rows were written to \(file).\n")
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a backup into an empty store.",
            discussion: """
                A damaged backup is noticed before anything is changed, and a restore that was broken off can be run again. \
                Gateways that serve from a store whose content is \
                replaced follow its keys at once; start them again, so that they go on with its records.

                EXAMPLES
                  steward database restore steward.backup --data /var/lib/steward
                  steward database restore steward.backup --database postgres://steward@db.internal/steward
                """)

        @Argument(help: ArgumentHelp("The backup.", valueName: "file"))
        var file: String

        @Flag(help: "Throw away what is in the store now.")
        var replace = false

        @OptionGroup var store: StoreOptions

        func run() async throws {
            try await store.withHandle(isCreating: true) { handle, _ in
                try await handle.records.restore(
                    from: file, migrations: StoreSchema.migrations, seeded: StoreSchema.seeded, isReplacing: replace,
                    at: .now,
                    begin: { try IdentityRevision.current(in: $0) },
                    finish: { try IdentityRevision.raise(above: $1, in: $0) })
            }
            Output.print("The store holds what \(file) holds.\n")
        }
    }
}

/// Gateways read keys again when the revision is another one than they saw; that of a backup may be the same.
private enum IdentityRevision {
    static func current(in transaction: any Transaction) throws -> Int64 {
        try transaction.query("SELECT revision FROM identity_revisions WHERE id = 1").first?["revision"] ?? 0
    }

    static func raise(above revision: Int64, in transaction: any Transaction) throws {
        let restored = try current(in: transaction)
        try transaction.execute(
            "UPDATE identity_revisions SET revision = $1 WHERE id = 1", [max(restored, revision) + 1])
    }
}

extension StoreOptions {
    /// Opens the store as it is, without bringing its schema up to date.
    func withHandle<Result>(
        isCreating: Bool = false, _ body: (StoreHandle, Settings) async throws -> Result
    ) async throws -> Result {
        let settings = try settings()
        let folder = DataFolder(path: settings.dataFolder)
        if try settings.postgres() == nil {
            guard isCreating || FileManager.default.fileExists(atPath: folder.store) else {
                throw CommandFailure(
                    "There is no store in \(folder.path). Run `steward serve` once, or name its folder with --data.",
                    .noInput)
            }
            try folder.prepare()
        }
        let handle = try await StoreHandle.open(settings, in: folder, isPatient: true)
        do {
            let result = try await body(handle, settings)
            try await handle.close()
            return result
        } catch {
            try? await handle.close()
            throw error
        }
    }
}
