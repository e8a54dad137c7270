internal import Filtering
internal import Yams

/// Reads `steward.yaml` against the catalogue: what is right becomes values with their places, what is wrong problems.
struct SettingsFileReader {
    /// As given by the operator, for messages.
    private let file: String
    /// Ends with `/`, or is empty; paths in the file are relative to it.
    private let folder: String
    private let environment: [String: String]
    private let readsCredentials: Bool
    private var settings = FileSettings()

    private init(file: String, environment: [String: String], readsCredentials: Bool) {
        self.file = file
        self.environment = environment
        self.readsCredentials = readsCredentials
        folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
    }

    /// - Parameter readsCredentials: whether those of upstreams are read; otherwise they are passed over.
    static func read(
        _ yaml: String, file: String, environment: [String: String], readsCredentials: Bool
    ) -> FileSettings {
        var reader = SettingsFileReader(file: file, environment: environment, readsCredentials: readsCredentials)
        do {
            if let root = try Yams.compose(yaml: yaml) { reader.section(root, path: "") }
        } catch {
            reader.report(syntax: error)
        }
        return reader.settings
    }

    // MARK: - Sections

    private mutating func section(_ node: Node, path: String) {
        // An empty section, such as one whose lines are all commented out, says nothing.
        if isNull(node) { return }
        guard case .mapping(let mapping) = node else {
            report(
                node, path.isEmpty ? "The file is no mapping." : "`\(path)` is a section.",
                "Write its fields below it, each as `name: value`: \(children(of: path).joined(separator: ", ")).")
            return
        }
        for (key, value) in mapping {
            let name = key.string ?? ""
            let inner = path.isEmpty ? name : "\(path).\(name)"
            if path.isEmpty, name == "models" {
                models(value)
            } else if path.isEmpty, name == "judges" {
                judges(value)
            } else if let setting = SettingsCatalogue.byPath[inner] {
                if let written = read(value, setting, as: inner) { settings.values[inner] = written }
            } else if SettingsCatalogue.all.contains(where: { $0.path.hasPrefix(inner + ".") }) {
                section(value, path: inner)
            } else {
                unknown(key, in: path, known: children(of: path))
            }
        }
    }

    /// The names below `path`, in the catalogue's order.
    private func children(of path: String) -> [String] {
        let prefix = path.isEmpty ? "" : path + "."
        var names: [String] = []
        for setting in SettingsCatalogue.all where setting.path.hasPrefix(prefix) {
            let name = String(setting.path.dropFirst(prefix.count).prefix { $0 != "." })
            if names.last != name, !names.contains(name) { names.append(name) }
        }
        return path.isEmpty ? names + ["judges", "models"] : names
    }

    // MARK: - Models

    private mutating func models(_ node: Node) {
        for (index, item) in items(node, "models").enumerated() {
            var model = WrittenModel(place: place(item))
            let path = "models[\(index)]"
            guard let fields = fields(item, path, ModelCatalogue.model, sections: ["price", "upstreams"]) else {
                continue
            }
            model.fields = fields.values
            if let node = fields.sections["price"],
                let prices = self.fields(node, "\(path).price", ModelCatalogue.price, sections: [])
            {
                for (name, written) in prices.values { model.fields["price.\(name)"] = written }
                for name in ["input", "output"] { require(name, of: "\(path).price", node, in: prices) }
            }
            if let upstreams = fields.sections["upstreams"] {
                for (index, item) in items(upstreams, "\(path).upstreams").enumerated() {
                    if let upstream = upstream(item, "\(path).upstreams[\(index)]") { model.upstreams.append(upstream) }
                }
            } else {
                report(item, "`\(path)` has no upstreams.", "Write `upstreams:` and below it at least one `- url: …`.")
            }
            require("name", of: path, item, in: fields)
            settings.models.append(model)
        }
    }

    private mutating func judges(_ node: Node) {
        for (index, item) in items(node, "judges").enumerated() {
            let path = "judges[\(index)]"
            guard let fields = fields(item, path, JudgeCatalogue.judge, sections: []) else { continue }
            for name in ["name", "form", "url", "clauses"] { require(name, of: path, item, in: fields) }
            settings.judges.append(WrittenJudge(place: place(item), fields: fields.values))
        }
    }

    private mutating func upstream(_ node: Node, _ path: String) -> WrittenUpstream? {
        guard let fields = fields(node, path, ModelCatalogue.upstream, sections: ["timeouts", "health"]) else {
            return nil
        }
        var upstream = WrittenUpstream(place: place(node))
        upstream.fields = fields.values
        for (section, known) in [("timeouts", ModelCatalogue.timeouts), ("health", ModelCatalogue.health)] {
            guard let node = fields.sections[section],
                let inner = self.fields(node, "\(path).\(section)", known, sections: [])
            else { continue }
            for (name, written) in inner.values { upstream.fields["\(section).\(name)"] = written }
        }
        require("url", of: path, node, in: fields)
        return upstream
    }

    private mutating func require(_ name: String, of path: String, _ node: Node, in fields: Fields) {
        guard !fields.names.contains(name) else { return }
        report(node, "`\(path)` has no \(name).", "Write `\(name): …`.")
    }

    /// What a mapping inside a list has.
    private struct Fields {
        var names: Set<String> = []
        var values: [String: Written] = [:]
        var sections: [String: Node] = [:]
    }

