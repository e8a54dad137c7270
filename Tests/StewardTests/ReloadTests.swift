import Filtering
import Foundation
import Gateway
import Logging
import ServiceLifecycle
import Snapshots
import Telemetry
import Testing

@testable import Steward

@Suite("What differs between settings in force and those read again")
struct SettingsChangesTests {
    static func load(_ yaml: String, _ environment: [String: String] = [:]) throws -> Settings {
        try SettingsLoader(environment: environment).load(yaml: yaml, file: "steward.yaml")
    }

    static func changes(_ old: String, _ new: String, _ environment: [String: String] = [:]) throws -> SettingsChanges {
        SettingsChanges(from: try load(old, environment), to: try load(new, environment))
    }

    /// A value that is right and no default, as the file has it.
    static func another(_ setting: Setting) -> String? {
        let other: String? =
            switch setting.kind {
            case .text: "another"
            case .flag: setting.fallback == "true" ? "false" : "true"
            case .choice(let words): words.first { $0 != setting.fallback }
            case .integer(let range): range.map(String.init).first { $0 != setting.fallback }
            case .limit: "123"
            case .amount, .price: "12.5"
            case .letters: "EUR"
            case .bytes(let range): "\(range.lowerBound)"
            case .duration(let range): DurationText.text(range.lowerBound)
            case .host: "192.0.2.1"
            case .url: "http://192.0.2.1"
            case .folder: "/another"
            case .networks: "[192.0.2.1]"
            case .headerNames: "[x-another]"
            case .levels: "{steward: debug}"
            case .databaseURL: "postgres://steward@192.0.2.1/steward"
            // Need a file or a variable, or one another; told by the catalogue alone.
            case .requestPath, .file, .secretVariable, .secretFile, .files, .texts, .choices: nil
            }
        return other
    }

    @Test(
        "each setting is either taken up, or told and kept as it was",
        arguments: SettingsCatalogue.all.map(\.path))
    func everySetting(path: String) throws {
        let setting = try #require(SettingsCatalogue.byPath[path])
        guard let value = Self.another(setting) else { return }
        let old = try Self.load("")
        // Sizes and days are bound to one another; the others are right by themselves.
        guard let new = try? Self.load(SettingsMatrixTests.yaml(path, value)) else { return }
        let changes = SettingsChanges(from: old, to: new)
        let kept = new.keeping(old)
        switch setting.uptake {
        case .reload:
            #expect(changes.applied.map(\.setting) == [path] && changes.pending.isEmpty)
            #expect(kept.effective[path].value == new.effective[path].value)
        case .restart:
            #expect(changes.pending.map(\.setting) == [path] && changes.applied.isEmpty)
            #expect(kept.effective[path].value == old.effective[path].value)
        }
    }

