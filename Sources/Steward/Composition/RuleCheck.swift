internal import Filtering
internal import Gateway
internal import Guidelines
internal import Yams

/// Rule files as they are on disk.
enum RuleTexts {
    static func read(_ paths: [String]) throws -> [(name: String, yaml: String)] {
        try paths.map { ($0, try TextFile.read($0)) }
    }
}

/// Loads rules and runs the tests that they bring.
struct RuleCheck {
    private let files: [(name: String, yaml: String)]
    private let rules: [Rule]
    private let loading: [RuleProblem]
    private let places: RulePlaces
    private let categories: Taxonomy
    private let guidelines: Guidelines
    private let classifier: ClassifierModel

    /// - Parameter classifier: what scores are asked of; `nil` for the shipped one.
    init(
        files: [(name: String, yaml: String)], categories: Taxonomy? = nil, classifier: PolicyTexts.Binary? = nil
    ) throws {
        self.files = files
        places = RulePlaces(files: files)
        let categories = try categories ?? Taxonomy.shipped()
        self.categories = categories
        guidelines = try Guidelines.shipped()
        self.classifier = try PolicyLoader.classifier(classifier)
        do throws(RuleProblems) {
            rules = try RuleFile.rules(files: files, categories: categories)
            loading = []
        } catch {
            rules = []
            loading = error.problems
        }
    }

    var ruleCount: Int { rules.count }
    var testCount: Int { rules.reduce(0) { $0 + $1.matches.count + $1.nonMatches.count } }

    /// What keeps the rules from loading, or which tests fail, with places.
    func problems() -> [RuleProblem] {
        guard loading.isEmpty else { return loading }
        do throws(FilterError) {
            let compiled = try FilterRules(rules, classifier: classifier)
            // What `serve` would refuse, with the guidelines that are shipped.
            _ = try Policy(guidelines: guidelines, rules: compiled, categories: categories)
            // Also those that it would leave out are tried.
            let policy = try FilterPolicy(compiled) { _, _ in Enforcement(.flag) }
            let screener = Screener()
            return rules.flatMap { failures(of: $0, screener, policy) }
        } catch {
            return places.problems(of: error)
        }
    }

    private func failures(of rule: Rule, _ screener: Screener, _ policy: FilterPolicy) -> [RuleProblem] {
        func finds(_ text: String) -> Bool {
            var text = text
            return text.withUTF8 { bytes in
                screener.screen(bytes, side: .prompt, policy: policy).findings.contains { $0.rule == rule.id }
            }
        }
        let missed = rule.matches.indices.filter { !finds(rule.matches[$0]) }.map {
            places.problem(
                of: rule.id, "matches", $0,
                "`\(rule.id)` does not find this. Widen its pattern, or move it to non_matches.")
        }
        let wrong = rule.nonMatches.indices.filter { finds(rule.nonMatches[$0]) }.map {
            places.problem(
                of: rule.id, "non_matches", $0,
                "`\(rule.id)` finds this. Narrow its pattern, ask for context, or move it to matches.")
        }
        return missed + wrong
    }
}

/// Where rules and their tests stand in their files.
struct RulePlaces {
    private struct Place {
        let file: String
        let line: Int
        let column: Int
    }

    private var places: [String: Place] = [:]

    init(files: [(name: String, yaml: String)]) {
        for file in files {
            guard let root = try? Yams.compose(yaml: file.yaml), let rules = root["rules"]?.sequence else { continue }
            for rule in rules {
                guard let id = rule["id"]?.string else { continue }
                note(rule["id"], file.name, id)
                for list in ["matches", "non_matches"] {
                    for (index, test) in (rule[list]?.sequence).map(Array.init)?.enumerated() ?? [].enumerated() {
                        note(test, file.name, "\(id) \(list) \(index)")
                    }
                }
            }
        }
    }

    private mutating func note(_ node: Node?, _ file: String, _ name: String) {
        places[name] = Place(file: file, line: node?.mark?.line ?? 1, column: node?.mark?.column ?? 1)
    }

    func problem(of rule: String, _ list: String, _ index: Int, _ message: String) -> RuleProblem {
        problem(at: places["\(rule) \(list) \(index)"] ?? places[rule], message)
    }

    func problems(of error: FilterError) -> [RuleProblem] {
        error.problems.map { problem(at: places[$0.rule], "\($0.rule): \($0.reason).") }
    }

    private func problem(at place: Place?, _ message: String) -> RuleProblem {
        RuleProblem(
            file: place?.file ?? "rules", line: place?.line ?? 1, column: place?.column ?? 1, message: message)
    }
}
