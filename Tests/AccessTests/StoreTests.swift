import Foundation
import Limits
import Storage
import StorageTesting
import Testing

@testable import Access

let now = Timestamp(microseconds: 1_795_000_000_000_000)
let testDigester = KeyDigester(secret: Array(0..<32))

/// Runs `body` with the desk on an empty store.
func withAccess(_ engine: StoreEngine, _ body: (Access, TestStore) async throws -> Void) async throws {
    try await engine.withStore { store in
        let database = try await store.open()
        try await database.migrate(Access.migrations, at: now)
        try await body(Access(database: database, digester: testDigester), store)
    }
}

extension Access {
    func makeApplication(stage: Stage = .sandbox) async throws -> Application {
        let organisation = try await organisations.create(name: "Org \(OrganisationID(at: now))", at: now)
        return try await applications.create(name: "App", of: organisation.id, stage: stage, at: now)
    }

    func makeKey(stage: Stage = .sandbox) async throws -> IssuedKey {
        try await keys.create(KeyDraft(application: makeApplication(stage: stage).id, name: "Key"), at: now)
    }
}

@Suite("Organisations and applications")
struct OrganisationStoreTests {
    @Test("are found as they were made", arguments: StoreEngine.allCases)
    func findsWhatWasMade(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, _ in
            let limits = LimitSettings(requestsPerMinute: 7, tokensPerDay: 9)
            let organisation = try await access.organisations.create(name: "Acmé 研究", limits: limits, at: now)
            let application = try await access.applications.create(
                name: "Chat", of: organisation.id, stage: .production, limits: limits, at: now)
            #expect(organisation.limits == limits)
            #expect(organisation.standing == .good)
            #expect(application.stage == .production)
            #expect(try await access.organisations.find(organisation.id) == organisation)
            #expect(try await access.organisations.list() == [organisation])
            #expect(try await access.applications.find(application.id) == application)
            #expect(try await access.applications.list(of: organisation.id) == [application])
            #expect(try await access.applications.list(of: OrganisationID(at: now)).isEmpty)
            #expect(try await access.applications.list() == [application])
        }
    }

    @Test("have unique names", arguments: StoreEngine.allCases)
    func haveUniqueNames(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, _ in
            let organisation = try await access.organisations.create(name: "A", at: now)
            await #expect(throws: AccessError.organisationNameTaken("A")) {
                try await access.organisations.create(name: "A", at: now)
            }
            let id = organisation.id
            _ = try await access.applications.create(name: "B", of: id, stage: .sandbox, at: now)
            await #expect(throws: AccessError.applicationNameTaken("B")) {
                try await access.applications.create(name: "B", of: id, stage: .production, at: now)
            }
            let other = try await access.organisations.create(name: "C", at: now)
            _ = try await access.applications.create(name: "B", of: other.id, stage: .sandbox, at: now)
        }
    }

    @Test("are refused without an owner or a proper name", arguments: StoreEngine.allCases)
    func refusesNonsense(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, _ in
            let nobody = OrganisationID(at: now)
            await #expect(throws: AccessError.unknownOrganisation(nobody)) {
                try await access.applications.create(name: "B", of: nobody, stage: .sandbox, at: now)
            }
            let owner = try await access.makeApplication()
            // Controls, marks that turn the direction of writing, characters without a width or without ink, and those
            // of private use.
            let hidden = [
                "\n", "\u{1B}", "\u{85}", "\u{202E}", "\u{2066}", "\u{200B}", "\u{FEFF}", "\u{AD}", "\u{2028}",
                "\u{3164}", "\u{FFA0}", "\u{2800}", "\u{34F}", "\u{FE0F}", "\u{E000}", "\u{F0000}",
            ]
            let names = ["", " a", "a ", "\u{A0}a", "a\u{3000}", String(repeating: "x", count: 101)]
            for name in names + hidden.map({ "a\($0)b" }) {
                await #expect(throws: AccessError.invalidName(name)) {
                    try await access.organisations.create(name: name, at: now)
                }
                await #expect(throws: AccessError.invalidName(name)) {
                    try await access.applications.create(
                        name: name, of: owner.organisation, stage: .sandbox, at: now)
                }
                await #expect(throws: AccessError.invalidName(name)) {
                    try await access.keys.create(KeyDraft(application: owner.id, name: name), at: now)
                }
            }
            await #expect(throws: AccessError.negativeLimit(-1)) {
                try await access.organisations.create(
                    name: "A", limits: LimitSettings(tokensPerMinute: -1), at: now)
            }
            await #expect(throws: AccessError.unknownOrganisation(nobody)) {
                try await access.organisations.setStanding(nobody, to: .suspended)
            }
            await #expect(throws: AccessError.unknownOrganisation(nobody)) {
                try await access.organisations.setLimits(nobody, to: .unlimited)
            }
            let noApplication = ApplicationID(at: now)
            await #expect(throws: AccessError.unknownApplication(noApplication)) {
                try await access.applications.setLimits(noApplication, to: .unlimited)
            }
        }
    }
}

