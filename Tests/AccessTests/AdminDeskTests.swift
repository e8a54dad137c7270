import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Limits
import Snapshots
import Storage
import StorageTesting
import Testing
import Web

@testable import Access

/// A route for each action, which says whose request it was.
private struct ActionRoutes: AdminRoutes {
    func addRoutes(to router: inout AdminRouter) {
        for action in AdminAction.allCases {
            router.on(.get, RouterPath("do/\(action.rawValue)/:id"), action) { _, context in
                "\(context.identity.name) \(context.parameters.get("id") ?? "") \(context.receivedAt.microseconds)"
            }
        }
    }
}

@Suite("The gate of /admin/v1")
struct AdminDeskTests {
    private let clock = Snapshot(now)

    private func withDesk(
        failures: Int = 1_000, proxies: [Network] = [],
        _ body: @escaping @Sendable (any TestClientProtocol, Access, any Database) async throws -> Void
    ) async throws {
        try await StoreEngine.sqlite.withStore { store in
            let database = try await store.open()
            try await database.migrate(Access.migrations, at: now)
            let access = Access(database: database, digester: testDigester)
            let authenticator = AdminAuthenticator(
                tokens: access.tokens, failures: FailureGuard(failures: failures, seed: 1, startingAt: .now),
                proxies: Snapshot(proxies))
            let clock = clock
            let router = DeskRouter.make(
                site: Snapshot(try Site(version: "1", navigation: [])), settings: ListenerSettings(),
                desks: [AdminDesk(authenticator, desks: [ActionRoutes()])], now: { clock.current })
            try await Hummingbird.Application(router: router).test(.router) { client in
                try await body(client, access, database)
            }
        }
    }

    private func get(
        _ client: any TestClientProtocol, _ uri: String, _ token: String?, method: HTTPRequest.Method = .get,
        forwarded: String? = nil
    ) async throws -> TestResponse {
        var headers: HTTPFields = [:]
        if let token { headers[.authorization] = "Bearer \(token)" }
        if let forwarded { headers[.init("x-forwarded-for")!] = forwarded }
        return try await client.execute(uri: uri, method: method, headers: headers)
    }

    private static func code(_ response: TestResponse) throws -> String {
        struct Body: Decodable { let code: String }
        return try JSONDecoder().decode(Body.self, from: Data(buffer: response.body)).code
    }

