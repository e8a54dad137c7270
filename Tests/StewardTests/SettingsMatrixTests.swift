import Foundation
import Testing

@testable import Steward

/// A file in the temporary folder, gone with its owner.
final class TemporaryFile {
    let path: String

    init(_ text: String, named name: String = "file") throws {
        path = TemporaryFolder.shared + "/\(UInt64.random(in: .min ... .max))-\(name)"
        try text.write(toFile: path)
    }

    deinit {
        unlink(path)
    }
}

@Suite("Settings: every key")
struct SettingsMatrixTests {
    static let loader = SettingsLoader(environment: [:])

    /// The same key in a file of its own, three lines down.
    static func yaml(_ path: String, _ value: String) -> String {
        let parts = path.split(separator: ".")
        var text = "# a comment\n\n"
        for (depth, part) in parts.enumerated() {
            text += String(repeating: "  ", count: depth) + part + ":"
            text += depth == parts.count - 1 ? " \(value)\n" : "\n"
        }
        return text
    }

    static func problems(_ yaml: String, environment: [String: String] = [:]) -> [SettingProblem] {
        do throws(SettingProblems) {
            _ = try SettingsLoader(environment: environment).load(yaml: yaml, file: "steward.yaml")
            return []
        } catch {
            return error.problems
        }
    }

    @Test(
        "a value of the wrong shape is one problem, at its line and column",
        arguments: SettingsCatalogue.all.map(\.path))
    func wrongShape(path: String) throws {
        let setting = try #require(SettingsCatalogue.byPath[path])
        for value in setting.kind.isList ? ["word", "3"] : ["[1, 2]", "{a: b}"] {
            let problems = Self.problems(Self.yaml(path, value))
            #expect(problems.count == 1, "\(problems)")
            let depth = path.split(separator: ".").count
            let column = 2 * (depth - 1) + setting.name.count + 3
            #expect(problems.first?.place == .file("steward.yaml", line: 2 + depth, column: column))
            #expect(problems.first?.message.contains("`\(path)`") == true)
        }
    }

    @Test("an empty value is one problem", arguments: SettingsCatalogue.all.map(\.path))
    func empty(path: String) {
        #expect(Self.problems(Self.yaml(path, "")).count == 1)
    }

