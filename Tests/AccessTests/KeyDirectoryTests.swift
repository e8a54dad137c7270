import Limits
import Logging
import ServiceLifecycle
import Storage
import StorageTesting
import Testing

@testable import Access

@Suite("The key directory", .timeLimit(.minutes(10)))
struct KeyDirectoryTests {
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Runs `body` while a directory follows the store; `other` is the desk on a handle such as another process has.
    static func withDirectory(
        _ engine: StoreEngine, options: KeyDirectory.Options = .init(),
        _ body: (KeyDirectory, _ other: Access) async throws -> Void
    ) async throws {
        try await withAccess(engine) { _, store in
            let other = Access(database: try await store.open(), digester: testDigester)
            let directory = try await KeyDirectory(database: store.open(), options: options, logger: logger)
            let services = ServiceGroup(services: [directory], logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await services.run() }
                try await body(directory, other)
                await services.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
    }

    /// Waits until `condition` holds, at most twenty seconds; returns whether it did. The end-to-end tests hold the one
    /// second that is promised: here hundreds of tests share two cores.
    static func soon(_ condition: () async throws -> Bool) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < end {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return try await condition()
    }

    static func entry(_ directory: KeyDirectory, _ issued: IssuedKey) -> KeyEntry? {
        directory.current.entry(for: testDigester.digest(issued.secret.reveal()))
    }

    @Test(
        "knows a key made by another process, and forgets it when revoked, soon",
        arguments: StoreEngine.allCases)
    func followsOthers(_ engine: StoreEngine) async throws {
        try await Self.withDirectory(engine) { directory, other in
            let issued = try await other.makeKey(stage: .production)
            #expect(try await Self.soon { Self.entry(directory, issued) != nil })
            let entry = try #require(Self.entry(directory, issued))
            #expect(entry.key == issued.key.id)
            #expect(entry.application == issued.key.application)
            #expect(entry.stage == .production)
            #expect(entry.limits.application.settings == .production)
            #expect(entry.limits.key.settings == .unlimited)
            try await other.keys.revoke(issued.key.id, at: now)
            #expect(try await Self.soon { Self.entry(directory, issued) == nil })
        }
    }

    @Test(
        "takes up other default limits in an object of their own, and follows the store there",
        arguments: StoreEngine.allCases)
    func followsLimits(_ engine: StoreEngine) async throws {
        try await Self.withDirectory(engine) { directory, other in
            let issued = try await other.makeKey(stage: .production)
            #expect(try await Self.soon { Self.entry(directory, issued) != nil })
            let before = directory.snapshot
            let old = try #require(Self.entry(directory, issued))
            old.noteUse(at: now)
            var limits = LimitDefaults()
            limits.production.requestsPerMinute = 7
            let next = try await directory.prepare(limits)
            #expect(Self.entry(directory, issued)?.limits.application.settings == .production)
            await directory.follow(next)
            #expect(directory.snapshot === next.snapshot && directory.snapshot !== before)
            let new = try #require(Self.entry(directory, issued))
            #expect(new.limits.application.settings == limits.production)
            // Whoever decides by the old limits goes on to, and both note the same key's use.
            #expect(before.current.entry(for: issued.key.id)?.limits.application.settings == .production)
            #expect(new.use === old.use)
            try await other.keys.revoke(issued.key.id, at: now)
            #expect(try await Self.soon { Self.entry(directory, issued) == nil })
        }
    }

    @Test("a key's use is written that was made while other limits were got ready")
    func usesBetween() async throws {
        try await withAccess(.sqlite) { access, store in
            let directory = try await KeyDirectory(database: store.open(), logger: Self.logger)
            let next = try await directory.prepare(LimitDefaults())
            let issued = try await access.makeKey()
            await directory.refresh()
            try #require(Self.entry(directory, issued)).noteUse(at: now)
            await directory.follow(next)
            #expect(Self.entry(directory, issued) != nil)
            await directory.flush()
            let key = try await access.keys.find(issued.key.id)
            #expect(key?.lastUsedAt == now)
        }
    }

    @Test("takes the worse standing of organisation and application", arguments: Standing.allCases, Standing.allCases)
    func takesWorseStanding(ofOrganisation: Standing, ofApplication: Standing) async throws {
        try await withAccess(.sqlite) { access, store in
            let issued = try await access.makeKey()
            let application = try #require(try await access.applications.find(issued.key.application))
            try await access.applications.setStanding(application.id, to: ofApplication)
            try await access.organisations.setStanding(application.organisation, to: ofOrganisation)
            let directory = try await KeyDirectory(database: store.open(), logger: Self.logger)
            let expected: Standing =
                ofOrganisation == .suspended || ofApplication == .suspended
                ? .suspended : ofOrganisation == .good && ofApplication == .good ? .good : .restricted
            #expect(Self.entry(directory, issued)?.standing == expected)
        }
    }

    @Test("puts stated limits in the place of the stage's", arguments: StoreEngine.allCases)
    func overridesLimits(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, store in
            let issued = try await access.makeKey()
            let application = issued.key.application
            try await access.applications.setLimits(application, to: LimitSettings(requestsPerMinute: 5))
            try await access.keys.setLimits(issued.key.id, to: LimitSettings(concurrentRequests: 1))
            let second = try await access.keys.create(KeyDraft(application: application, name: "Other"), at: now)
            let directory = try await KeyDirectory(database: store.open(), logger: Self.logger)
            let first = try #require(Self.entry(directory, issued))
            var expected = LimitSettings.sandbox
            expected.requestsPerMinute = 5
            #expect(first.limits.application.settings == expected)
            #expect(first.limits.key.settings == LimitSettings(concurrentRequests: 1))
            #expect(Self.entry(directory, second)?.limits.application === first.limits.application)
        }
    }

