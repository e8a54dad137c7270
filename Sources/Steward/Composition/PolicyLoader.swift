internal import Filtering
internal import Foundation
internal import Gateway
internal import Guidelines

/// What a policy is made of, as it was read: equal texts make equal policies.
struct PolicyTexts: Sendable, Equatable {
    struct File: Sendable, Equatable {
        let name: String
        let yaml: String
        /// The only one whose traffic its rules look at.
        var application: String?
    }

    /// Those of applications last.
    let rules: [File]
    /// `nil` for the shipped ones.
    let guidelines: File?
    /// `nil` for the shipped one.
    let classifier: Binary?
    let holdBackBytesMax: Int
    let holdBackTimeMax: Duration?
    /// All that the policy file says.
    let written: PolicyOverrides
    /// Of that, what is in force.
    private(set) var overrides: PolicyOverrides

    struct Binary: Sendable, Equatable {
        let name: String
        let bytes: [UInt8]
    }

    /// - Parameter day: on which the policy is to hold.
    /// - Throws: `CommandFailure` for files that can't be read, and for all problems of the policy file.
    static func read(_ settings: EffectiveSettings, on day: PolicyDay = .today) throws -> PolicyTexts {
        let overrides = try overrides(settings.text("filter.policy"))
        let general = try settings.list("filter.rules").map { File(name: $0, yaml: try TextFile.read($0)) }
        let own = try overrides.applications.flatMap { application in
            try application.ruleFiles.map {
                File(name: $0, yaml: try TextFile.read($0), application: application.id)
            }
        }
        return PolicyTexts(
            rules: general + own,
            guidelines: try settings.text("guidelines.file").map { File(name: $0, yaml: try TextFile.read($0)) },
            classifier: try settings.text("filter.classifier").map {
                Binary(name: $0, bytes: try BinaryFile.read($0, bytesMax: ClassifierModel.fileBytesMax))
            },
            holdBackBytesMax: settings.integer("filter.hold_back_bytes_max"),
            holdBackTimeMax: settings.timeLimit("filter.hold_back_time_max"), written: overrides,
            overrides: overrides.inForce(on: day))
    }

    private static func overrides(_ file: String?) throws -> PolicyOverrides {
        guard let file else { return .none }
        let text = try TextFile.read(file)
        do throws(RuleProblems) {
            return try PolicyOverrides(yaml: text, file: file, beside: Taxonomy.shipped())
        } catch {
            throw CommandFailure(error.description, .configuration)
        }
    }

    /// The same on another day.
    func on(_ day: PolicyDay) -> PolicyTexts {
        var texts = self
        texts.overrides = written.inForce(on: day)
        return texts
    }

    /// What will end within two weeks of a day, or has, a sentence each.
    func notices(on day: PolicyDay) -> [String] {
        let entries =
            // Not its text, which may be an address, or a key.
            written.allowed.map { ("The allowed text for \($0.rules.joined(separator: ", "))", $0.sponsor, $0.place) }
            + written.shadowed.map { ("The shadow of `\($0.rule)`", $0.sponsor, $0.place) }
        return entries.compactMap { what, sponsor, place in
            guard let expires = sponsor.expires else { return nil }
            let at = "\(place.file):\(place.line)"
            if expires <= day { return "\(at): \(what) of \(sponsor.owner) has ended on \(expires). Take it out." }
            return expires <= day.adding(days: 14) ? "\(at): \(what) of \(sponsor.owner) ends on \(expires)." : nil
        }
    }

    /// All rules.
    ///
    /// - Throws: `RuleProblems`.
    func readRules(_ taxonomy: Taxonomy) throws -> [Rule] {
        let general = rules.filter { $0.application == nil }.map { ($0.name, $0.yaml) }
        var read = try RuleFile.rules(files: ShippedRules.files + general, categories: taxonomy)
        for file in rules where file.application != nil {
            read += try RuleFile.rules(files: [(file.name, file.yaml)], categories: taxonomy).map { rule in
                var rule = rule
                rule.application = file.application
                return rule
            }
        }
        return read
    }

    /// The shipped taxonomy and the policy file's own categories.
    func taxonomy() throws -> Taxonomy { try Taxonomy.shipped().adding(written.categories) }
}

extension PolicyDay {
    static var today: PolicyDay { PolicyDay(of: .now) }

    private static let style = Date.ISO8601FormatStyle(timeZone: .gmt).year().month().day()

    private init(of date: Date) {
        guard let day = PolicyDay(date.formatted(Self.style)) else {
            preconditionFailure("The clock shows a year that the calendar has not.")
        }
        self = day
    }

    func adding(days: Int) -> PolicyDay {
        guard let date = try? Date(description, strategy: Self.style) else { return self }
        return PolicyDay(of: date.addingTimeInterval(Double(days) * 86_400))
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
        let categories = try texts.taxonomy()
        let guidelines = try guidelines(texts.guidelines, categories)
        let files = ShippedRules.files + texts.rules.map { ($0.name, $0.yaml) }
        let places = RulePlaces(files: files)
        do {
            let compiled =
                if let former, former.texts.rules == texts.rules, former.texts.classifier == texts.classifier,
                    former.policy.categories == categories
                { former.policy.rules } else {
                    try FilterRules(try texts.readRules(categories), classifier: try classifier(texts.classifier))
                }
            let unknown = compiled.rules.compactMap { rule in
                rule.clause.flatMap { clause in
                    guidelines.clause(clause) == nil
                        ? FilterError.Problem(rule: rule.id, reason: "the guidelines have no clause \(clause)") : nil
                }
            }
            guard unknown.isEmpty else { throw FilterError(unknown) }
            let misfits = OverridesCheck(overrides: texts.overrides, guidelines: guidelines, taxonomy: categories)
                .problems(compiled)
            guard misfits.isEmpty else { throw RuleProblems(misfits) }
            return try Policy(
                guidelines: guidelines, rules: compiled, categories: categories,
                holdBackBytesMax: texts.holdBackBytesMax,
                holdBackTimeMax: texts.holdBackTimeMax, overrides: texts.overrides)
        } catch let problems as RuleProblems {
            throw CommandFailure(problems.description, .configuration)
        } catch let error as FilterError {
            throw CommandFailure(
                places.problems(of: error).map(\.description).joined(separator: "\n"), .configuration)
        }
    }

    func guidelines() throws -> Guidelines {
        let texts = try PolicyTexts.read(settings.effective)
        return try Self.guidelines(texts.guidelines, texts.taxonomy())
    }

    private static func guidelines(_ file: PolicyTexts.File?, _ taxonomy: Taxonomy) throws -> Guidelines {
        guard let file else { return try Guidelines.shipped() }
        let known = Set(taxonomy.entries.map(\.id.rawValue))
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
