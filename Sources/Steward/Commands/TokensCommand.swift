internal import Access
internal import ArgumentParser
internal import Storage

/// `steward tokens`
struct TokensCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens", abstract: "Make, list and revoke tokens for programs that administer.",
        discussion: """
            A token lets a program use /admin/v1 on the desk, as far as its role goes. Its text is shown once, when it is \
            made; the store has only a keyed digest of it. A running server follows every change from the next request on.
            """,
        subcommands: [Create.self, List.self, Revoke.self, Roles.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token.",
            discussion: """
                What its holder says of samples is put down under the token's name. Without --name that is its id.

                EXAMPLE
                  steward tokens create --role reviewer --name jane --expires 90d
                """)

        @Option(help: ArgumentHelp("What it may do; see `steward tokens roles`.", valueName: "role"))
        var role: AdminRole

        @Option(help: "Whose it is.")
        var name: String?

        @Option(help: ArgumentHelp("How long it is good for, like 90d (default: until revoked).", valueName: "time"))
        var expires: DurationArgument?

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let now = Timestamp.now
            let issued = try await store.withStore { open in
                try await open.access.tokens.create(
                    role, name: name, expiresAt: expires.map { now.adding($0.duration) }, at: now)
            }
            if format.json {
                let view = IssuedTokenView(token: TokenView(issued.token, at: now), secret: issued.secret.reveal())
                return Output.print(try Output.json(view))
            }
            Output.print(
                """
                Made the token \(issued.token.id). This is its text; it is shown this once:

                  \(issued.secret.reveal())

                """)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List tokens, without their texts.")

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            let views = try await store.withStore { open in
                let now = Timestamp.now
                return try await open.access.tokens.list().map { TokenView($0, at: now) }
            }
            guard !format.json else { return Output.print(try Output.json(views)) }
            var table = Table(["TOKEN", "NAME", "ROLE", "BEGINS", "STATE", "EXPIRES"])
            for view in views {
                table.add([view.id, view.name, view.role, view.hint + "…", view.state, view.expiresAt ?? "–"])
            }
            Output.print(
                views.isEmpty ? "There are no tokens yet. Make one with `steward tokens create`.\n" : table.text)
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a token: it is refused from the next request on, for good.")

        @Argument(help: "The token's id, as `steward tokens list` shows it; not its text.")
        var token: String

        @OptionGroup var store: StoreOptions
        @OptionGroup var format: FormatOptions

        func run() async throws {
            // Never shows what was given: it may be a token's text by mistake.
            guard let id = AdminTokenID(token) else {
                throw CommandFailure(
                    "That is no id of a token. Write one like tok_01jdb3k6y8v4m2n7q9r5s1t3w6; see `steward tokens list`.",
                    .usage)
            }
            let view = try await store.withStore { open in
                let now = Timestamp.now
                guard let known = try await open.access.tokens.find(id) else { throw AccessError.unknownToken(id) }
                guard try await open.access.tokens.revoke(id, at: now) else { throw AccessError.tokenNotLive(id) }
                return TokenView(try await open.access.tokens.find(id) ?? known, at: now)
            }
            Output.print(format.json ? try Output.json(view) : "Revoked the token \(view.id) (\(view.hint)…).\n")
        }
    }

    struct Roles: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show which role may do what.")

        @OptionGroup var format: FormatOptions

        func run() throws {
            guard !format.json else {
                let roles = AdminRole.allCases.map { role in
                    (role.rawValue, AdminAction.allCases.filter(role.may).map(\.rawValue))
                }
                return Output.print(try Output.json(Dictionary(uniqueKeysWithValues: roles)))
            }
            var table = Table(["ACTION"] + AdminRole.allCases.map(\.rawValue))
            for action in AdminAction.allCases {
                table.add([action.words] + AdminRole.allCases.map { $0.may(action) ? "yes" : "" })
            }
            Output.print(table.text)
        }
    }
}

extension AdminRole: ExpressibleByArgument {}

/// A token as commands print it.
struct TokenView: Encodable {
    let id: String
    let name: String
    let role: String
    /// The beginning of its text.
    let hint: String
    /// `live`, `revoked` or `expired`.
    let state: String
    let createdAt: String
    let expiresAt: String?
    let revokedAt: String?

    init(_ token: AdminToken, at now: Timestamp) {
        id = token.id.description
        name = token.name
        role = token.roleName
        hint = token.hint
        state = token.isLive(at: now) ? "live" : token.revokedAt != nil ? "revoked" : "expired"
        createdAt = token.createdAt.iso8601
        expiresAt = token.expiresAt?.iso8601
        revokedAt = token.revokedAt?.iso8601
    }
}

private struct IssuedTokenView: Encodable {
    let token: TokenView
    let secret: String
}
