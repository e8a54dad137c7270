import ArgumentParser
import Foundation
import Limits
import Storage
import Testing

@testable import Steward

@Suite("Commands")
struct CommandTests {
    @Test(
        "every command of the manual parses",
        arguments: [
            ["serve"], ["serve", "--data", "d", "--port", "0", "--desk-port", "0", "--telemetry-port", "0"],
            ["serve", "--upstream", "http://h", "--upstream-model", "a", "--upstream-model", "b", "--observe-only"],
            ["config", "check", "--config", "f"], ["config", "show", "--json"], ["config", "reference"],
            ["organisations", "create", "A"], ["organisations", "list", "--json"], ["organisations", "suspend", "A"],
            ["organisations", "restore", "A"],
            ["applications", "create", "B", "--organisation", "A", "--stage", "production"],
            ["applications", "list", "--organisation", "A"], ["applications", "suspend", "B"],
            ["applications", "restore", "B"],
            ["applications", "limits", "B", "--requests-per-minute", "5", "--tokens-per-day", "default"],
            ["organisations", "limits", "A", "--concurrent-requests", "5"],
            ["keys", "limits", "key_01jdb3k6y8v4m2n7q9r5s1t3w6", "--tokens-per-minute", "5"],
            ["keys", "create", "--application", "B", "--name", "n", "--scope", "models", "--expires-in", "90d"],
            ["keys", "list"], ["keys", "revoke", "key_01jdb3k6y8v4m2n7q9r5s1t3w6"],
            ["keys", "rotate", "key_01jdb3k6y8v4m2n7q9r5s1t3w6", "--overlap", "0s"], ["usage", "--from", "2026-11-01"],
            ["tokens", "create", "--role", "safety-analyst", "--name", "n", "--expires", "90d", "--json"],
            ["tokens", "list"], ["tokens", "revoke", "tok_01jdb3k6y8v4m2n7q9r5s1t3w6"], ["tokens", "roles", "--json"],
            ["records", "tail", "-f", "-n", "5", "--outcome", "blocked"], ["records", "show", "req_x"],
            ["filter", "check", "a.yaml"], ["guidelines", "show", "--yaml"], ["guidelines", "check", "g"],
            ["rehearse", "--port", "0"], ["version", "--json"], ["upstreams"], ["upstreams", "--ready-file", "r"],
            ["upstreams", "--telemetry", "http://h:1", "--json"],
        ])
    func parses(arguments: [String]) throws {
        _ = try StewardCommand.parseAsRoot(arguments)
    }

    @Test(
        "what is wrong is refused before anything is done",
        arguments: [
            ["serve", "--upstream-model", "a"], ["keys", "create", "--application", "B"],
            ["usage", "--from", "yesterday"],
            ["applications", "limits", "B", "--tokens-per-day", "-1"],
            ["keys", "limits", "key_01jdb3k6y8v4m2n7q9r5s1t3w6", "--concurrent-requests", "some"],
            ["records", "tail", "--outcome", "fine"],
            ["applications", "create", "B", "--organisation", "A", "--stage", "live"],
            ["keys", "rotate", "k", "--overlap", "1"], ["tokens", "create"], ["tokens", "create", "--role", "boss"],
            ["rehearse", "--port", "65536"], ["nothing"],
            ["upstreams", "--ready-file", "r", "--telemetry", "http://h:1"],
        ])
    func refuses(arguments: [String]) {
        #expect(throws: (any Error).self) { try StewardCommand.parseAsRoot(arguments) }
    }

    @Test("every command has help that says what it does")
    func help() {
        func walk(_ command: any ParsableCommand.Type) {
            #expect(command.configuration.abstract.hasSuffix("."), "\(command)")
            for subcommand in command.configuration.subcommands { walk(subcommand) }
        }
        walk(StewardCommand.self)
        #expect(StewardCommand.helpMessage().contains("EXIT CODES"))
    }

