internal import Filtering
internal import Foundation
internal import Gateway

/// A whole configuration, valid and compiled: settings, rules and guidelines.
struct Configuration: Sendable {
    /// In force: where a change needs a restart, those of the start.
    let settings: Settings
    let texts: PolicyTexts
    let policy: Policy
    /// The files of authorities that upstreams are verified by, as they were read, by path.
    let authorities: [String: Data]

    init(_ settings: Settings) throws {
        self.settings = settings
        authorities = Self.authorities(settings)
        texts = try PolicyTexts.read(settings.effective)
        policy = try PolicyLoader.policy(of: texts)
        try Self.check(settings.judges, policy)
    }

    /// What is read again; as much of `former` as has not changed is taken over.
    fileprivate init(_ settings: Settings, after former: Configuration) throws {
        self.settings = settings.keeping(former.settings)
        authorities = Self.authorities(settings)
        texts = try PolicyTexts.read(settings.effective)
        policy = try PolicyLoader.policy(of: texts, after: (former.texts, former.policy))
        try Self.check(settings.judges, policy)
    }

    /// The same on another day, on which some of the filter's policy may have ended.
    init(_ former: Configuration, on day: PolicyDay) throws {
        (settings, authorities) = (former.settings, former.authorities)
        texts = former.texts.on(day)
        policy = try PolicyLoader.policy(of: texts, after: (former.texts, former.policy))
        try Self.check(settings.judges, policy)
    }

    /// Whether judges fit to the guidelines.
    static func check(_ judges: [JudgeSettings], _ policy: Policy) throws {
        do {
            _ = try JudgePanel(judges, policy)
        } catch {
            throw CommandFailure(error.description, .configuration)
        }
    }

    private static func authorities(_ settings: Settings) -> [String: Data] {
        let files = (settings.models.flatMap(\.upstreams) + settings.judges.map(\.server)).compactMap(\.authoritiesFile)
        return Dictionary(
            uniqueKeysWithValues: Set(files).map { ($0, FileManager.default.contents(atPath: $0) ?? Data()) })
    }

    /// What is another than before, one item each, for people; empty where nothing that a reload takes up is.
    func differences(from former: Configuration, _ changes: SettingsChanges) -> [String] {
        var items = changes.applied.map(\.description)
        if texts.rules != former.texts.rules {
            let counts = (former.policy.rules.rules.count, policy.rules.rules.count)
            items.append(counts.0 == counts.1 ? "rules, still \(counts.1)" : "rules: \(counts.0) → \(counts.1)")
        }
        if texts.guidelines != former.texts.guidelines {
            let versions = (former.policy.guidelines.shortVersion, policy.guidelines.shortVersion)
            items.append("guidelines: \(versions.0) → \(versions.1)")
        }
        if texts.overrides != former.texts.overrides { items.append("the filter's policy file") }
        if authorities != former.authorities { items.append("authorities of upstreams") }
        return items
    }
}

/// Reads the configuration again as `serve` read it at its start: the same file, variables and flags.
struct ConfigurationReader: Sendable {
    let loader: SettingsLoader
    /// Named by a flag.
    let file: String?
    /// Whether the file's models are served; with `--upstream`, those of the start are.
    var servesModels = true

    /// Reads files and compiles rules, which may take a second: not for event loops.
    ///
    /// - Throws: `SettingProblems` or `CommandFailure`, with all that `steward config check` would say.
    func read(after former: Configuration) throws -> (configuration: Configuration, changes: SettingsChanges) {
        // A file that was there must not be missed for a moment: without one, all would fall back to its default.
        let settings = try loader.load(file: former.settings.file ?? file)
        let changes = SettingsChanges(from: former.settings, to: settings, servesModels: servesModels)
        return (try Configuration(settings, after: former), changes)
    }
}