    @Test("what listens, what is stored and where, and what is shared need a restart; what decides does not")
    func uptakes() {
        let restart = SettingsCatalogue.all.filter { $0.uptake == .restart }.map(\.path)
        for prefix in ["database.", "keys.", "data.", "telemetry.", "limits.shared.", "gateway.tls."] {
            for setting in SettingsCatalogue.all where setting.path.hasPrefix(prefix) {
                #expect(restart.contains(setting.path))
            }
        }
        for prefix in ["filter.", "guidelines.", "headers.", "resilience.", "rehearsal.", "limits.sandbox."] {
            #expect(!restart.contains { $0.hasPrefix(prefix) })
        }
        for setting in ModelCatalogue.wholeModel + ModelCatalogue.wholeUpstream { #expect(setting.uptake == .reload) }
        // They are checked together, so none of them may be kept while another is taken up.
        for pair in [
            ("gateway.http.body_bytes_max", "gateway.http.bytes_in_flight_max"),
            ("gateway.http.event_bytes_max", "gateway.http.answer_bytes_max"),
            ("records.retention_days", "records.usage_retention_days"),
            ("database.url", "database.password_env"), ("limits.shared.user", "limits.shared.password_env"),
        ] {
            #expect(SettingsCatalogue.byPath[pair.0]?.uptake == SettingsCatalogue.byPath[pair.1]?.uptake)
        }
    }

    @Test("a change says what was and what is, and shows no secret")
    func descriptions() throws {
        let old = "limits: {sandbox: {requests_per_minute: 5}}\ndatabase: {url: 'postgres://u:sesame@db/s'}\n"
        let new = "gateway: {port: 81}\ndatabase: {url: 'postgres://u:sesame2@db2/s'}\n"
        let changes = try Self.changes(old, new)
        #expect(changes.applied.map(\.description) == ["limits.sandbox.requests_per_minute: 5 → 20"])
        #expect(changes.pending.map(\.setting) == ["gateway.port", "database.url"])
        #expect(changes.pending.first?.description == "gateway.port: 8080 → 81")
        #expect(!"\(changes.pending)".contains("sesame"))
    }

    private static func models(_ names: [String], weight: Int = 1, more: String = "") -> String {
        "models:\n"
            + names.map { name in
                """
                  - name: \(name)
                    \(more)
                    upstreams:
                      - {url: "http://127.0.0.1:8000", weight: \(weight), credential_env: KEY}
                """
            }.joined(separator: "\n")
    }

    @Test("models that come, go or change are told by name and field")
    func models() throws {
        let keys = ["KEY": "sesame"]
        #expect(
            try Self.changes(Self.models(["a", "b"]), Self.models(["b", "c"]), keys).applied.map(\.description) == [
                "models[a]: served → –", "models[c]: – → served",
            ])
        #expect(
            try Self.changes(Self.models(["a"]), Self.models(["a"], weight: 3, more: "aliases: [x]"), keys)
                .applied.map(\.description) == [
                    "models[a].aliases: [] → [x]", "models[a].upstreams[a-1].weight: 1 → 3",
                ])
        #expect(
            try Self.changes(Self.models(["a", "b"]), Self.models(["b", "a"]), keys).applied.map(\.description)
                == ["models: a, b → b, a"])
        let old = try Self.load(Self.models(["a"]), keys)
        let rotated = try Self.load(Self.models(["a"]), ["KEY": "sesame2"])
        let changes = SettingsChanges(from: old, to: rotated)
        #expect(changes.applied.map(\.setting) == ["models[a].upstreams[a-1] credential"])
        #expect(!"\(changes.applied)".contains("sesame"))
        #expect(SettingsChanges(from: old, to: rotated, servesModels: false).applied.isEmpty)
    }
}

@Suite("A configuration that is read again")
struct ConfigurationReadingTests {
    private static func reader(_ file: String) -> ConfigurationReader {
        ConfigurationReader(loader: SettingsLoader(environment: [:]), file: file)
    }

    private static let rule = """
        rules:
          - {id: house/word, category: privacy, pattern: '\\bnightingale\\b', matches: [nightingale], non_matches: [x]}

        """

    @Test("takes over what has not changed, and says what has")
    func takesOver() throws {
        let rules = try TemporaryFile(Self.rule, named: "rules.yaml")
        let file = try TemporaryFile("filter: {rules: ['\(rules.path)']}\n", named: "steward.yaml")
        let reader = Self.reader(file.path)
        let first = try Configuration(try reader.loader.load(file: file.path))
        let (same, none) = try reader.read(after: first)
        #expect(same.policy === first.policy && same.differences(from: first, none).isEmpty)
        try "filter: {rules: ['\(rules.path)'], hold_back_bytes_max: 600}\n".write(toFile: file.path)
        let (other, changes) = try reader.read(after: same)
        #expect(other.policy !== first.policy && other.policy.rules === first.policy.rules)
        #expect(other.differences(from: same, changes) == ["filter.hold_back_bytes_max: 512 → 600"])
        try (Self.rule + Self.rule.split(separator: "\n")[1].replacing("house/word", with: "house/other"))
            .write(toFile: rules.path)
        let (more, unchanged) = try reader.read(after: other)
        let count = first.policy.rules.rules.count
        #expect(more.differences(from: other, unchanged) == ["rules: \(count) → \(count + 1)"])
    }

