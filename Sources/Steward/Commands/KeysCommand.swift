internal import Access
internal import ArgumentParser
internal import Storage

/// `steward keys`
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make, list, limit, revoke and rotate API keys.",
        discussion: """
            A key's text is shown once, when it is made; the store has only a keyed digest of it. A running server \
            follows every change within a second.
            """,
        subcommands: [Create.self, List.self, LimitsOf.self, Revoke.self, Rotate.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an API key.",
            discussion: """
                The key is of its application's stage: stw_sandbox_… or stw_live_….

                EXAMPLES
                  steward keys create --application "Help desk" --name "web servers"
                  steward keys create --application "Help desk" --name "batch" --scope embeddings \\
                      --model small --network 10.0.0.0/8 --expires-in 90d
                """)

        @Option(help: "The application's id or name.")
        var application: String

        @Option(help: "What to call it.")
        var name: String

        @Option(
            help: ArgumentHelp("What it may be used for (default: everything); may be repeated.", valueName: "scope"))
        var scope: [String] = []

        @Option(help: ArgumentHelp("A model it may use (default: all); may be repeated.", valueName: "model"))
        var model: [String] = []

        @Option(
            help: ArgumentHelp("A network it may be used from (default: any); may be repeated.", valueName: "network"))
        var network: [String] = []

        @Option(help: ArgumentHelp("How long it is good for, like 90d (default: until revoked).", valueName: "time"))
        var expiresIn: DurationArgument?

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let issued = try await store.withStore { open in
                let now = Timestamp.now
                var draft = KeyDraft(application: try await open.application(application).id, name: name)
                if !scope.isEmpty { draft.scopes = try KeyScopes(names: scope) }
                if !model.isEmpty { draft.allowedModels = Set(model) }
                for doubt in model.compactMap(open.settings.doubt(aboutModel:)) { Output.warn(doubt) }
                if !network.isEmpty { draft.networks = try network.map { try Network(parsing: $0) } }
                draft.expiresAt = expiresIn.map { now.adding($0.duration) }
                return try await open.access.keys.create(draft, at: now)
            }
            try KeysCommand.show(issued, format)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List keys, without their texts.")

        @Option(help: "Only those of this application (id or name).")
        var application: String?

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let views = try await store.withStore { open in
                var id: ApplicationID?
                if let application { id = try await open.application(application).id }
                let now = Timestamp.now
                return try await open.access.keys.list(of: id).map { KeyView($0, at: now) }
            }
            guard !format.json else { return Output.print(try Output.json(views)) }
            var table = Table(["KEY", "NAME", "BEGINS", "STATE", "APPLICATION", "EXPIRES", "LAST USED"])
            for view in views {
                table.add([
                    view.id, view.name, view.hint + "…", view.state, view.application, view.expiresAt ?? "–",
                    view.lastUsedAt ?? "never",
                ])
            }
            Output.print(views.isEmpty ? "There are no keys yet. Make one with `steward keys create`.\n" : table.text)
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a key: it is refused from a second on, for good.")

        @Argument(help: "The key's id, as `steward keys list` shows it; not its text.")
        var key: String

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let id = try KeysCommand.id(key)
            let view = try await store.withStore { open in
                let now = Timestamp.now
                guard let known = try await open.access.keys.find(id) else { throw AccessError.unknownKey(id) }
                guard try await open.access.keys.revoke(id, at: now) else { throw AccessError.keyNotLive(id) }
                return KeyView(try await open.access.keys.find(id) ?? known, at: now)
            }
            Output.print(format.json ? try Output.json(view) : "Revoked the key \(view.id) (\(view.hint)…).\n")
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key's successor; the old one goes on for a while.",
            discussion: "EXAMPLE\n  steward keys rotate key_01jdb3k6y8v4m2n7q9r5s1t3w6 --overlap 7d")

        @Argument(help: "The key's id, as `steward keys list` shows it.")
        var key: String

        @Option(help: ArgumentHelp("How long the old key goes on, like 24h; 0s ends it now.", valueName: "time"))
        var overlap = DurationArgument(duration: .seconds(86_400))

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let id = try KeysCommand.id(key)
            let (issued, old) = try await store.withStore { open in
                let issued = try await open.access.keys.rotate(id, overlap: overlap.duration, at: .now)
                // The new key is made: whatever fails now must not keep its text from being shown.
                return (issued, try? await open.access.keys.find(id))
            }
            try KeysCommand.show(issued, replacing: old, format)
        }
    }

    /// Never shows what was given: it may be a key's text by mistake.
    static func id(_ text: String) throws -> KeyID {
        guard let id = KeyID(text) else {
            throw CommandFailure(
                "That is no id of a key. Write one like key_01jdb3k6y8v4m2n7q9r5s1t3w6; see `steward keys list`.",
                .usage)
        }
        return id
    }

    private static func show(
        _ issued: IssuedKey, replacing old: Key? = nil, _ format: FormatOptions
    ) throws {
        let old = old.map { KeyView($0, at: .now) }
        if format.json {
            let view = IssuedKeyView(
                key: KeyView(issued.key, at: .now), secret: issued.secret.reveal(), replaces: old)
            Output.print(try Output.json(view))
        } else {
            Output.print(
                """
                Made the key \(issued.key.id). This is its text; it is shown this once:

                  \(issued.secret.reveal())

                """)
            guard let old, let end = old.expiresAt else { return }
            Output.print(
                old.state == "live"
                    ? "The old key \(old.id) is refused from \(end) on.\n"
                    : "The old key \(old.id) is refused from now on.\n")
        }
    }
}

/// A time like `90d`.
struct DurationArgument: ExpressibleByArgument, Hashable {
    let duration: Duration

    init(duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        // A hundred years: what is meant to last longer has no end.
        guard let duration = DurationText.parse(argument), duration <= .seconds(36_500 * 86_400) else { return nil }
        self.duration = duration
    }

    var defaultValueDescription: String { DurationText.text(duration) }
}

/// A key as commands print it.
struct KeyView: Encodable {
    let id: String
    let name: String
    /// The beginning of its text.
    let hint: String
    /// `live`, `revoked` or `expired`.
    let state: String
    let application: String
    let scopes: [String]
    let allowedModels: [String]?
    let networks: [String]?
    /// Its own, below its application's.
    let limits: LimitsView
    let createdAt: String
    let expiresAt: String?
    let revokedAt: String?
    let rotatedFrom: String?
    let lastUsedAt: String?

    init(_ key: Key, at now: Timestamp) {
        id = key.id.description
        name = key.name
        hint = key.hint
        state = key.isLive(at: now) ? "live" : key.revokedAt != nil ? "revoked" : "expired"
        application = key.application.description
        scopes = key.scopes.names
        allowedModels = key.allowedModels?.sorted()
        networks = key.networks?.map(\.description)
        limits = LimitsView(key.limits)
        createdAt = key.createdAt.iso8601
        expiresAt = key.expiresAt?.iso8601
        revokedAt = key.revokedAt?.iso8601
        rotatedFrom = key.rotatedFrom?.description
        lastUsedAt = key.lastUsedAt?.iso8601
    }
}

private struct IssuedKeyView: Encodable {
    let key: KeyView
    let secret: String
    /// The key that it was made to take the place of; `expires_at` is the end of the overlap.
    let replaces: KeyView?
}
