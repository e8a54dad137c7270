import Foundation
import Gateway
import Testing

@testable import Steward

@Suite("Settings: models and upstreams")
struct ModelSettingsTests {
    static let whole = """
        models:
          - name: small
            aliases: [tiny]
            upstreams:
              - url: http://127.0.0.1:8000
        """

    /// A file whose only model or upstream has one more field.
    static func yaml(_ setting: Setting, _ value: String) -> String {
        let name = setting.name
        for section in ["timeouts", "health"] where setting.path.contains(".\(section).") {
            return whole + "\n        \(section):\n          \(name): \(value)\n"
        }
        if setting.path.hasPrefix("models[].price.") {
            let others = ["input", "output"].filter { $0 != name }.map { "      \($0): 1\n" }.joined()
            return whole + "\n    price:\n\(others)      \(name): \(value)\n"
        }
        if setting.path.hasPrefix("models[].upstreams[].") {
            return name == "url"
                ? whole.replacing("url: http://127.0.0.1:8000", with: "url: \(value)")
                : whole + "\n        \(name): \(value)\n"
        }
        let replaced = ["name": "name: small", "aliases": "aliases: [tiny]"][name]
        return replaced.map { whole.replacing($0, with: "\(name): \(value)") } ?? whole + "\n    \(name): \(value)\n"
    }

    static let all = ModelCatalogue.wholeModel + ModelCatalogue.wholeUpstream

    @Test("a value of the wrong shape or kind is one problem, at its line", arguments: all.map(\.path))
    func wrong(path: String) throws {
        let setting = try #require(Self.all.first { $0.path == path })
        var values = setting.kind.isList ? ["word"] : ["[1]", "{a: b}"]
        if let wrong = SettingsMatrixTests.wrong(setting.kind) {
            values.append(setting.kind.isList ? "[\(wrong)]" : wrong)
        }
        for value in values + [""] {
            let yaml = Self.yaml(setting, value)
            let problems = SettingsMatrixTests.problems(yaml)
            #expect(problems.count == 1, "\(value): \(problems)")
            let line = yaml.split(separator: "\n", omittingEmptySubsequences: false)
                .firstIndex { $0.contains("\(setting.name): \(value)") && !$0.contains("small") }
            #expect(problems.first?.place.order.1 == line.map { $0 + 1 })
        }
    }

    @Test("a misspelt field is one problem that names the right one", arguments: all.map(\.path))
    func misspelt(path: String) throws {
        let name = try #require(Self.all.first { $0.path == path }).name
        guard name.count > 3, name != "name" else { return }
        let wrong = Setting(path.replacing("." + name, with: "." + name.dropLast()), .text, nil, "")
        let problems = SettingsMatrixTests.problems(Self.yaml(wrong, "1").replacing("aliases", with: "aliases"))
        #expect(problems.count == 1)
        #expect(problems.first?.advice == "Did you mean `\(name)`?")
    }

