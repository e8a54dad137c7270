import Foundation
import Testing

@testable import Access
@testable import Steward

@Suite("Settings: layers")
struct SettingsLayerTests {
    /// For each setting a value for the file, for the variable and for the flag, all different.
    static func values(_ kind: SettingKind) -> [String]? {
        switch kind {
        case .text, .folder, .requestPath: ["/a", "/b", "/c"]
        case .integer(let range): (0..<3).map { String(range.lowerBound + $0) }
        case .limit: ["1", "2", "unlimited"]
        case .amount, .price: ["1", "2.50", "0.000001"]
        case .letters: ["EUR", "GBP", "Credits"]
        case .bytes(let range): (0..<3).map { String(range.lowerBound + $0) }
        case .duration(let range):
            (0..<3).map { DurationText.text(max(range.lowerBound, .milliseconds(11)) + .milliseconds($0)) }
        case .host: ["a.example", "b.example", "c.example"]
        case .databaseURL: ["postgres://a/b", "postgres://b/c", "postgres://c/d"]
        case .url: ["http://a", "http://b", "http://c"]
        case .networks: ["10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8"]
        case .headerNames: ["x-a", "x-b", "x-c"]
        case .levels: ["a=info", "b=info", "c=info"]
        case .choice(let words): words.count > 2 ? Array(words.prefix(3)) : [words[0], words[1], words[0]]
        case .flag: ["true", "false", "true"]
        case .file, .files, .secretFile, .secretVariable, .texts, .choices: nil
        }
    }

    @Test(
        "a flag wins over a variable, a variable over the file, the file over the default",
        arguments: SettingsCatalogue.all.map(\.path))
    func precedence(path: String) throws {
        let setting = try #require(SettingsCatalogue.byPath[path])
        // Its bounds are tied to those of other settings.
        let tied = [
            "body_bytes_max", "bytes_in_flight_max", "event_bytes_max", "answer_bytes_max", "retention_days",
            "limits.shared.user",
        ]
        guard let values = Self.values(setting.kind), !tied.contains(where: path.hasSuffix) else { return }
        let inFile =
            setting.kind == .levels
            ? "{\(values[0].replacing("=", with: ": "))}" : setting.kind.isList ? "[\(values[0])]" : values[0]
        let yaml = SettingsMatrixTests.yaml(path, inFile)
        for level in 0..<4 {
            let environment = level >= 2 ? [setting.variable: values[1]] : [:]
            let flags = level == 3 ? [FlagSetting(path: path, flag: "--flag", texts: [values[2]])] : []
            let settings = try SettingsLoader(environment: environment, flags: flags)
                .load(yaml: level >= 1 ? yaml : nil, file: "steward.yaml")
            let entry = settings.effective[path]
            switch level {
            case 0: #expect(entry.place == .fallback)
            case 1: #expect(entry.place.order.0 == 0)
            case 2: #expect(entry.place == .variable(setting.variable))
            default: #expect(entry.place == .flag("--flag"))
            }
            let expected =
                level == 0
                ? setting.fallbackValue : try setting.kind.read([values[level - 1]], for: path, environment: [:])
            #expect(entry.value == expected)
        }
    }

    @Test("a wrong value is a problem although another layer wins")
    func hiddenProblems() {
        #expect(
            SettingsMatrixTests.problems("gateway: {port: x}", environment: ["STEWARD_GATEWAY_PORT": "1"]).count == 1)
    }

    @Test("an empty variable says nothing, and a list is separated by commas")
    func variables() throws {
        let settings = try SettingsLoader(environment: [
            "STEWARD_GATEWAY_PORT": "", "STEWARD_GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8, ::1 ,",
        ]).load(yaml: nil, file: "")
        #expect(settings.effective["gateway.port"].place == .fallback)
        #expect(settings.effective.list("gateway.trusted_proxies") == ["10.0.0.0/8", "::1"])
    }

    @Test("a variable that nothing reads is a notice if it looks like a misspelt one, and no error")
    func unknownVariables() throws {
        let settings = try SettingsLoader(environment: ["STEWARD_GATEWAY_PROT": "1", "STEWARD_SHARED": "/x"])
            .load(yaml: nil, file: "")
        #expect(
            settings.notices == [
                "No setting reads the variable STEWARD_GATEWAY_PROT. Did you mean STEWARD_GATEWAY_PORT?"
            ])
    }

    @Test("paths in the file are relative to the file")
    func relativePaths() throws {
        let rules = try TemporaryFile("rules: []", named: "rules.yaml")
        let name = try #require(rules.path.split(separator: "/").last)
        let settings = try SettingsLoader(environment: [:]).load(
            yaml: "filter: {rules: [\(name)]}\ndata: {dir: store}", file: TemporaryFolder.shared + "/steward.yaml")
        #expect(settings.effective.list("filter.rules") == [rules.path])
        #expect(settings.dataFolder == TemporaryFolder.shared + "/store")
    }

    @Test("what the parts get is what was set")
    func typed() throws {
        let settings = try SettingsLoader(environment: [:]).load(
            yaml: """
                gateway:
                  observe_only: true
                  http: {drain_timeout: 1500ms, body_bytes_max: 1MiB}
                limits:
                  sandbox: {tokens_per_day: unlimited}
                records: {failure: open, durability: power}
                log: {levels: {steward.gateway: debug}}
                headers: {to_upstream: [X-Trace]}
                """, file: "steward.yaml")
        let gateway = try settings.gateway(models: [], desk: "http://desk")
        #expect(gateway.observesOnly)
        #expect(gateway.http.drainTimeout == .milliseconds(1_500))
        #expect(gateway.http.bodyBytesMax == 1 << 20)
        #expect(gateway.recordFailure == .open)
        #expect(gateway.headers.toUpstream == ["x-trace"])
        #expect(settings.limits.sandbox.tokensPerDay == nil)
        #expect(settings.limits.sandbox.requestsPerMinute == 20)
        #expect(settings.journal(folder: "j").durability == .power)
        #expect(settings.logLevels.level(for: "steward.gateway.pool") == .debug)
    }

    @Test("the catalogue's defaults are those of the parts")
    func sameDefaults() throws {
        let settings = try SettingsLoader(environment: [:]).load(yaml: nil, file: "")
        let defaults = LimitDefaults()
        #expect(settings.limits == defaults)
        #expect(settings.retention == .init())
        #expect(settings.desk.host == "127.0.0.1")
    }

    @Test("the file is that of the flag, else that of STEWARD_CONFIG, which no setting is")
    func namedFile() throws {
        let (first, second) = (
            try TemporaryFile("gateway: {threads: 2}", named: "a.yaml"),
            try TemporaryFile("gateway: {threads: 3}", named: "b.yaml")
        )
        let loader = SettingsLoader(environment: ["STEWARD_CONFIG": first.path])
        let settings = try loader.load(file: nil)
        #expect(settings.effective.integer("gateway.threads") == 2)
        #expect(settings.notices.isEmpty)
        #expect(try loader.load(file: second.path).effective.integer("gateway.threads") == 3)
        let error = #expect(throws: SettingProblems.self) {
            try SettingsLoader(environment: ["STEWARD_CONFIG": first.path + ".none"]).load(file: nil)
        }
        #expect(error?.problems.map(\.place) == [.variable("STEWARD_CONFIG")])
    }
}