    @Test(
        "a wrong value is one problem in the file, in a variable and in a flag",
        arguments: SettingsCatalogue.all.map(\.path))
    func wrongValue(path: String) throws {
        let setting = try #require(SettingsCatalogue.byPath[path])
        guard let wrong = Self.wrong(setting.kind) else { return }
        let inFile = setting.kind == .levels ? "{steward: \(wrong.split(separator: "=")[1])}" : wrong
        #expect(
            Self.problems(Self.yaml(path, setting.kind.isList && setting.kind != .levels ? "[\(wrong)]" : inFile)).count
                == 1)
        let ofVariable = Self.problems("", environment: [setting.variable: wrong])
        #expect(ofVariable.map(\.place) == [.variable(setting.variable)])
        #expect(throws: SettingProblems.self) {
            try SettingsLoader(environment: [:], flags: [FlagSetting(path: path, flag: "--flag", texts: [wrong])])
                .load(yaml: nil, file: "")
        }
    }

    /// `nil` where every text is right.
    static func wrong(_ kind: SettingKind) -> String? {
        switch kind {
        case .text, .folder, .texts: nil
        case .flag: "yes"
        case .choice, .choices: "never"
        case .integer(let range): String(range.upperBound + 1)
        case .limit: "-1"
        case .amount, .price: "0.0000001"
        case .letters: "U$D"
        case .bytes: "32MB"
        case .duration: "5"
        case .host: "http://host"
        case .databaseURL: "mysql://host/name"
        case .url: "ftp://host"
        case .requestPath: "health"
        case .secretVariable: "not-a-name"
        case .file, .secretFile, .files: "/nowhere/at/all"
        case .networks: "10.0.0.1/8"
        case .headerNames: "authorization"
        case .levels: "steward=loud"
        }
    }

    @Test("the bounds of a number are right, and one beyond is not", arguments: SettingsCatalogue.all.map(\.path))
    func bounds(path: String) throws {
        let setting = try #require(SettingsCatalogue.byPath[path])
        guard case .integer(let range) = setting.kind else { return }
        for (number, isRight) in [
            (range.lowerBound, true), (range.upperBound, true), (range.lowerBound - 1, false),
            (range.upperBound + 1, false),
        ] {
            let complaint = Result { try setting.kind.read([String(number)], for: path, environment: [:]) }
            #expect((try? complaint.get()) == (isRight ? .integer(number) : nil))
        }
    }

    @Test("every default is a value of its kind")
    func defaults() {
        for setting in SettingsCatalogue.all + ModelCatalogue.wholeModel + ModelCatalogue.upstream
            + ModelCatalogue.timeouts
        {
            #expect((setting.fallbackValue == nil) == (setting.fallback == nil), "\(setting.path)")
        }
    }

    @Test("paths and variables are unique, and every setting says what it is for")
    func catalogue() {
        let all = SettingsCatalogue.all
        #expect(Set(all.map(\.path)).count == all.count)
        #expect(Set(all.map(\.variable)).count == all.count)
        for setting in all {
            #expect(setting.summary.hasSuffix("."), "\(setting.path)")
            #expect(SettingsReference.markdown.contains("| `\(setting.path)` |"))
        }
    }

    @Test("a misspelt key is one problem that names the right one", arguments: SettingsCatalogue.all.map(\.path))
    func misspelt(path: String) throws {
        let name = try #require(SettingsCatalogue.byPath[path]).name
        guard name.count > 3 else { return }
        var letters = Array(name)
        letters.swapAt(1, 2)
        guard String(letters) != name else { return }
        let wrong = path.dropLast(name.count) + String(letters)
        let problems = Self.problems(Self.yaml(String(wrong), "1"))
        #expect(problems.count == 1)
        #expect(problems.first?.advice == "Did you mean `\(name)`?")
    }

    @Test("all problems are told at once, in the order of the file, then variables")
    func allAtOnce() {
        let problems = Self.problems(
            "gateway:\n  prot: 1\n  threads: 0\ndesk: 5\nhost: x\nlog: {format: xml}\n",
            environment: ["STEWARD_DESK_PORT": "x", "STEWARD_LOG_LEVEL": "loud"])
        #expect(
            problems.map(\.place.description) == [
                "steward.yaml:2:3", "steward.yaml:3:12", "steward.yaml:4:7", "steward.yaml:5:1", "steward.yaml:6:15",
                "STEWARD_DESK_PORT", "STEWARD_LOG_LEVEL",
            ])
    }

    @Test("every wrong item of a list is told, and no right one")
    func wrongItems() {
        let yaml = "gateway:\n  trusted_proxies: [192.0.2.7, nowhere, 192.0.2.1/24, '2001:db8::/32']\n"
        let problems = Self.problems(yaml, environment: ["STEWARD_HEADERS_TO_CALLER": "a b, x-right, c:d"])
        #expect(problems.count == 4)
        for (problem, part) in zip(problems, ["nowhere", "192.0.2.1/24", "a b", "c:d"]) {
            #expect(problem.message.contains(part), "\(problem)")
        }
    }

    @Test("a key of another section is told with that section")
    func elsewhere() {
        let problems = Self.problems("port: 1\ndurability: power\n")
        #expect(
            problems.map(\.advice) == [
                "Did you mean `gateway.port` or `desk.port` or `telemetry.port` or `limits.shared.port`?",
                "Did you mean `records.durability`?",
            ])
    }

    @Test("what is no YAML, or written twice, is told with its place")
    func syntax() {
        #expect(Self.problems("gateway:\n  port: [1\n").map(\.place.order.0) == [0])
        let twice = Self.problems("log:\n  level: info\n  level: debug\n")
        #expect(twice.count == 1)
        #expect(twice.first?.message.contains("Written twice") == true)
        #expect(Self.problems("").isEmpty)
        #expect(Self.problems("gateway:\n").isEmpty)
    }
}