    @Test(
        "what does not fit together is told",
        arguments: [
            (
                "models: [{name: a, upstreams: [{url: 'http://h'}]}, {name: a, upstreams: [{url: 'http://h', name: x}]}]",
                "taken"
            ),
            ("models: [{name: a, aliases: [b, b], upstreams: [{url: 'http://h'}]}]", "taken"),
            (
                "models: [{name: a, upstreams: [{url: 'http://h', name: x}, {url: 'http://i', name: x}]}]",
                "upstream name"
            ),
            ("models: [{name: a, upstreams: []}]", "empty"),
            ("models: [{name: a}]", "no upstreams"),
            ("models: [{upstreams: [{url: 'http://h'}]}]", "no name"),
            ("models: [{name: a, upstreams: [{name: b}]}]", "no url"),
            (
                "models: [{name: a, output_tokens_default: 9, output_tokens_max: 8, upstreams: [{url: 'http://h'}]}]",
                "above"
            ),
            ("models: [{name: a, upstreams: [{url: 'http://u:p@h'}]}]", "user or password"),
            ("models: [{name: a, upstreams: [{url: 'http://h?key=x'}]}]", "query"),
            ("models: [{name: a, upstreams: [{url: 'http://h', credential_env: UNSET_VARIABLE}]}]", "not set"),
            ("models: [{name: a, upstreams: [{url: 'http://h', dialects: []}]}]", "dialects"),
            ("models: [{name: a, upstreams: [{url: 'http://h', health: {path: /health}}]}]", "no interval"),
            ("models: [{name: a, price: {input: 1}, upstreams: [{url: 'http://h'}]}]", "no output"),
            ("models: [{name: a, price: {input: 1, output: -1}, upstreams: [{url: 'http://h'}]}]", "is negative"),
            (
                "models: [{name: a, price: {input: 1, output: .nan}, upstreams: [{url: 'http://h'}]}]",
                "no decimal number"
            ),
            (
                "models: [{name: a, price: {input: 1, output: 1e-3}, upstreams: [{url: 'http://h'}]}]",
                "no decimal number"
            ),
            (
                "models: [{name: a, price: {input: 1, output: 0.0000001}, upstreams: [{url: 'http://h'}]}]",
                "six decimals"
            ),
            ("models: [{name: a, price: {input: 1, output: 1000001}, upstreams: [{url: 'http://h'}]}]", "too large"),
            ("models: {}", "list"),
            ("gateway: {tls: {certificate_chain: /etc/hostname}}", "set alone"),
            ("gateway: {port: 8081}", "same"),
            ("gateway: {http: {body_bytes_max: 1GiB}}", "above"),
            ("records: {retention_days: 900}", "above"),
        ])
    func inconsistent(yaml: String, part: String) {
        let problems = SettingsMatrixTests.problems(yaml)
        #expect(problems.count == 1, "\(problems)")
        #expect(problems.first?.description.contains(part) == true, "\(problems)")
    }

    @Test("a model is what the file says")
    func assembles() throws {
        let file = try TemporaryFile("from-a-file\n", named: "credential")
        let settings = try SettingsLoader(environment: ["SMALL_KEY": "from-a-variable"]).load(
            yaml: """
                models:
                  - name: small
                    aliases: [tiny]
                    output_tokens_max: 100
                    output_tokens_default: 50
                    hedge_after: 2s
                    admit_unscreened: [images, tokens]
                    upstreams:
                      - url: https://one.example/base/v1/
                        credential_env: SMALL_KEY
                        priority: 2
                        dialects: [completions]
                        timeouts: {connect: 200ms, total: 2m}
                        health: {interval: 5s, path: "/health?deep=1", unhealthy_after: 4}
                      - {url: "http://[::1]:9000", credential_file: \(file.path), name: second, model: other}
                """, file: "steward.yaml")
        let model = try #require(settings.models.first)
        #expect(model.name == "small" && model.aliases == ["tiny"])
        #expect(model.outputTokensMax == 100 && model.outputTokensDefault == 50)
        #expect(model.hedgeAfter == .seconds(2))
        #expect(model.admitsUnscreened == [.images, .tokens])
        let (first, second) = (model.upstreams[0], model.upstreams[1])
        #expect(first.name == "small-1" && first.host == "one.example" && first.port == 443 && first.usesTLS)
        #expect(first.basePath == "/base" && first.priority == 2 && first.dialects == [.completions])
        #expect(first.timeouts.connect == .milliseconds(200) && first.timeouts.total == .minutes(2))
        var check = HealthCheckSettings(interval: .seconds(5))
        check.path = "/health?deep=1"
        check.unhealthyAfter = 4
        #expect(first.health == check && second.health == nil)
        #expect(first.credential != nil && second.credential != nil)
        #expect(second.host == "::1" && second.port == 9_000 && !second.usesTLS && second.model == "other")
    }

