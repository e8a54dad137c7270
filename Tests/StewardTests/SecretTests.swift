import Foundation
import Gateway
import Testing

@testable import Steward

@Suite("Secrets never show")
struct SecretTests {
    /// Secrets of many looks.
    static func secret(_ generator: inout SeededGenerator) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        let body = String((0..<32).map { _ in alphabet.randomElement(using: &generator) ?? "x" }) + "a1"
        return ["sk-\(body)", body, "stw_live_\(body)", "Bearer \(body)", "hf_\(body)"]
            .randomElement(using: &generator) ?? body
    }

    @Test("not in problems, wherever in the file somebody wrote one", arguments: 0..<40)
    func problems(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let secret = Self.secret(&generator)
        let places: [(String) -> String] = [
            { "models: [{name: a, upstreams: [{url: 'http://h', credential_env: '\($0)'}]}]" },
            { "models: [{name: a, upstreams: [{url: 'http://h', credential_file: '\($0)'}]}]" },
            { "models: [{name: a, upstreams: [{url: 'http://h', credential: '\($0)'}]}]" },
            { "models: [{name: a, upstreams: [{url: 'http://h', api_key: '\($0)'}]}]" },
            { "models: [{name: a, upstreams: [{url: 'http://u:\($0)@h'}]}]" },
            { "models: [{name: a, upstreams: [{url: 'http://h?key=\($0)'}]}]" },
            { "models: [{name: a, upstreams: [{url: '\($0)'}]}]" },
            { "keys: {digest_key: '\($0)'}" }, { "keys: {digest_key_env: '\($0)'}" },
            { "keys: {digest_key_file: '\($0)'}" }, { "'\($0)': 1" }, { "gateway: {'\($0)': 1}" },
            { "gateway: {port: '\($0)'}" }, { "gateway: {host: '\($0)/'}" }, { "log: {level: '\($0)'}" },
            { "gateway: {trusted_proxies: ['\($0)']}" }, { "headers: {to_caller: ['\($0):']}" },
            { "log: {levels: {steward: '\($0)'}}" }, { "password: '\($0)'\npassword: '\($0)'" }, { "a: ['\($0)'" },
            { "'\($0)': 1\n'\($0)': 2" },
        ]
        for place in places {
            let problems = SettingsMatrixTests.problems(place(secret))
            #expect(!problems.isEmpty, "\(place("…"))")
            #expect(!problems.contains { $0.description.contains(secret.suffix(20)) }, "\(place("…"))")
        }
        for setting in SettingsCatalogue.all {
            let problems = SettingsMatrixTests.problems("", environment: [setting.variable: secret])
            #expect(!problems.contains { $0.description.contains(secret.suffix(20)) }, "\(setting.variable)")
        }
    }

    @Test("not in the listing, nor in what is printed of models", arguments: 0..<20)
    func listing(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        // A credential has no spaces.
        let secrets = (0..<2).map { _ in Self.secret(&generator).replacing(" ", with: "") }
        let (first, second) = (secrets[0], secrets[1])
        let digits = String((0..<64).map { _ in "0123456789abcdef".randomElement(using: &generator) ?? "0" })
        let file = try TemporaryFile(second, named: "credential")
        let settings = try SettingsLoader(environment: ["FIRST": first, "DIGEST": digits]).load(
            yaml: """
                keys: {digest_key_env: DIGEST}
                models:
                  - name: a
                    upstreams:
                      - {url: "http://h", credential_env: FIRST}
                      - {url: "http://i", credential_file: \(file.path)}
                """, file: "steward.yaml")
        let rows = SettingsListing(settings).rows
        var dumped = ""
        dump(settings.models, to: &dumped)
        let shown = [
            try Output.json(rows), "\(rows)", "\(settings.models)", String(reflecting: settings.models), dumped,
        ]
        for text in shown {
            for secret in [first, second, digits] { #expect(!text.contains(secret.suffix(20))) }
        }
        #expect(rows.contains { $0.value == "FIRST ([secret])" && $0.from.hasPrefix("steward.yaml:5:") })
    }

    @Test("a secret in the file is told as such, with what to write instead")
    func literal() {
        let problems = SettingsMatrixTests.problems(
            "models:\n  - name: a\n    upstreams:\n      - url: http://h\n        api_key: abc\n")
        #expect(problems.map(\.place.description) == ["steward.yaml:5:9"])
        #expect(problems.first?.advice.contains("`credential_env`") == true)
    }

    @Test(
        "a credential that would break or split a request's head is a problem, in a variable as in a file",
        arguments: [
            "two words", "key\r\nx-admin: 1", "key\nother", "key\u{0}", "key\u{7F}", "k\u{E9}y", " ", "\n", "a\tb",
            "a\u{2028}b",
        ])
    func unsendable(text: String) throws {
        #expect(CredentialText(text) == nil)
        let model = "models:\n  - name: a\n    upstreams:\n      - url: http://127.0.0.1:1\n        "
        let ofVariable = SettingsMatrixTests.problems(model + "credential_env: K", environment: ["K": text])
        #expect(ofVariable.map(\.place.description) == ["steward.yaml:5:25"])
        let file = try TemporaryFile(text, named: "credential")
        let ofFile = SettingsMatrixTests.problems(model + "credential_file: \(file.path)")
        #expect(ofFile.map(\.place.description) == ["steward.yaml:5:26"])
        #expect((ofVariable + ofFile).allSatisfy { $0.advice == CredentialText.advice })
    }

    @Test("white space around a credential is left out", arguments: ["key", "key\n", "key\r\n", " \tkey \n\n"])
    func trimmed(text: String) {
        #expect(CredentialText(text)?.value == "key")
        #expect("\(CredentialText(text)!)" == "[secret]")
    }
}
