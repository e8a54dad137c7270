internal import ArgumentParser
internal import Filtering
internal import Foundation

/// A setting given on the command line.
struct FlagSetting: Sendable, Hashable {
    let path: String
    /// As the operator wrote it, such as `--port`.
    let flag: String
    let texts: [String]
}

/// Loads the settings from file, variables and flags, and finds all that is wrong with them at once.
struct SettingsLoader: Sendable {
    /// The file that is read when none is named and it is there.
    static let defaultFile = "steward.yaml"
    /// The variable that names the file when no flag does.
    static let fileVariable = "STEWARD_CONFIG"
    /// The help of `--config`.
    static let fileHelp = ArgumentHelp(
        "Settings file (default: that of STEWARD_CONFIG, else ./steward.yaml if it is there).", valueName: "file")

    let environment: [String: String]
    let flags: [FlagSetting]
    /// Whether the credentials of upstreams are read. Who only works on the store need not have them.
    let readsCredentials: Bool

    init(
        environment: [String: String] = ProcessInfo.processInfo.environment, flags: [FlagSetting] = [],
        readsCredentials: Bool = true
    ) {
        self.environment = environment
        self.flags = flags
        self.readsCredentials = readsCredentials
    }

    /// - Parameter file: The file named by a flag; `nil` takes that of `STEWARD_CONFIG`, else `steward.yaml` if it is
    ///   there.
    /// - Throws: Every problem at once.
    func load(file: String?) throws(SettingProblems) -> Settings {
        let fromVariable = environment[Self.fileVariable].flatMap { $0.isEmpty ? nil : $0 }
        let named = file ?? fromVariable
        let path = named ?? Self.defaultFile
        guard named != nil || FileManager.default.fileExists(atPath: path) else {
            return try load(yaml: nil, file: path)
        }
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw SettingProblems(problems: [
                SettingProblem(
                    place: file == nil && named != nil ? .variable(Self.fileVariable) : .flag("--config"),
                    message: "The file \(path) can't be read.",
                    advice: "Check that it exists, that it is ours to read, and that it is UTF-8 text.")
            ])
        }
        return try load(yaml: text, file: path)
    }

    func load(yaml: String?, file: String) throws(SettingProblems) -> Settings {
        let fromFile =
            yaml.map {
                SettingsFileReader.read($0, file: file, environment: environment, readsCredentials: readsCredentials)
            } ?? FileSettings.none
        var problems = fromFile.problems
        let fromVariables = readVariables(&problems)
        let fromFlags = readFlags(&problems)
        let effective = SettingsLayers(file: fromFile.values, variables: fromVariables, flags: fromFlags).merged()
        var assembly = ServerAssembly(environment: environment)
        let models = assembly.models(fromFile.models)
        assembly.requirePrices(fromFile.models, for: effective)
        let judges = assembly.judges(fromFile.judges)
        problems += assembly.problems
        problems += SettingsConsistency(effective: effective, environment: environment).problems()
        guard problems.isEmpty else {
            throw SettingProblems(problems: problems.sorted { $0.place.order < $1.place.order })
        }
        return Settings(
            effective: effective, models: models, writtenModels: fromFile.models, judges: judges,
            writtenJudges: fromFile.judges, environment: environment,
            file: yaml == nil ? nil : file, notices: assembly.notices + unknownVariables())
    }

    private func readVariables(_ problems: inout [SettingProblem]) -> [String: Written] {
        var values: [String: Written] = [:]
        for setting in SettingsCatalogue.all {
            guard let text = environment[setting.variable], !text.isEmpty else { continue }
            let texts = setting.kind.isList ? Self.items(text) : [text]
            values[setting.path] = read(texts, setting, .variable(setting.variable), &problems)
        }
        return values
    }

    private func readFlags(_ problems: inout [SettingProblem]) -> [String: Written] {
        var values: [String: Written] = [:]
        for flag in flags {
            guard let setting = SettingsCatalogue.byPath[flag.path] else {
                preconditionFailure("The catalogue has no setting \(flag.path).")
            }
            values[setting.path] = read(flag.texts, setting, .flag(flag.flag), &problems)
        }
        return values
    }

    private func read(
        _ texts: [String], _ setting: Setting, _ place: SettingPlace, _ problems: inout [SettingProblem]
    ) -> Written? {
        do throws(ValueComplaint) {
            let value = try setting.kind.read(texts, for: setting.path, environment: environment)
            return Written(texts: texts, value: value, place: place)
        } catch {
            problems += setting.kind.complaints(error, of: texts, for: setting.path).map {
                SettingProblem(place: place, message: $0.message, advice: $0.advice)
            }
            return nil
        }
    }

    /// The items of a list in a variable are separated by commas.
    private static func items(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    /// `STEWARD_…` variables that nothing reads: perhaps misspelt, perhaps another tool's, so no error.
    private func unknownVariables() -> [String] {
        let known = Set(SettingsCatalogue.all.map(\.variable) + [Self.fileVariable])
        let unknown = environment.keys.filter { $0.hasPrefix("STEWARD_") && !known.contains($0) }
        return unknown.sorted().compactMap { name in
            Suggestion.nearest(to: name, among: known).map {
                "No setting reads the variable \(name). Did you mean \($0)?"
            }
        }
    }
}
