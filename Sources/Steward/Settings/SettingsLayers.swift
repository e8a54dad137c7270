internal import Configuration
internal import Snapshots

/// The value that holds of each setting, and where it was made: file < variables < flags.
struct EffectiveSettings: Sendable {
    struct Entry: Sendable {
        let setting: Setting
        /// `nil` if nobody set it and nothing stands for that.
        let value: SettingValue?
        let place: SettingPlace
    }

    /// In the catalogue's order.
    let entries: [Entry]
    private let positions: [String: Int]

    fileprivate init(entries: [Entry]) {
        self.entries = entries
        positions = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.setting.path, $0) })
    }

    /// - Precondition: the catalogue has `path`.
    subscript(path: String) -> Entry {
        guard let position = positions[path] else { preconditionFailure("The catalogue has no setting \(path).") }
        return entries[position]
    }
}

/// The layers of settings, merged by swift-configuration: the first provider that knows a key decides.
struct SettingsLayers {
    private let reader: ConfigReader
    private let winners: WinnerReporter
    private let file: [String: Written]
    private let variables: [String: Written]
    private let flags: [String: Written]

    init(file: [String: Written], variables: [String: Written], flags: [String: Written]) {
        self.file = file
        self.variables = variables
        self.flags = flags
        winners = WinnerReporter()
        let environment = Dictionary(
            uniqueKeysWithValues: variables.compactMap { path, written in
                SettingsCatalogue.byPath[path].map { ($0.variable, written.texts.joined(separator: ",")) }
            })
        reader = ConfigReader(
            providers: [
                InMemoryProvider(name: "flags", values: Self.values(flags)),
                EnvironmentVariablesProvider(environmentVariables: environment),
                InMemoryProvider(name: "file", values: Self.values(file)),
            ], accessReporter: winners)
    }

    private static func values(_ layer: [String: Written]) -> [AbsoluteConfigKey: ConfigValue] {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (path, written) in layer {
            guard let setting = SettingsCatalogue.byPath[path] else { continue }
            let content: ConfigContent =
                setting.kind.isList ? .stringArray(written.texts) : .string(written.texts.first ?? "")
            values[AbsoluteConfigKey(components(of: path))] = ConfigValue(content, isSecret: false)
        }
        return values
    }

    /// Below `steward`, so that the variables are `STEWARD_…`.
    private static func components(of path: String) -> [String] {
        ["steward"] + path.split(separator: ".").map(String.init)
    }

    func merged() -> EffectiveSettings {
        EffectiveSettings(entries: SettingsCatalogue.all.map(entry))
    }

    private func entry(_ setting: Setting) -> EffectiveSettings.Entry {
        let key = ConfigKey(Self.components(of: setting.path))
        let isSet = setting.kind.isList ? reader.stringArray(forKey: key) != nil : reader.string(forKey: key) != nil
        let layers = [
            "InMemoryProvider[flags]": flags, "EnvironmentVariablesProvider": variables, "InMemoryProvider[file]": file,
        ]
        if isSet,
            let written = winners.winner(of: Self.components(of: setting.path)).flatMap({ layers[$0]?[setting.path] })
        {
            return .init(setting: setting, value: written.value, place: written.place)
        }
        return .init(setting: setting, value: setting.fallbackValue, place: .fallback)
    }
}

extension Setting {
    /// What holds when nobody sets it.
    ///
    /// - Precondition: the fallback is a value of its kind; a test reads them all.
    var fallbackValue: SettingValue? {
        guard let fallback else { return nil }
        let texts =
            kind.isList
            ? fallback.dropFirst().dropLast().split(separator: ",").map { String($0.drop { $0 == " " }) } : [fallback]
        do throws(ValueComplaint) {
            return try kind.read(texts, for: path, environment: [:])
        } catch {
            preconditionFailure("\(path) can't be \(fallback).")
        }
    }
}

/// Remembers which provider gave the value of each key.
private final class WinnerReporter: AccessReporter {
    // Held for an assignment or a look-up.
    private let winners = Lock<[[String]: String]>([:])

    func report(_ event: AccessEvent) {
        let winner = event.providerResults.first { result in
            if case .success(let found) = result.result { found.value != nil } else { false }
        }
        let components = event.metadata.key.components
        winners.withLock { $0[components] = winner?.providerName }
    }

    func winner(of components: [String]) -> String? {
        winners.withLock { $0[components] }
    }
}