    @Test("each flag of serve reaches a setting of the catalogue")
    func serveFlags() throws {
        let parsed = try StewardCommand.parseAsRoot([
            "serve", "--data", "d", "--host", "h", "--port", "1", "--desk-port", "2", "--telemetry-port", "3",
            "--threads", "4", "--observe-only", "--log-format", "json", "--log-level", "debug", "--database",
            "postgres://a/b",
        ])
        let flags = try #require(parsed as? ServeCommand).flags
        let settings = try SettingsLoader(environment: [:], flags: flags).load(yaml: nil, file: "")
        #expect(flags.count == 10)
        for flag in flags { #expect(settings.effective[flag.path].place == .flag(flag.flag)) }
    }

    @Test(
        "migrations take nothing away unless their name says so", arguments: StoreSchema.migrations, SQLDialect.allCases
    )
    func migrationsExpand(_ migration: Migration, _ dialect: SQLDialect) {
        let takesAway = ["DROP ", "RENAME ", "ALTER COLUMN ", "DELETE FROM ", "TRUNCATE "].filter {
            migration.sql(for: dialect).uppercased().contains($0)
        }
        #expect(takesAway.isEmpty || migration.name.hasSuffix("-contract"), "\(migration.name): \(takesAway)")
    }

    @Test("migrations put rows only into the tables that are known for it")
    func seeds() async throws {
        let folder = TemporaryFolder.shared + "/seeds-\(UInt64.random(in: .min ... .max))"
        let options = try StoreOptions.parse(["--data", folder])
        let view = try await options.withHandle(isCreating: true) { handle, _ in
            try await handle.database.migrate(StoreSchema.migrations, at: .now)
            return try await StoreCheck(handle: handle, migrations: StoreSchema.migrations).view()
        }
        #expect(Set(view.tables.filter { $0.rows > 0 }.map(\.name)) == StoreSchema.seeded)
    }

    @Test("a store is checked, backed up and restored by command, and its gateways notice")
    func backup() async throws {
        let folder = TemporaryFolder.shared + "/backup-\(UInt64.random(in: .min ... .max))"
        let file = folder + ".backup"
        let options = try StoreOptions.parse(["--data", folder])
        func run(_ words: [String]) async throws {
            var command = try #require(try StewardCommand.parseAsRoot(words) as? any AsyncParsableCommand)
            try await command.run()
        }
        func revision(_ options: StoreOptions) async throws -> Int {
            try await options.withHandle { handle, _ in
                try await handle.database.read {
                    try $0.query("SELECT revision FROM identity_revisions")[0]["revision"]
                }
            }
        }
        try await run(["database", "migrate", "--data", folder])
        try await options.withStore { _ = try await $0.access.organisations.create(name: "A", at: .now) }
        try await run(["database", "backup", file, "--data", folder])
        try await options.withStore { _ = try await $0.access.organisations.create(name: "B", at: .now) }
        let before = try await revision(options)
        await #expect(throws: BackupError.notEmpty) { try await run(["database", "restore", file, "--data", folder]) }
        try await run(["database", "restore", file, "--replace", "--data", folder])
        #expect(try await revision(options) > before)
        let names = try await options.withStore { try await $0.access.organisations.list().map(\.name) }
        #expect(names == ["A"])
        try await run(["database", "check", "--data", folder])
        let view = try await options.withHandle { handle, _ in
            try await StoreCheck(handle: handle, migrations: StoreSchema.migrations).view()
        }
        #expect(view.problems.isEmpty && view.pending.isEmpty && view.unknown.isEmpty)
        #expect(view.tables.first { $0.name == "organisations" }?.rows == 1)
    }

    @Test("commands make, list and change what is in a store")
    func store() async throws {
        let folder = TemporaryFolder.shared + "/store-\(UInt64.random(in: .min ... .max))"
        let options = try StoreOptions.parse(["--data", folder])
        await #expect(throws: CommandFailure.self) { try await options.withStore { _ in } }
        try await options.withStore(isCreating: true) { open in
            let organisation = try await open.access.organisations.create(name: "A", at: .now)
            let application = try await open.access.applications.create(
                name: "B", of: organisation.id, stage: .production, at: .now)
            let issued = try await open.access.keys.create(.init(application: application.id, name: "K"), at: .now)
            #expect(try await open.organisation("A").id == organisation.id)
            #expect(try await open.application(application.id.description.uppercased()).name == "B")
            await #expect(throws: CommandFailure.self) { try await open.application("C") }
            let view = KeyView(issued.key, at: .now)
            #expect(view.state == "live")
            #expect(try !Output.json(view).contains(issued.secret.reveal()))
            let limits = ApplicationView(application, defaults: open.settings.limits).limits
            #expect(limits.requestsPerMinute == 3_000)
            #expect(try await open.records.tail(limit: 5).isEmpty)
        }
        let lost = try StoreOptions.parse(["--data", folder])
        try FileManager.default.removeItem(atPath: folder + "/digest.key")
        await #expect(throws: (any Error).self) { try await lost.withStore { _ in } }
    }

    @Test(
        "errors of every part become a line and an exit code",
        arguments: [
            (StorageError.busy, CommandFailure.Code.temporary), (.newerStore(migrations: ["x"]), .configuration),
            (.diskFull, .inputOutput), (.cannotOpen(path: "p", reason: "r"), .permission), (.closed, .software),
        ])
    func failures(error: StorageError, code: CommandFailure.Code) {
        #expect(CommandFailure(error).code == code)
        #expect(CommandFailure(error).message == error.description)
    }

    @Test("a rule whose own test fails is told at the line of that test")
    func ruleCheck() throws {
        let yaml = """
            rules:
              - id: pii/test
                category: pii.card
                pattern: 'abc'
                matches: ['abc', 'abd']
                non_matches:
                  - 'xyz'
                  - 'xabcx'
            """
        let problems = try RuleCheck(files: [("r.yaml", yaml)]).problems()
        #expect(problems.map { "\($0.file):\($0.line):\($0.column)" } == ["r.yaml:5:22", "r.yaml:8:9"])
        #expect(try RuleCheck(files: [("r.yaml", "rules: 1")]).problems().count == 1)
        // What `serve` refuses, this does too.
        let wide = """
            rules:
              - {id: own/wide, category: pii.card, pattern: '[0-9]{600}',
                 matches: ["\(String(repeating: "1", count: 600))"], non_matches: ["1"]}
            """
        let refused = try RuleCheck(files: [("r.yaml", wide)]).problems()
        #expect(refused.count == 1 && refused[0].description.contains("a stream holds back 512"))
    }

    @Test(
        "limits that are named change, `default` takes one away, the others stay",
        arguments: [
            ([], [1, 2, nil, nil]), (["--requests-per-minute", "7"], [7, 2, nil, nil]),
            (["--tokens-per-minute", "default", "--tokens-per-day", "0"], [1, nil, nil, 0]),
            (["--requests-per-minute", "unlimited"], [nil, 2, nil, nil]),
        ] as [([String], [Int?])])
    func limits(arguments: [String], expected: [Int?]) throws {
        let limits = LimitSettings(requestsPerMinute: 1, tokensPerMinute: 2)
        let applied = try LimitOptions.parse(arguments).applied(to: limits, below: .unlimited)
        #expect(LimitsView(applied).rows.map(\.1) == expected)
    }

    @Test("nothing is unlimited that the default limits")
    func unlimitedBelowDefault() throws {
        let options = try LimitOptions.parse(["--requests-per-minute", "unlimited"])
        #expect(throws: ValidationError.self) {
            try options.applied(to: .unlimited, below: LimitSettings(requestsPerMinute: 4))
        }
        #expect(try options.applied(to: .unlimited, below: LimitSettings(tokensPerDay: 4)) == .unlimited)
    }

    @Test("somebody who names a model that is not there is told so, as far as the settings say which are")
    func unknownModels() throws {
        func doubts(_ yaml: String?) throws -> [String] {
            let settings = try ModelPlanTests.settings(yaml)
            return ["small", "tiny", "other", "rehearsal-echo"].filter { settings.doubt(aboutModel: $0) != nil }
        }
        #expect(try doubts(nil).isEmpty)
        #expect(try doubts(ModelSettingsTests.whole) == ["tiny", "other", "rehearsal-echo"])
        #expect(try doubts(ModelSettingsTests.whole + "\nrehearsal: {enabled: true}") == ["tiny", "other"])
    }
}
