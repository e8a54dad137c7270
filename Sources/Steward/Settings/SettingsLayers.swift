internal import Configuration

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

    /// The same, but with the values of `old` where a change needs a restart.
    func keeping(_ old: EffectiveSettings) -> EffectiveSettings {
        EffectiveSettings(entries: entries.map { $0.setting.uptake == .restart ? old[$0.setting.path] : $0 })
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
    /// What the reader's providers hold, in their order: it gives values without the places where they were written.
    private let layers: [[String: Written]]

    init(file: [String: Written], variables: [String: Written], flags: [String: Written]) {
        layers = [flags, variables, file]
        let environment = Dictionary(
            uniqueKeysWithValues: variables.compactMap { path, written in
                SettingsCatalogue.byPath[path].map { ($0.variable, written.texts.joined(separator: ",")) }
            })
        reader = ConfigReader(providers: [
            InMemoryProvider(name: "flags", values: Self.values(flags)),
            EnvironmentVariablesProvider(environmentVariables: environment),
            InMemoryProvider(name: "file", values: Self.values(file)),
        ])
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
        let written = layers.lazy.compactMap { $0[setting.path] }.first
        let isRead =
            if setting.kind.isList {
                (reader.stringArray(forKey: key) != nil) == (written != nil)
            } else {
                reader.string(forKey: key) == written?.texts.first
            }
        // Otherwise a setting, such as one of TLS, would fall back to its default without a word.
        precondition(isRead, "swift-configuration does not read \(setting.path) as it was written.")
        guard let written else { return .init(setting: setting, value: setting.fallbackValue, place: .fallback) }
        return .init(setting: setting, value: written.value, place: written.place)
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