    @Test("writes when keys were used, and on shutdown what is left", arguments: StoreEngine.allCases)
    func writesUses(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, store in
            let issued = try await access.makeKey()
            let revoked = try await access.makeKey()
            let directory = try await KeyDirectory(database: store.open(), logger: Self.logger)
            let revision = directory.current.revision
            Self.entry(directory, issued)?.noteUse(at: now)
            Self.entry(directory, revoked)?.noteUse(at: now)
            try await access.keys.revoke(revoked.key.id, at: now)
            await directory.refresh()
            #expect(Self.entry(directory, revoked) == nil)
            let changed = directory.current.revision
            #expect(changed > revision)
            await directory.flush()
            #expect(try await access.keys.find(issued.key.id)?.lastUsedAt == now)
            #expect(try await access.keys.find(revoked.key.id)?.lastUsedAt == now)
            // A use is no change: nothing is loaded again.
            await directory.refresh()
            #expect(directory.current.revision == changed)

            let later = now.adding(.seconds(2))
            Self.entry(directory, issued)?.noteUse(at: later)
            let services = ServiceGroup(services: [directory], logger: Self.logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await services.run() }
                await services.triggerGracefulShutdown()
                try await group.waitForAll()
            }
            #expect(try await access.keys.find(issued.key.id)?.lastUsedAt == later)
        }
    }

    @Test("keeps what it knows while the store fails, and says when that is stale", arguments: StoreEngine.allCases)
    func survivesFailure(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, store in
            let issued = try await access.makeKey()
            let database = try await store.open()
            let directory = try await KeyDirectory(database: database, logger: Self.logger)
            try await database.close()
            await directory.refresh()
            #expect(Self.entry(directory, issued) != nil)
            #expect(!directory.isStale())
            #expect(directory.isStale(at: .now + .seconds(31)))
        }
    }

    @Test("leaves out a key that it can't read, and still serves the others", arguments: StoreEngine.allCases)
    func leavesOutUnreadable(_ engine: StoreEngine) async throws {
        try await withAccess(engine) { access, store in
            let good = try await access.makeKey()
            let bad = try await access.makeKey()
            let database = try await store.open()
            try await database.write {
                try $0.execute("UPDATE keys SET networks = $1 WHERE id = $2", [#"["10.0.0.1/8"]"#, bad.key.id])
            }
            let directory = try await KeyDirectory(database: database, logger: Self.logger)
            #expect(Self.entry(directory, good) != nil)
            #expect(Self.entry(directory, bad) == nil)
        }
    }

    @Test(
        "refuses the keys of an organisation or application that it can't read, and still follows all others",
        arguments: StoreEngine.allCases, ["organisations", "applications"])
    func leavesOutUnreadableOwner(_ engine: StoreEngine, table: String) async throws {
        try await withAccess(engine) { access, store in
            let (good, bad) = (try await access.makeKey(), try await access.makeKey())
            let application = try #require(try await access.applications.find(bad.key.application))
            let owner = table == "applications" ? application.id.description : application.organisation.description
            let database = try await store.open()
            let directory = try await KeyDirectory(database: database, logger: Self.logger)
            #expect(Self.entry(directory, bad) != nil)
            try await database.write {
                try $0.execute("UPDATE \(table) SET limits = $1 WHERE id = $2", ["no JSON", owner])
            }
            await directory.refresh()
            #expect(Self.entry(directory, good) != nil)
            #expect(Self.entry(directory, bad) == nil)
            try await access.keys.revoke(good.key.id, at: now)
            await directory.refresh()
            #expect(Self.entry(directory, good) == nil)
            #expect(!directory.isStale())
        }
    }
}