@Suite("Stages")
struct StageTests {
    @Test("stand in records by numbers that never change")
    func recordValues() {
        #expect(Stage.allCases.map(\.recordValue) == [0, 1])
        #expect((0...2 as ClosedRange<UInt8>).map(Stage.init(recordValue:)) == [.sandbox, .production, nil])
    }
}

@Suite("Keys")
struct KeyStoreTests {
    @Test("are found as they were made, without their text", arguments: StoreEngine.allCases, Stage.allCases)
    func findsWhatWasMade(_ engine: StoreEngine, stage: Stage) async throws {
        try await withAccess(engine) { access, _ in
            var draft = KeyDraft(application: try await access.makeApplication(stage: stage).id, name: "Nightly")
            draft.scopes = [.inference, .models]
            draft.allowedModels = ["a", "b/c"]
            draft.networks = [try Network(parsing: "10.0.0.0/8"), try Network(parsing: "2001:db8::/32")]
            draft.limits = LimitSettings(concurrentRequests: 3)
            draft.expiresAt = now.adding(.seconds(60))
            let issued = try await access.keys.create(draft, at: now)
            let key = try #require(try await access.keys.find(issued.key.id))
            #expect(key == issued.key)
            #expect(key.scopes == draft.scopes)
            #expect(key.allowedModels == draft.allowedModels)
            #expect(key.networks == draft.networks)
            #expect(key.limits == draft.limits)
            #expect(key.expiresAt == draft.expiresAt)
            let text = issued.secret.reveal()
            #expect(APIKeyText.parse(text) == .wellFormed(stage))
            #expect(text.hasPrefix(key.hint) && key.hint.count == text.count - 34)
            #expect(try await access.keys.list(of: draft.application) == [key])
        }
    }

