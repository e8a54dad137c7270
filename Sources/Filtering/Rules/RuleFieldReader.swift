internal import Yams

/// Reads YAML nodes of one file and collects every problem on the way.
struct RuleFieldReader {
    let file: String
    private(set) var problems: [RuleProblem] = []

    init(file: String) {
        self.file = file
    }

    mutating func report(_ mark: Mark?, _ message: String) {
        report(RuleProblem(file: file, line: mark?.line ?? 1, column: mark?.column ?? 1, message: message))
    }

    mutating func report(_ problem: RuleProblem) { problems.append(problem) }

    /// The only document of `yaml`, if it is well-formed.
    mutating func document(_ yaml: String) -> Node? {
        do {
            guard let node = try Yams.compose(yaml: yaml) else {
                report(nil, "The file is empty.")
                return nil
            }
            return node
        } catch let error as YamlError {
            reportSyntax(error)
        } catch {
            report(nil, "The file is no YAML: \(error).")
        }
        return nil
    }

    private mutating func reportSyntax(_ error: YamlError) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            report(mark, "This is no YAML: \(problem). Quote values that hold `: `, `#` or begin with a sign.")
        case .duplicatedKeysInMapping(let duplicates, let context):
            let names = duplicates.map { "`\($0)`" }.joined(separator: ", ")
            report(context.mark, "\(names) stands twice in one mapping. Keep one.")
        case .reader(let problem, _, _, _):
            report(nil, "The file can't be read as text: \(problem). Save it as UTF-8.")
        default:
            report(nil, "The file is no YAML: \(error).")
        }
    }

    /// The fields of a mapping by name; unknown names are problems.
    mutating func fields(of node: Node, known: [String], what: String) -> [String: Node]? {
        guard case .mapping(let mapping) = node else {
            report(node.mark, "\(what) is a mapping. Write its fields as `name: value`, one a line.")
            return nil
        }
        var fields: [String: Node] = [:]
        for (key, value) in mapping {
            guard let name = key.scalar?.string, known.contains(name) else {
                let name = key.scalar?.string ?? "this key"
                let advice = Suggestion.nearest(to: name, among: known).map { "Did you mean `\($0)`?" }
                report(
                    key.mark, "\(what) has no field `\(name)`. \(advice ?? "Known are \(Suggestion.list(known)).")")
                continue
            }
            fields[name] = value
        }
        return fields
    }

    mutating func text(_ node: Node?, _ name: String) -> String? {
        guard let node else { return nil }
        guard let scalar = node.scalar, !scalar.string.isEmpty else {
            report(node.mark, "`\(name)` is a text that is not empty. Write `\(name): '…'`.")
            return nil
        }
        return scalar.string
    }

    /// A list of texts; the empty list where the field is absent.
    mutating func texts(_ node: Node?, _ name: String) -> [String] {
        guard let node else { return [] }
        guard case .sequence(let sequence) = node else {
            report(node.mark, "`\(name)` is a list. Write `\(name): [first, second]`, or one a line after `- `.")
            return []
        }
        return sequence.compactMap { text($0, name) }
    }

    mutating func flag(_ node: Node?, _ name: String) -> Bool {
        guard let node else { return false }
        switch node.scalar?.string {
        case "true": return true
        case "false": return false
        default:
            report(node.mark, "`\(name)` is `true` or `false`.")
            return false
        }
    }

    mutating func number(_ node: Node?, _ name: String, in range: ClosedRange<Int>, default fallback: Int) -> Int {
        guard let node else { return fallback }
        guard let number = node.scalar.flatMap({ Int($0.string) }), range.contains(number) else {
            report(node.mark, "`\(name)` is a whole number from \(range.lowerBound) to \(range.upperBound).")
            return fallback
        }
        return number
    }

    /// One of an enumeration's raw values.
    mutating func choice<Value>(_ node: Node?, _ name: String) -> Value?
    where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
        guard let node, let word = text(node, name) else { return nil }
        if let value = Value(rawValue: word) { return value }
        let known = Value.allCases.map(\.rawValue)
        let advice = Suggestion.nearest(to: word, among: known).map { "Did you mean `\($0)`?" }
        report(node.mark, "`\(name)` can't be `\(word)`. \(advice ?? "Known are \(Suggestion.list(known)).")")
        return nil
    }
}
