import Storage
import StorageTesting
import Testing

@testable import Access

@Suite("The text of a token")
struct AdminTokenTextTests {
    static func token(seed: UInt64) -> String {
        var generator = SeededGenerator(seed: seed)
        return AdminTokenText.generate(using: &generator)
    }

    @Test("is told from others, from mistyped ones and from API keys", arguments: APIKeyTextTests.seeds)
    func forms(seed: UInt64) {
        let token = Self.token(seed: seed)
        #expect(token.hasPrefix("stw_admin_") && token.utf8.count == 48)
        #expect(AdminTokenText.parse(token) == .wellFormed)
        #expect(APIKeyText.parse(token) == .mistyped)
        #expect(AdminTokenText.hint(of: token) == String(token.prefix(14)))
        for stage in Stage.allCases {
            let key = String(decoding: APIKeyTextTests.key(stage, seed: seed), as: UTF8.self)
            #expect(AdminTokenText.parse(key) == .apiKey)
            #expect(AdminTokenText.parse(String(key.dropLast())) == .apiKey)
        }
        for text in ["", "stw", "sk-proj-abc", "\u{0}", "Bearer", " " + token] {
            #expect(AdminTokenText.parse(text) == .notOurs, "\(text)")
        }
    }

    @Test("is never well formed with one wrong character, cut or lengthened", arguments: APIKeyTextTests.seeds)
    func mistyped(seed: UInt64) {
        let token = Array(Self.token(seed: seed).utf8)
        for index in token.indices {
            for byte in UInt8(0x20)...0x7E where byte != token[index] {
                var wrong = token
                wrong[index] = byte
                #expect(AdminTokenText.parse(String(decoding: wrong, as: UTF8.self)) != .wellFormed)
            }
        }
        for count in 0..<token.count {
            #expect(AdminTokenText.parse(String(decoding: token[..<count], as: UTF8.self)) != .wellFormed)
        }
        #expect(AdminTokenText.parse(String(decoding: token + token, as: UTF8.self)) == .mistyped)
    }
}

@Suite("The store of tokens")
struct AdminTokenStoreTests {
    @Test("finds a token by its text, and has the text nowhere", arguments: StoreEngine.allCases)
    func finds(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, _ in
            let expiry = now.adding(.seconds(90 * 86_400))
            let jane = try await access.tokens.create(.reviewer, name: "Jané 研究", expiresAt: expiry, at: now)
            let other = try await access.tokens.create(.auditor, at: now.adding(.seconds(1)))
            #expect(jane.token.role == .reviewer && jane.token.name == "Jané 研究" && jane.token.expiresAt == expiry)
            #expect(other.token.name == other.token.id.description && other.token.expiresAt == nil)
            #expect(jane.secret.reveal().hasPrefix(jane.token.hint) && jane.token.hint.utf8.count == 14)
            for issued in [jane, other] {
                #expect(try await access.tokens.find(issued.token.id) == issued.token)
                #expect(try await access.tokens.find(text: issued.secret.reveal()) == issued.token)
            }
            #expect(try await access.tokens.list() == [jane.token, other.token])
            #expect(try await access.tokens.find(text: AdminTokenTextTests.token(seed: 1)) == nil)
            #expect(try await access.tokens.find(AdminTokenID(at: now)) == nil)
            // Another digest key finds nothing.
            let foreign = AdminTokenStore(
                database: access.tokens.database, digester: KeyDigester(secret: Array(repeating: 9, count: 32)))
            #expect(try await foreign.find(text: jane.secret.reveal()) == nil)
            let rows = try await access.tokens.database.read {
                try $0.query("SELECT digest, name, role, hint FROM admin_tokens ORDER BY id")
            }
            let digest: KeyDigest = try rows[0]["digest"]
            #expect(digest == testDigester.digest(jane.secret.reveal()))
        }
    }

    @Test("ends a token by revoking it, once, and by its time", arguments: StoreEngine.allCases)
    func ends(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, _ in
            let token = try await access.tokens.create(.auditor, expiresAt: now.adding(.seconds(60)), at: now).token
            #expect(token.isLive(at: now.adding(.seconds(59))) && !token.isLive(at: now.adding(.seconds(60))))
            #expect(try await access.tokens.revoke(token.id, at: now))
            #expect(try await !access.tokens.revoke(token.id, at: now.adding(.seconds(1))))
            #expect(try await !access.tokens.revoke(AdminTokenID(at: now), at: now))
            let revoked = try #require(try await access.tokens.find(token.id))
            #expect(revoked.revokedAt == now && !revoked.isLive(at: now))
        }
    }

    @Test("refuses names and times that are none", arguments: StoreEngine.allCases)
    func refuses(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, _ in
            for name in ["", " a", "a\u{200B}", "a\nb"] {
                await #expect(throws: AccessError.invalidName(name)) {
                    try await access.tokens.create(.reviewer, name: name, at: now)
                }
            }
            await #expect(throws: AccessError.tokenNameTooLong) {
                try await access.tokens.create(.reviewer, name: String(repeating: "x", count: 65), at: now)
            }
            _ = try await access.tokens.create(.reviewer, name: String(repeating: "é", count: 64), at: now)
            await #expect(throws: AccessError.expiryInThePast) {
                try await access.tokens.create(.reviewer, expiresAt: now, at: now)
            }
            for hostile in ["'; DROP TABLE admin_tokens; --", "$1", "%", "\" OR 1=1"] {
                let made = try await access.tokens.create(.reviewer, name: hostile, at: now)
                #expect(try await access.tokens.find(made.token.id)?.name == hostile)
                #expect(try await access.tokens.find(text: hostile) == nil)
            }
        }
    }

    @Test("looks a digest up in an index")
    func plan() async throws {
        try await withAccess(.sqlite) { access, _ in
            let rows = try await access.tokens.database.read {
                try $0.query(
                    "EXPLAIN QUERY PLAN SELECT id FROM admin_tokens WHERE digest = $1",
                    [[UInt8](repeating: 1, count: 32)])
            }
            let detail: String = try rows[0]["detail"]
            #expect(detail.contains("USING") && detail.contains("INDEX") && !detail.hasPrefix("SCAN"), "\(detail)")
        }
    }
}
