internal import Filtering
internal import Gateway
internal import Guidelines

/// Reads guidelines and rules, as shipped or as the settings say, and joins them to the policy of the path.
struct PolicyLoader {
    let settings: Settings

    func policy() throws -> Policy {
        let categories = try CategoryCatalogue.shipped()
        let guidelines = try guidelines()
        let files = ShippedRules.files + (try RuleTexts.read(settings.effective.list("filter.rules")))
        let places = RulePlaces(files: files)
        do {
            let rules = try RuleFile.rules(files: files, categories: categories)
            let unknown = rules.compactMap { rule in
                rule.clause.flatMap { clause in
                    guidelines.clause(clause) == nil
                        ? FilterError.Problem(rule: rule.id, reason: "the guidelines have no clause \(clause)") : nil
                }
            }
            guard unknown.isEmpty else { throw FilterError(unknown) }
            return try Policy(
                guidelines: guidelines, rules: try FilterRules(rules), categories: categories,
                holdBackBytesMax: settings.effective.integer("filter.hold_back_bytes_max"))
        } catch let problems as RuleProblems {
            throw CommandFailure(problems.description, .configuration)
        } catch let error as FilterError {
            throw CommandFailure(
                places.problems(of: error).map(\.description).joined(separator: "\n"), .configuration)
        }
    }

    func guidelines() throws -> Guidelines {
        let known = Set(try CategoryCatalogue.shipped().entries.map(\.id.rawValue))
        guard let file = settings.effective.text("guidelines.file") else { return try Guidelines.shipped() }
        return try Self.guidelines(file: file, knownCategories: known)
    }

    /// - Throws: `CommandFailure` with a line for each problem.
    static func guidelines(file: String, knownCategories: Set<String>) throws -> Guidelines {
        let text = try TextFile.read(file)
        do {
            return try Guidelines(yaml: text, file: file, knownCategories: knownCategories)
        } catch {
            throw CommandFailure(error.description, .configuration)
        }
    }
}
