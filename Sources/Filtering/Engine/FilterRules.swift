/// Rules made ready to scan with, compiled once (about half a second for 200 rules) and shared between event loops.
package final class FilterRules: Sendable {
    package let rules: [Rule]
    let compiled: [CompiledRule]
    /// All rules, for texts in which both views are the text itself (ASCII).
    let whole: HyperscanDatabase?
    /// By view, for streams.
    let streamed: [Rule.View: HyperscanDatabase]

    /// The widest pattern that any rule may have, in bytes of its view.
    package static let widthMax = 2_048
    package static let contextBytesMax = 256

    /// - Throws: `FilterError` that lists every rule which cannot be used.
    package init(_ rules: [Rule]) throws(FilterError) {
        var problems: [FilterError.Problem] = []
        var compiled: [CompiledRule] = []
        var ids = Set<String>()
        let views = [Rule.View.normalised: CodePointView(.normalised), .skeleton: CodePointView(.skeleton)]
        for (index, rule) in rules.enumerated() {
            if !ids.insert(rule.id).inserted {
                problems.append(.init(rule: rule.id, reason: "another rule has this id: choose a new one"))
            }
            guard let view = views[rule.view] else { continue }
            switch CompiledRule.make(rule, view, index: index) {
            case .success(let rule): compiled.append(rule)
            case .failure(let problem): problems.append(problem)
            }
        }
        guard problems.isEmpty else { throw FilterError(problems) }
        self.rules = rules
        self.compiled = compiled
        whole = try Self.database(compiled, .block)
        var streamed: [Rule.View: HyperscanDatabase] = [:]
        for view in Rule.View.allCases {
            streamed[view] = try Self.database(compiled.filter { $0.rule.view == view }, .streaming)
        }
        self.streamed = streamed
    }

    var databases: [HyperscanDatabase] { [whole].compactMap(\.self) + streamed.values }

    private static func database(
        _ rules: [CompiledRule], _ mode: HyperscanDatabase.Mode
    ) throws(FilterError) -> HyperscanDatabase? {
        try HyperscanDatabase.make(
            rules.map { .init(text: $0.pattern.expression, id: $0.index) }, mode, names: rules.map(\.rule.id))
    }
}

extension HyperscanDatabase {
    /// Compiles expressions; if that fails, tries each on its own to find every bad one.
    static func make(
        _ expressions: [Expression], _ mode: Mode, names: [String]
    ) throws(FilterError) -> HyperscanDatabase? {
        guard !expressions.isEmpty else { return nil }
        do {
            return try HyperscanDatabase(expressions, mode)
        } catch {
            var problems: [FilterError.Problem] = []
            for (expression, name) in zip(expressions, names) {
                do {
                    _ = try HyperscanDatabase([expression], mode)
                } catch {
                    problems.append(.init(rule: name, reason: "Hyperscan refuses the pattern: \(error.message)"))
                }
            }
            if problems.isEmpty { problems.append(.init(rule: "(all)", reason: "Hyperscan: \(error.message)")) }
            throw FilterError(problems)
        }
    }
}

/// A rule with its pattern read.
struct CompiledRule: Sendable {
    let rule: Rule
    /// In `FilterRules.rules`; the id in the databases.
    let index: Int
    let pattern: Pattern
    let program: PatternProgram
    let context: ContextWords

    /// How far before its end what it reports may begin, and after it what it waits for may end.
    var reachBytes: Int { program.widthMax + (context.isEmpty ? 0 : rule.contextBytes) + 2 }

    static func make(
        _ rule: Rule, _ view: CodePointView, index: Int
    ) -> Result<CompiledRule, FilterError.Problem> {
        func problem(_ reason: String) -> Result<CompiledRule, FilterError.Problem> {
            .failure(.init(rule: rule.id, reason: reason))
        }
        let pattern: Pattern
        do {
            pattern = try PatternParser.parse(rule.pattern, folding: .init(view: view, ignoresCase: rule.ignoresCase))
        } catch {
            return problem("at byte \(error.offset) of the pattern: \(error.reason)")
        }
        let width = pattern.width
        guard let widthMax = width.max else {
            return problem("the pattern has no maximal width: write {0,20} for *, {1,20} for +")
        }
        guard widthMax <= FilterRules.widthMax else {
            return problem(
                "the pattern may match \(widthMax) bytes; at most \(FilterRules.widthMax) are possible: lower its repeats"
            )
        }
        guard width.min > 0 else {
            return problem("the pattern matches the empty text: ask for at least one character")
        }
        guard pattern.expandedSize < PatternProgram.sizeMax / 4 else {
            return problem("the pattern is too large: lower its repeats")
        }
        guard (0...FilterRules.contextBytesMax).contains(rule.contextBytes) else {
            return problem("contextBytes is \(rule.contextBytes); write 0 to \(FilterRules.contextBytesMax)")
        }
        let context = ContextWords(rule.context, view)
        guard rule.context.isEmpty || !context.isEmpty else {
            return problem("no context word has a visible character")
        }
        return .success(
            CompiledRule(
                rule: rule, index: index, pattern: pattern, program: PatternProgram(pattern), context: context))
    }
}