    @Test("credentials that are not there stop only who needs them")
    func passesCredentialsOver() throws {
        for field in ["credential_env: NOT_SET", "credential_file: /not/there"] {
            let yaml = "models: [{name: a, upstreams: [{url: 'https://models.example', \(field)}]}]"
            #expect(throws: SettingProblems.self) {
                try SettingsLoader(environment: [:]).load(yaml: yaml, file: "s.yaml")
            }
            let settings = try SettingsLoader(environment: [:], readsCredentials: false).load(
                yaml: yaml, file: "s.yaml")
            #expect(settings.models.first?.upstreams.count == 1)
        }
    }

    @Test("a credential that goes over the network unencrypted is a notice; on loopback it is none")
    func plainCredential() throws {
        let loader = SettingsLoader(environment: ["K": "secret"])
        func notices(_ url: String) throws -> Int {
            try loader.load(
                yaml: "models: [{name: a, upstreams: [{url: '\(url)', credential_env: K}]}]", file: "s.yaml"
            ).notices.count
        }
        #expect(try notices("http://models.example") == 1)
        #expect(try notices("https://models.example") == 0)
        #expect(try notices("http://127.0.0.1:9000") == 0)
    }

    @Test("the catalogue's defaults are those of the gateway")
    func sameDefaults() throws {
        let settings = try SettingsLoader(environment: [:]).load(yaml: Self.whole, file: "s.yaml")
        let ours = try settings.gateway(models: [], desk: "d")
        let theirs = GatewaySettings(models: [], addresses: .init(desk: "d"))
        #expect("\(ours.http)" == "\(theirs.http)")
        #expect("\(ours.dialects)" == "\(theirs.dialects)")
        #expect(ours.headers.toUpstream == theirs.headers.toUpstream)
        #expect(ours.headers.toCaller == theirs.headers.toCaller)
        #expect(ours.host == theirs.host && ours.port == theirs.port && ours.threads == theirs.threads)
        let plain = ModelSettings(name: "small", upstreams: [.init(name: "u", host: "h", port: 1)])
        let defaults = Dictionary(uniqueKeysWithValues: Self.all.map { ($0.path, $0.fallbackValue) })
        #expect(defaults["models[].output_tokens_default"] == .integer(plain.outputTokensDefault))
        #expect(defaults["models[].output_tokens_max"] == .integer(plain.outputTokensMax))
        let server = plain.upstreams[0]
        #expect(defaults["models[].upstreams[].connections_max"] == .integer(server.connectionsMax))
        #expect(defaults["models[].upstreams[].weight"] == .integer(server.weight))
        for (name, amount) in [
            ("connect", server.timeouts.connect), ("first_byte", server.timeouts.firstByte),
            ("idle", server.timeouts.idle), ("total", server.timeouts.total),
        ] {
            #expect(defaults["models[].upstreams[].timeouts.\(name)"] == .duration(.nanoseconds(amount.nanoseconds)))
        }
    }

    @Test(
        "addresses are read to the letter",
        arguments: [
            ("http://h", "h", 80, ""), ("https://h", "h", 443, ""), ("http://h:1/", "h", 1, ""),
            ("http://h/v1", "h", 80, ""), ("http://h/a/v1/", "h", 80, "/a"), ("http://[::1]:5/x", "::1", 5, "/x"),
        ])
    func addresses(text: String, host: String, port: Int, path: String) throws {
        let url = try UpstreamURL(text)
        #expect(url.host == host && url.port == port && url.basePath == path)
    }

    @Test(
        "what is no address is refused",
        arguments: [
            "", "h", "http://", "http:///x", "http://h:0", "http://h:65536", "http://h:x", "http://h b", "http://h#f",
            "http://[::1", "http://[::1]x", "ws://h", "http://h\\x",
        ])
    func noAddresses(text: String) {
        #expect(throws: URLComplaint.self) { try UpstreamURL(text) }
    }
}