    @Test("lets go of what ends on a day, without reading anything again")
    func ends() throws {
        let overrides = try TemporaryFile(
            """
            allowed:
              - {text: press@example.org, rules: [pii/email], owner: jane, expires: 2027-03-01, reason: Ours.}
            shadow:
              - {rule: pii/email, owner: jane, reason: New., expires: 2027-02-01}
            """, named: "policy.yaml")
        let file = try TemporaryFile("filter: {policy: '\(overrides.path)'}\n", named: "steward.yaml")
        let first = try Configuration(try Self.reader(file.path).loader.load(file: file.path))
        unlink(overrides.path)
        func day(_ text: String) throws -> PolicyDay { try #require(PolicyDay(text)) }
        func counts(_ texts: PolicyTexts) -> [Int] { [texts.overrides.allowed.count, texts.overrides.shadowed.count] }
        #expect(counts(first.texts.on(try day("2027-01-31"))) == [1, 1])
        let february = try Configuration(first, on: day("2027-02-01"))
        #expect(counts(february.texts) == [1, 0] && february.policy !== first.policy)
        #expect(february.policy.rules === first.policy.rules)
        #expect(counts(try Configuration(february, on: day("2027-03-01")).texts) == [0, 0])
        // A clock that is set back is believed.
        #expect(counts(try Configuration(february, on: day("2027-01-01")).texts) == [1, 1])
        let notices = first.texts.notices(on: try day("2027-02-15"))
        #expect(notices.count == 2 && notices[0].contains("The allowed text for pii/email of jane ends on 2027-03-01"))
        #expect(notices[1].contains("`pii/email` of jane has ended on 2027-02-01"))
        #expect(first.texts.notices(on: try day("2027-01-01")).isEmpty)
        #expect(try day("2024-02-20").adding(days: 14) == day("2024-03-05"))
    }

    @Test("is refused as a whole where the file is gone, although a start would do without one")
    func gone() throws {
        let file = try TemporaryFile("desk: {name: Here}\n", named: "steward.yaml")
        let reader = Self.reader(file.path)
        let first = try Configuration(try reader.loader.load(file: file.path))
        unlink(file.path)
        let unnamed = ConfigurationReader(loader: reader.loader, file: nil)
        #expect(throws: SettingProblems.self) { try unnamed.read(after: first) }
    }
}

@Suite("Hangups", .timeLimit(.minutes(10)))
struct ReloadServiceTests {
    /// Reloads that begin when they are told to end.
    private final class Reloads: Sendable {
        let state = Lock((begun: 0, ended: 0))
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)

        func reload() async {
            state.withLock { $0.begun += 1 }
            for await _ in gate { break }
            state.withLock { $0.ended += 1 }
        }

        func wait(_ condition: ((begun: Int, ended: Int)) -> Bool) async throws {
            while !state.withLock({ condition($0) }) { try await Task.sleep(for: .milliseconds(2)) }
        }
    }

    @Test("during a reload lead to exactly one more, after it")
    func oneMore() async throws {
        let reloads = Reloads()
        let (hangups, hangup) = AsyncStream.makeStream(of: Void.self)
        let service = ReloadService(hangups: hangups, reload: { await reloads.reload() }, begin: { _ in })
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await service.run() }
            hangup.yield()
            try await reloads.wait { $0.begun == 1 }
            for _ in 0..<50 { hangup.yield() }
            // All fifty have been taken in before the first ends.
            try await Task.sleep(for: .milliseconds(50))
            reloads.opening.yield()
            try await reloads.wait { $0.begun == 2 }
            #expect(reloads.state.withLock { $0.ended } == 1)
            reloads.opening.yield()
            try await reloads.wait { $0.ended == 2 }
            hangup.yield()
            try await reloads.wait { $0.begun == 3 }
            #expect(reloads.state.withLock { $0.begun } == 3)
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    @Test("that fail are seen, without taking the gateway out of service, until one succeeds")
    func status() {
        let (metrics, health) = (MetricsRegistry(), Health())
        let status = ReloadStatus(in: metrics, health)
        func text() -> String { String(decoding: metrics.render(), as: UTF8.self) }
        #expect(health.readiness.components.map(\.state) == [.green])
        #expect(text().contains("steward_configuration_reloads_total{result=\"refused\"} 0"))
        status.refused(["steward.yaml:1:1: Wrong.", "steward.yaml:2:1: Wrong too."])
        guard case .degraded(let reason) = health.readiness.components[0].state else { return #expect(Bool(false)) }
        #expect(reason.contains("steward.yaml:1:1: Wrong.") && reason.contains("1 more"))
        #expect(health.readiness.isGreen)
        #expect(text().contains("steward_configuration_reloads_total{result=\"refused\"} 1"))
        status.note(.unchanged, pending: 2)
        #expect(health.readiness.components.map(\.state) == [.green])
        #expect(text().contains("steward_configuration_restarts_pending 2"))
        #expect(text().contains("steward_configuration_applied_timestamp_seconds "))
    }
}