    @Test("are revoked once", arguments: StoreEngine.allCases)
    func revokes(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, _ in
            let key = try await access.makeKey().key
            #expect(key.isLive(at: now))
            #expect(try await access.keys.revoke(key.id, at: now))
            #expect(try await access.keys.revoke(key.id, at: now) == false)
            #expect(try await access.keys.revoke(KeyID(at: now), at: now) == false)
            #expect(try await access.keys.find(key.id)?.isLive(at: now) == false)
        }
    }

    @Test("are rotated with an overlap, keeping their settings", arguments: StoreEngine.allCases)
    func rotates(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, _ in
            var draft = KeyDraft(application: try await access.makeApplication().id, name: "Key")
            draft.scopes = [.embeddings]
            draft.expiresAt = now.adding(.seconds(1_000))
            let old = try await access.keys.create(draft, at: now)
            let later = now.adding(.seconds(500))
            let new = try await access.keys.rotate(old.key.id, overlap: .seconds(100), at: later)
            #expect(new.secret.reveal() != old.secret.reveal())
            #expect(new.key.rotatedFrom == old.key.id)
            #expect(new.key.scopes == [.embeddings])
            #expect(new.key.expiresAt == later.adding(.seconds(1_000)))
            let rotated = try #require(try await access.keys.find(old.key.id))
            #expect(rotated.isLive(at: later.adding(.seconds(99))))
            #expect(!rotated.isLive(at: later.adding(.seconds(100))))
        }
    }

    @Test("have every file of migrations applied")
    func migrationsAreListed() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/Access/Resources/Migrations")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(Set(files.map { String($0.prefix { $0 != "." }) }) == Set(Access.migrations.map(\.name)))
    }

    @Test("have one live successor in the store too", arguments: StoreEngine.allCases)
    func successorIsUnique(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, store in
            let draft = KeyDraft(application: try await access.makeApplication().id, name: "Key")
            let old = try await access.keys.create(draft, at: now).key.id
            _ = try await access.keys.rotate(old, overlap: .seconds(100), at: now)
            let other = try await access.keys.create(draft, at: now).key.id
            await #expect(throws: StorageError.self) {
                try await store.open().write {
                    try $0.execute("UPDATE keys SET rotated_from = $1 WHERE id = $2", [old, other])
                }
            }
        }
    }

    @Test("have one live successor", arguments: StoreEngine.allCases)
    func rotateOnce(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, _ in
            let draft = KeyDraft(application: try await access.makeApplication().id, name: "Key")
            let old = try await access.keys.create(draft, at: now).key.id
            let new = try await access.keys.rotate(old, overlap: .seconds(100), at: now).key.id
            await #expect(throws: AccessError.keyRotated(old, successor: new)) {
                try await access.keys.rotate(old, overlap: .seconds(100), at: now)
            }
            try await access.keys.revoke(new, at: now)
            #expect(try await access.keys.rotate(old, overlap: .seconds(100), at: now).key.rotatedFrom == old)
        }
    }

    @Test("never live longer by being rotated", arguments: StoreEngine.allCases)
    func rotationNeverExtends(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, _ in
            var draft = KeyDraft(application: try await access.makeApplication().id, name: "Key")
            draft.expiresAt = now.adding(.seconds(10))
            let old = try await access.keys.create(draft, at: now)
            _ = try await access.keys.rotate(old.key.id, overlap: .seconds(100), at: now)
            #expect(try await access.keys.find(old.key.id)?.expiresAt == draft.expiresAt)
            let id = old.key.id
            await #expect(throws: AccessError.keyNotLive(id)) {
                try await access.keys.rotate(id, overlap: .zero, at: now.adding(.seconds(10)))
            }
            try await access.keys.revoke(id, at: now)
            await #expect(throws: AccessError.keyNotLive(id)) {
                try await access.keys.rotate(id, overlap: .zero, at: now)
            }
        }
    }

    @Test("are refused without an application, scope or future", arguments: StoreEngine.allCases)
    func refusesNonsense(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, _ in
            let nowhere = KeyDraft(application: ApplicationID(at: now), name: "Key")
            await #expect(throws: AccessError.unknownApplication(nowhere.application)) {
                try await access.keys.create(nowhere, at: now)
            }
            let application = try await access.makeApplication().id
            await #expect(throws: AccessError.noScope) {
                var draft = KeyDraft(application: application, name: "Key")
                draft.scopes = []
                _ = try await access.keys.create(draft, at: now)
            }
            await #expect(throws: AccessError.expiryInThePast) {
                var draft = KeyDraft(application: application, name: "Key")
                draft.expiresAt = now
                _ = try await access.keys.create(draft, at: now)
            }
            #expect(throws: AccessError.unknownScope("chat")) { try KeyScopes(names: ["inference", "chat"]) }
        }
    }

    @Test("have their text nowhere in the store", arguments: [StoreEngine.sqlite])
    func storesNoText(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, store in
            let text = try await access.makeKey().secret.reveal()
            // All but the hint, which may be shown.
            let secret = Array(text.utf8.dropFirst(16))
            let files = try store.folder.contents()
            #expect(!files.isEmpty)
            for (name, bytes) in files {
                #expect(bytes.firstRange(of: secret) == nil, "\(name)")
            }
        }
    }
}

@Suite("The first run")
struct FirstRunTests {
    @Test("gives an empty store one sandbox key, whoever asks", arguments: StoreEngine.allCases)
    func preparesOnce(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, store in
            let issued = try await withThrowingTaskGroup(of: IssuedKey?.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await Access(database: store.open(), digester: testDigester).prepareFirstRun(at: now)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(issued.compactMap(\.self).count == 1)
            let key = try #require(issued.compactMap(\.self).first)
            #expect(APIKeyText.parse(key.secret.reveal()) == .wellFormed(.sandbox))
            #expect(try await access.keys.list() == [key.key])
        }
    }

    @Test("takes its digest key for good", arguments: StoreEngine.allCases)
    func keepsDigestKey(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, store in
            try await access.checkDigestKey()
            try await access.checkDigestKey()
            let other = Access(database: try await store.open(), digester: KeyDigester(secret: Array(1...32)))
            await #expect(throws: AccessError.digestKeyDiffers) { try await other.checkDigestKey() }
        }
    }
}