    private mutating func fields(_ node: Node, _ path: String, _ known: [Setting], sections: [String]) -> Fields? {
        let names = known.map(\.name) + sections
        guard case .mapping(let mapping) = node else {
            report(node, "`\(path)` is a mapping.", "Write fields as `name: value`: \(names.joined(separator: ", ")).")
            return nil
        }
        var fields = Fields()
        for (key, value) in mapping {
            let name = key.string ?? ""
            fields.names.insert(name)
            if let setting = known.first(where: { $0.name == name }) {
                fields.values[name] = read(value, setting, as: "\(path).\(name)")
            } else if sections.contains(name) {
                fields.sections[name] = value
            } else {
                unknown(key, in: path, known: names)
            }
        }
        return fields
    }

    private mutating func items(_ node: Node, _ path: String) -> [Node] {
        guard case .sequence(let sequence) = node else {
            report(node, "`\(path)` is a list.", "Write each item on lines of its own, beginning with `- `.")
            return []
        }
        if sequence.isEmpty, path != "models", path != "judges" {
            report(node, "`\(path)` is empty.", "Write at least one item.")
        }
        return Array(sequence)
    }
}

// MARK: - Values and problems

extension SettingsFileReader {
    private mutating func read(_ node: Node, _ setting: Setting, as path: String) -> Written? {
        if !readsCredentials, ModelCatalogue.credentials.contains(setting.name) { return nil }
        guard let texts = texts(node, setting.kind, path) else { return nil }
        do throws(ValueComplaint) {
            let value = try setting.kind.read(texts, for: path, environment: environment)
            return Written(texts: texts, value: value, place: place(node))
        } catch {
            for complaint in setting.kind.complaints(error, of: texts, for: path) {
                report(node, complaint.message, complaint.advice)
            }
            return nil
        }
    }

    private mutating func texts(_ node: Node, _ kind: SettingKind, _ path: String) -> [String]? {
        if isNull(node) {
            report(node, "`\(path)` is empty.", "Write \(kind.advice), or take the line out.")
            return nil
        }
        switch (node, kind) {
        case (.mapping(let mapping), .levels):
            let pairs = mapping.map { ($0.key.string, $0.value.string) }
            guard pairs.allSatisfy({ $0.0 != nil && $0.1 != nil }) else { break }
            return pairs.map { "\($0.0 ?? "")=\($0.1 ?? "")" }
        case (.sequence(let sequence), _) where kind.isList && kind != .levels:
            let items = sequence.map(\.scalar?.string)
            guard items.allSatisfy({ $0 != nil }) else { break }
            return items.compactMap { $0 }.map { located($0, kind) }
        case (.scalar(let scalar), _) where !kind.isList:
            return [located(scalar.string, kind)]
        default: break
        }
        report(node, "`\(path)` is no \(kind.isList ? "list" : "single value").", "Write \(kind.advice).")
        return nil
    }

    /// A path of the file is relative to the file.
    private func located(_ text: String, _ kind: SettingKind) -> String {
        switch kind {
        case .file, .secretFile, .files, .folder: text.hasPrefix("/") || text.isEmpty ? text : folder + text
        default: text
        }
    }

    private func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    private func place(_ node: Node) -> SettingPlace {
        .file(file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }

    private mutating func report(_ node: Node, _ message: String, _ advice: String) {
        settings.problems.append(SettingProblem(place: place(node), message: message, advice: advice))
    }

    private static let secretNames: Set<String> = [
        "api_key", "apikey", "authorization", "bearer", "credential", "credentials", "digest_key", "key", "password",
        "secret", "token",
    ]

    private mutating func unknown(_ key: Node, in path: String, known: [String]) {
        let name = key.string ?? ""
        if Self.secretNames.contains(name.lowercased().replacing("-", with: "_")) {
            let (variable, file) =
                switch path {
                case _ where path.hasPrefix("models[") || path.hasPrefix("judges["):
                    ("credential_env", "credential_file")
                case "limits.shared", "database": ("\(path).password_env", "\(path).password_file")
                default: ("keys.digest_key_env", "keys.digest_key_file")
                }
            report(
                key, "A secret does not belong into this file.",
                "Name a variable that holds it in `\(variable)`, or a file in `\(file)`; if the secret was real, change it."
            )
            return
        }
        let place = path.isEmpty ? "There is no setting" : "`\(path)` has no setting"
        let elsewhere = SettingsCatalogue.all.filter { $0.name == name }.map(\.path)
        let advice =
            if let nearest = Suggestion.nearest(to: name, among: known) {
                "Did you mean `\(nearest)`?"
            } else if !elsewhere.isEmpty {
                "Did you mean \(elsewhere.map { "`\($0)`" }.joined(separator: " or "))?"
            } else {
                "Write one of: \(known.joined(separator: ", "))."
            }
        report(key, "\(place) \(Shown.quoted(name)).", advice)
    }

    /// What the YAML parser stumbled over. Its own messages hold no values.
    private mutating func report(syntax error: any Error) {
        let (mark, message, advice): (Mark?, String, String) =
            switch error {
            case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
                YamlError.composer(_, let problem, let mark, _):
                (mark, "This is not YAML: \(problem).", "Check indentation, quotes and colons here.")
            case YamlError.duplicatedKeysInMapping(let names, let context):
                (
                    context.mark, "Written twice here: \(names.map(Shown.quoted).joined(separator: ", ")).",
                    "Keep one of each."
                )
            default:
                (nil, "The file can't be read as YAML.", "Save it as UTF-8 text without control characters.")
            }
        settings.problems.append(
            SettingProblem(
                place: .file(file, line: mark?.line ?? 1, column: mark?.column ?? 1), message: message, advice: advice))
    }
}
