internal import Storage

/// Every setting with its value and where that was made, for people. No secret is in it.
struct SettingsListing {
    struct Row: Encodable, Hashable {
        let setting: String
        let value: String?
        let from: String
    }

    let rows: [Row]

    init(_ settings: Settings) {
        var rows = settings.effective.entries.map { entry in
            Row(
                setting: entry.setting.path, value: Self.shown(entry.value, entry.setting.kind),
                from: entry.place.description)
        }
        for (index, model) in settings.writtenModels.enumerated() {
            rows += Self.rows(model.fields, ModelCatalogue.wholeModel, "models[\(index)]")
            for (number, upstream) in model.upstreams.enumerated() {
                rows += Self.rows(
                    upstream.fields, ModelCatalogue.wholeUpstream,
                    "models[\(index)].upstreams[\(number)]")
            }
        }
        for (index, judge) in settings.writtenJudges.enumerated() {
            rows += Self.rows(judge.fields, JudgeCatalogue.judge, "judges[\(index)]")
        }
        self.rows = rows
    }

    private static func rows(_ fields: [String: Written], _ known: [Setting], _ path: String) -> [Row] {
        known.map { setting in
            let name = setting.nameInItem
            let written = fields[name]
            return Row(
                setting: "\(path).\(name)", value: shown(written?.value ?? setting.fallbackValue, setting.kind),
                from: (written?.place ?? .fallback).description)
        }
    }

    static func shown(_ value: SettingValue?, _ kind: SettingKind) -> String? {
        guard let value else { return nil }
        switch kind {
        case .secretVariable, .secretFile: return "\(value) ([secret])"
        case .databaseURL: return PostgresAddress.masked(value.description)
        case .bytes:
            if case .integer(let bytes) = value { return ByteSize.text(bytes) }
            return value.description
        default: return value.description
        }
    }
}
