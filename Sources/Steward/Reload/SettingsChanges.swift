internal import Gateway

/// What differs between the settings in force and those of a file that was read again, for people. No secret is in it.
struct SettingsChanges: Sendable, Equatable {
    struct Change: Sendable, Equatable, CustomStringConvertible {
        /// As in the file, such as `gateway.port`; of models, `models[small].aliases`.
        let setting: String
        /// `nil` where nothing is set.
        let old: String?
        let new: String?

        var description: String { "\(setting): \(old ?? "–") → \(new ?? "–")" }
    }

    /// Those that a reload takes up.
    private(set) var applied: [Change] = []
    /// Those that need a restart; the old value stays.
    private(set) var pending: [Change] = []

    /// - Parameters:
    ///   - old: in force.
    ///   - new: as the file, the variables and the flags are now.
    ///   - servesModels: whether the file's models are served.
    init(from old: Settings, to new: Settings, servesModels: Bool = true) {
        for (before, after) in zip(old.effective.entries, new.effective.entries) where before.value != after.value {
            let kind = before.setting.kind
            let change = Change(
                setting: before.setting.path, old: SettingsListing.shown(before.value, kind),
                new: SettingsListing.shown(after.value, kind))
            switch before.setting.uptake {
            case .reload: applied.append(change)
            case .restart: pending.append(change)
            }
        }
        if servesModels { applied += Self.models(from: old, to: new) }
        applied += Self.judges(from: old, to: new)
    }

    // MARK: - Judges

    private static func judges(from old: Settings, to new: Settings) -> [Change] {
        func entries(_ settings: Settings) -> [String: (written: WrittenJudge, judge: JudgeSettings)] {
            Dictionary(
                zip(settings.writtenJudges, settings.judges).map { ($1.judge.name, ($0, $1)) },
                uniquingKeysWith: { first, _ in first })
        }
        let (before, after) = (entries(old), entries(new))
        return Set(before.keys).union(after.keys).sorted().flatMap { name -> [Change] in
            let path = "judges[\(name)]"
            guard let old = before[name], let new = after[name] else {
                let isNew = after[name] != nil
                return [Change(setting: path, old: isNew ? nil : "asked", new: isNew ? "asked" : nil)]
            }
            let changes = fields(old.written.fields, new.written.fields, JudgeCatalogue.judge, path)
            // The secret or the head in a file of the same name.
            guard changes.isEmpty, old.judge != new.judge else { return changes }
            return [Change(setting: "\(path) files", old: "[as before]", new: "[others]")]
        }
    }

    // MARK: - Models

    private struct Entry {
        let written: WrittenModel
        let model: ModelSettings
    }

    private static func entries(_ settings: Settings) -> [String: Entry] {
        // Valid settings have a model for each that is written, in the same order and with names of their own.
        Dictionary(
            zip(settings.writtenModels, settings.models).map { ($1.name, Entry(written: $0, model: $1)) },
            uniquingKeysWith: { first, _ in first })
    }

    private static func models(from old: Settings, to new: Settings) -> [Change] {
        let (before, after) = (entries(old), entries(new))
        var changes: [Change] = []
        for name in old.models.map(\.name) where after[name] == nil {
            changes.append(Change(setting: "models[\(name)]", old: "served", new: nil))
        }
        for name in new.models.map(\.name) {
            guard let entry = after[name] else { continue }
            if let old = before[name] {
                changes += model(name, old, entry)
            } else {
                changes.append(Change(setting: "models[\(name)]", old: nil, new: "served"))
            }
        }
        let orders = (old.models.map(\.name), new.models.map(\.name))
        if changes.isEmpty, orders.0 != orders.1 {
            changes.append(
                Change(setting: "models", old: orders.0.joined(separator: ", "), new: orders.1.joined(separator: ", ")))
        }
        return changes
    }

    private static func model(_ name: String, _ old: Entry, _ new: Entry) -> [Change] {
        let path = "models[\(name)]"
        var changes = fields(old.written.fields, new.written.fields, ModelCatalogue.wholeModel, path)
        let olds = upstreams(old)
        let news = upstreams(new)
        for upstream in old.model.upstreams where news[upstream.name] == nil {
            changes.append(Change(setting: "\(path).upstreams[\(upstream.name)]", old: "served", new: nil))
        }
        for upstream in new.model.upstreams {
            let place = "\(path).upstreams[\(upstream.name)]"
            guard let (written, settings) = olds[upstream.name], let now = news[upstream.name] else {
                changes.append(Change(setting: place, old: nil, new: "served"))
                continue
            }
            let differing = fields(written.fields, now.written.fields, ModelCatalogue.wholeUpstream, place)
            changes += differing
            if differing.isEmpty, settings.credential != upstream.credential {
                changes.append(Change(setting: "\(place) credential", old: "[secret]", new: "another [secret]"))
            }
        }
        if changes.isEmpty, old.model != new.model {
            changes.append(Change(setting: "\(path).upstreams", old: "one order", new: "another order"))
        }
        return changes
    }

    private static func upstreams(_ entry: Entry) -> [String: (written: WrittenUpstream, settings: UpstreamSettings)] {
        Dictionary(
            zip(entry.written.upstreams, entry.model.upstreams).map { ($1.name, ($0, $1)) },
            uniquingKeysWith: { first, _ in first })
    }

    private static func fields(
        _ old: [String: Written], _ new: [String: Written], _ known: [Setting], _ path: String
    ) -> [Change] {
        known.compactMap { setting in
            let name = setting.nameInItem
            let (before, after) = (
                old[name]?.value ?? setting.fallbackValue, new[name]?.value ?? setting.fallbackValue
            )
            guard before != after else { return nil }
            return Change(
                setting: "\(path).\(name)", old: SettingsListing.shown(before, setting.kind),
                new: SettingsListing.shown(after, setting.kind))
        }
    }
}
