/// A valid value as it was written, and where.
struct Written: Sendable, Hashable {
    let texts: [String]
    let value: SettingValue
    let place: SettingPlace
}

/// One model of the file: its own fields by name, and its upstreams' (timeouts as `timeouts.connect`).
struct WrittenModel: Sendable {
    let place: SettingPlace
    var fields: [String: Written] = [:]
    var upstreams: [WrittenUpstream] = []
}

struct WrittenUpstream: Sendable {
    let place: SettingPlace
    var fields: [String: Written] = [:]
}

/// One judge of the file.
struct WrittenJudge: Sendable {
    let place: SettingPlace
    var fields: [String: Written] = [:]
}

/// What the file says, and what is wrong with it.
struct FileSettings: Sendable {
    /// By path.
    var values: [String: Written] = [:]
    var models: [WrittenModel] = []
    var judges: [WrittenJudge] = []
    var problems: [SettingProblem] = []

    /// The settings of a file that isn't there.
    static let none = FileSettings()
}
