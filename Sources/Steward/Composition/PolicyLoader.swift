internal import Filtering
internal import Gateway
internal import Guidelines

/// What a policy is made of, as it was read: equal texts make equal policies.
struct PolicyTexts: Sendable, Equatable {
    struct File: Sendable, Equatable {
        let name: String
        let yaml: String
    }

    let rules: [File]
    /// `nil` for the shipped ones.
    let guidelines: File?
    /// `nil` for the shipped one.
    let classifier: Binary?
    let holdBackBytesMax: Int

    struct Binary: Sendable, Equatable {
        let name: String
        let bytes: [UInt8]
    }

    static func read(_ settings: EffectiveSettings) throws -> PolicyTexts {
        PolicyTexts(
            rules: try settings.list("filter.rules").map { File(name: $0, yaml: try TextFile.read($0)) },
            guidelines: try settings.text("guidelines.file").map { File(name: $0, yaml: try TextFile.read($0)) },
            classifier: try settings.text("filter.classifier").map {
                Binary(name: $0, bytes: try BinaryFile.read($0, bytesMax: ClassifierModel.fileBytesMax))
            },
            holdBackBytesMax: settings.integer("filter.hold_back_bytes_max"))
    }
}

/// Reads guidelines and rules, as shipped or as the settings say, and joins them to the policy of the path.
struct PolicyLoader {
    let settings: Settings

    func policy() throws -> Policy { try Self.policy(of: PolicyTexts.read(settings.effective)) }

    /// What scores are asked of.
    static func classifier(_ file: PolicyTexts.Binary? = nil) throws -> ClassifierModel {
        do {
            return try file.map { try ClassifierModel(file: $0.bytes) } ?? ClassifierModel.shipped()
        } catch {
            throw CommandFailure(
                "\(file?.name ?? "What comes with this program") is no classifier. \(error) "
                    + "Make one with `steward filter train`.", .configuration)
        }
    }

    /// - Parameter former: a policy and what it was made of. It is returned where nothing has changed; its rules, which take
    ///   longest to compile, are taken where they have not.
    static func policy(of texts: PolicyTexts, after former: (texts: PolicyTexts, policy: Policy)? = nil) throws
        -> Policy
    {
        if let former, former.texts == texts { return former.policy }
        let categories = try Taxonomy.shipped()
        let guidelines = try guidelines(texts.guidelines)
        let files = ShippedRules.files + texts.rules.map { ($0.name, $0.yaml) }
        let places = RulePlaces(files: files)
        do {
            let compiled =
                if let former, former.texts.rules == texts.rules,
                    former.texts.classifier == texts.classifier
                { former.policy.rules } else {
                    try FilterRules(
                        try RuleFile.rules(files: files, categories: categories),
                        classifier: try classifier(texts.classifier))
                }
            let unknown = compiled.rules.compactMap { rule in
                rule.clause.flatMap { clause in
                    guidelines.clause(clause) == nil
                        ? FilterError.Problem(rule: rule.id, reason: "the guidelines have no clause \(clause)") : nil
                }
            }
            guard unknown.isEmpty else { throw FilterError(unknown) }
            return try Policy(
                guidelines: guidelines, rules: compiled, categories: categories,
                holdBackBytesMax: texts.holdBackBytesMax)
        } catch let problems as RuleProblems {
            throw CommandFailure(problems.description, .configuration)
        } catch let error as FilterError {
            throw CommandFailure(
                places.problems(of: error).map(\.description).joined(separator: "\n"), .configuration)
        }
    }

    func guidelines() throws -> Guidelines { try Self.guidelines(PolicyTexts.read(settings.effective).guidelines) }

    private static func guidelines(_ file: PolicyTexts.File?) throws -> Guidelines {
        guard let file else { return try Guidelines.shipped() }
        let known = Set(try Taxonomy.shipped().entries.map(\.id.rawValue))
        return try guidelines(file.yaml, file: file.name, knownCategories: known)
    }

    /// - Throws: `CommandFailure` with a line for each problem.
    static func guidelines(file: String, knownCategories: Set<String>) throws -> Guidelines {
        try guidelines(TextFile.read(file), file: file, knownCategories: knownCategories)
    }

    private static func guidelines(_ text: String, file: String, knownCategories: Set<String>) throws -> Guidelines {
        do {
            return try Guidelines(yaml: text, file: file, knownCategories: knownCategories)
        } catch {
            throw CommandFailure(error.description, .configuration)
        }
    }
}