    @Test("lets each role do what the table says, and names those that may do the rest", arguments: AdminRole.allCases)
    func roles(role: AdminRole) async throws {
        try await withDesk { client, access, _ in
            let token = try await access.tokens.create(role, name: "jane", at: now).secret.reveal()
            for action in AdminAction.allCases {
                let response = try await get(client, "/admin/v1/do/\(action.rawValue)/x", token)
                if role.may(action) {
                    #expect(response.status == .ok)
                    #expect(String(buffer: response.body) == "jane x \(now.microseconds)")
                } else {
                    let text = String(buffer: response.body)
                    #expect(try response.status == .forbidden && Self.code(response) == "role_not_allowed")
                    #expect(text.contains("The role \(role.rawValue) may not \(action.words)."))
                    for other in AdminRole.those(whoMay: action) { #expect(text.contains(other.rawValue)) }
                }
                #expect(response.headers[.cacheControl] == "no-store")
            }
        }
    }

    @Test("refuses missing, wrong, expired and revoked tokens, and says which")
    func tokens() async throws {
        try await withDesk { client, access, _ in
            let tokens = access.tokens
            let live = try await tokens.create(.administrator, at: now).secret.reveal()
            let expiring = try await tokens.create(.administrator, expiresAt: now.adding(.seconds(60)), at: now)
            let revoked = try await tokens.create(.administrator, at: now)
            try await tokens.revoke(revoked.token.id, at: now)
            let key = try await access.makeKey(stage: .production).secret.reveal()
            let action = "/admin/v1/do/list_samples/x"
            #expect(try await get(client, action, expiring.secret.reveal()).status == .ok)
            clock.replace(with: now.adding(.seconds(60)))
            for (token, code) in [
                (nil, "missing_token"), ("", "invalid_token"), ("x", "invalid_token"), (key, "invalid_token"),
                (String(live.dropLast()), "invalid_token"), (live + " x", "invalid_token"),
                (AdminTokenTextTests.token(seed: 3), "invalid_token"), ("' OR 1=1 --", "invalid_token"),
                (expiring.secret.reveal(), "expired_token"), (revoked.secret.reveal(), "revoked_token"),
            ] as [(String?, String)] {
                // What does not exist is nobody's business without a token.
                for uri in [action, "/admin/v1/nothing", "/admin/v1", "//admin//v1/nothing"] {
                    for method in [HTTPRequest.Method.get, .head, .post, .delete] {
                        let response = try await get(client, uri, token, method: method)
                        #expect(response.status == .unauthorized, "\(token ?? "none") \(method) \(uri)")
                        #expect(response.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
                        #expect(response.headers[.contentType] == "application/problem+json")
                        if method != .head, token != "" { #expect(try Self.code(response) == code) }
                    }
                }
            }
            #expect(try await get(client, "/admin/v1/nothing", live).status == .notFound)
            #expect(try await get(client, action, live, method: .post).status == .notFound)
            for field in ["bearer \(live)", "BEARER  \(live)"] {
                let response = try await client.execute(uri: action, method: .get, headers: [.authorization: field])
                #expect(response.status == .ok)
            }
            let basic = try await client.execute(uri: action, method: .get, headers: [.authorization: "Basic \(live)"])
            #expect(basic.status == .unauthorized)
            var twice: HTTPFields = [:]
            twice.append(.init(name: .authorization, value: "Bearer \(live)"))
            twice.append(.init(name: .authorization, value: "Bearer \(live)"))
            #expect(try await client.execute(uri: action, method: .get, headers: twice).status == .unauthorized)
        }
    }

    @Test("refuses a revoked token from the next request on")
    func revocation() async throws {
        try await withDesk { client, access, _ in
            let issued = try await access.tokens.create(.auditor, at: now)
            let action = "/admin/v1/do/read_precision/x"
            #expect(try await get(client, action, issued.secret.reveal()).status == .ok)
            try await access.tokens.revoke(issued.token.id, at: now)
            #expect(try await get(client, action, issued.secret.reveal()).status == .unauthorized)
        }
    }

    @Test("lets a role that it does not know do nothing")
    func unknownRole() async throws {
        try await withDesk { client, access, database in
            let issued = try await access.tokens.create(.administrator, at: now)
            try await database.write { try $0.execute("UPDATE admin_tokens SET role = 'operator'") }
            for action in AdminAction.allCases {
                let response = try await get(client, "/admin/v1/do/\(action.rawValue)/x", issued.secret.reveal())
                #expect(try response.status == .forbidden && Self.code(response) == "role_not_allowed")
            }
            #expect(try await access.tokens.list().map(\.roleName) == ["operator"])
        }
    }

    @Test("lets nobody in while the store can't be read")
    func failsClosed() async throws {
        try await withDesk { client, access, database in
            let token = try await access.tokens.create(.administrator, at: now).secret.reveal()
            try await database.close()
            let response = try await get(client, "/admin/v1/do/list_samples/x", token)
            #expect(try response.status == .serviceUnavailable && Self.code(response) == "store_unavailable")
            #expect(response.headers[.retryAfter] != nil)
            #expect(try await get(client, "/admin/v1/do/list_samples/x", nil).status == .unauthorized)
        }
    }

    @Test("makes an address wait after many guesses, and no other")
    func failures() async throws {
        let proxies = [try Network(parsing: "::/128")]
        try await withDesk(failures: 3, proxies: proxies) { client, access, _ in
            let token = try await access.tokens.create(.administrator, at: now).secret.reveal()
            let action = "/admin/v1/do/list_samples/x"
            for _ in 0..<3 {
                let response = try await get(client, action, "stw_admin_guess", forwarded: "192.0.2.1, 192.0.2.7")
                #expect(response.status == .unauthorized)
            }
            let blocked = try await get(client, action, token, forwarded: "192.0.2.9, 192.0.2.7")
            #expect(try blocked.status == .tooManyRequests && Self.code(blocked) == "too_many_failures")
            #expect(Int(blocked.headers[.retryAfter] ?? "").map { (1...60).contains($0) } == true)
            #expect(try await get(client, action, token, forwarded: "192.0.2.1").status == .ok)
            // A token that has ended was none that somebody guessed.
            let ended = try await access.tokens.create(.auditor, at: now)
            try await access.tokens.revoke(ended.token.id, at: now)
            for _ in 0..<9 { _ = try await get(client, action, ended.secret.reveal(), forwarded: "192.0.2.8") }
            #expect(try await get(client, action, token, forwarded: "192.0.2.8").status == .ok)
        }
    }
}
