internal import Dispatch

/// Rules made ready to scan with, compiled once and shared between event loops. The 300 shipped ones take some seconds of
/// processor time, nearly all of it Hyperscan's, spread over the processors.
package final class FilterRules: Sendable {
    /// Those with patterns first, then those with scores.
    package let rules: [Rule]
    /// Those with patterns.
    let compiled: [CompiledRule]
    /// Those with scores.
    let scored: [ScoredRule]
    /// What gives the scores; `nil` where no rule asks for one.
    package let classifier: ClassifierModel?
    /// By view, for texts at hand as a whole.
    let whole: PerView<WholeSearch?>
    /// What is looked for before any search of those.
    let words: WordSearch
    /// By view, for streams.
    let streamed: PerView<HyperscanDatabase?>

    /// The bytes that a view's rules tell apart.
    let classes: PerView<ByteClasses>
    /// A view's rules that are found by length.
    let runs: PerView<PatternRuns?>

    /// The widest pattern that any rule may have, in bytes of its view.
    package static let widthMax = 2_048
    package static let contextBytesMax = 256

    /// - Throws: `FilterError` that lists every rule which cannot be used; or says that none can, where texts could not be
    ///   normalised.
    package convenience init(_ rules: [Rule], classifier: ClassifierModel? = nil) throws(FilterError) {
        try self.init(rules, classifier, canNormalise: CodePointView.isReady)
    }

    init(_ rules: [Rule], _ classifier: ClassifierModel? = nil, canNormalise: Bool) throws(FilterError) {
        guard canNormalise else {
            throw FilterError([
                .init(
                    rule: "(all rules together)",
                    reason: "ICU's tables can't be opened, so look-alikes would pass: install ICU's data (libicu)")
            ])
        }
        var problems: [FilterError.Problem] = []
        var compiled: [CompiledRule] = []
        var ids = Set<String>()
        let maps = PerView { CodePointView($0) }
        let rules = rules.filter { $0.score == nil } + rules.filter { $0.score != nil }
        var scored: [ScoredRule] = []
        for (index, rule) in rules.enumerated() {
            if !ids.insert(rule.id).inserted {
                problems.append(.init(rule: rule.id, reason: "another rule has this id: choose a new one"))
            }
            if let score = rule.score {
                switch ScoredRule.make(score, of: rule, index: index, classifier) {
                case .success(let rule): scored.append(rule)
                case .failure(let problem): problems.append(problem)
                }
                continue
            }
            switch CompiledRule.make(rule, maps[rule.view], index: index) {
            case .success(let rule): compiled.append(rule)
            case .failure(let problem): problems.append(problem)
            }
        }
        guard problems.isEmpty else { throw FilterError(problems) }
        self.rules = rules
        self.compiled = compiled
        self.scored = scored
        self.classifier = scored.isEmpty ? nil : classifier
        let plan = SearchPlan(compiled)
        let words = plan.words
        let (gated, streamed) = try Self.databases(compiled, plan)
        self.words = words
        classes = PerView { view in
            ByteClasses(compiled.filter { $0.rule.view == view }.flatMap(\.program.byteSets))
        }
        let runs = Self.runs(compiled, plan)
        whole = PerView { view in
            gated[view].isEmpty && runs[view] == nil
                ? nil : WholeSearch(gated[view], runs[view], targetCount: words.targetCount)
        }
        self.streamed = streamed
        self.runs = runs
    }

    /// The id of a rule, or of what stands behind the rules for what nobody judges.
    func id(of index: Int) -> String {
        index < rules.count ? rules[index].id : Unjudged.rules[index - rules.count].rule.id
    }

    /// Whether any rule looks at a view.
    func looks(at view: Rule.View) -> Bool { whole[view] != nil }

    var databases: [HyperscanDatabase] {
        Rule.View.allCases.flatMap { view in
            (whole[view]?.databases ?? []).map(\.database) + [streamed[view]].compactMap(\.self)
        }
    }

    private static func runs(_ rules: [CompiledRule], _ plan: SearchPlan) -> PerView<PatternRuns?> {
        PerView { view in
            let found = rules.compactMap { rule in
                rule.rule.view == view ? rule.run.map { (rule.index, $0, plan.targetsOfRuns[rule.index]) } : nil
            }
            return found.isEmpty ? nil : PatternRuns(found)
        }
    }

    /// Hyperscan takes most of a start, so all processors compile.
    private static func databases(
        _ rules: [CompiledRule], _ plan: SearchPlan
    ) throws(FilterError) -> (whole: PerView<[WholeSearch.Gated]>, streamed: PerView<HyperscanDatabase?>) {
        let views = Rule.View.allCases
        let searched = views.map { view in rules.filter { $0.rule.view == view && $0.run == nil } }
        let jobs = searched.map { ($0, HyperscanDatabase.Mode.streaming) } + plan.groups.map { ($0.rules, .block) }
        let made = inParallel(jobs.count) { job in
            Result { () throws(FilterError) in
                try HyperscanDatabase.make(jobs[job].0.map(HyperscanDatabase.Candidate.init), jobs[job].1)
            }
        }
        var whole = PerView<[WholeSearch.Gated]> { _ in [] }
        var streamed = PerView<HyperscanDatabase?> { _ in nil }
        for (view, made) in zip(views, made) { streamed[view] = try made.get() }
        for (group, made) in zip(plan.groups, made.dropFirst(views.count)) {
            guard let database = try made.get() else { continue }
            whole[group.view].append(
                .init(gate: group.gate, target: group.target, isNear: group.isNear, database: database))
        }
        return (whole, streamed)
    }

    /// What `body` makes of each number below `count`, on as many threads as there are processors.
    private static func inParallel<Made: Sendable>(_ count: Int, _ body: @Sendable (Int) -> Made) -> [Made] {
        // Each thread writes to places of its own, and all have ended when they are read.
        nonisolated(unsafe) let made = UnsafeMutablePointer<Made>.allocate(capacity: count)
        defer { made.deallocate() }
        DispatchQueue.concurrentPerform(iterations: count) { (made + $0).initialize(to: body($0)) }
        return (0..<count).map { (made + $0).move() }
    }
}

extension HyperscanDatabase {
    /// An expression, what may stand for it if it is too large, and whose it is.
    struct Candidate {
        var expression: Expression
        var relaxed: String
        var rule: String

        init(_ rule: CompiledRule) {
            expression = .init(text: rule.pattern.searchExpression(rule.rule.view), id: rule.index)
            relaxed = rule.pattern.relaxedExpression
            self.rule = rule.rule.id
        }
    }

    /// Compiles expressions; if that fails, relaxes the bad ones, or says which they are.
    static func make(_ candidates: [Candidate], _ mode: Mode) throws(FilterError) -> HyperscanDatabase? {
        guard !candidates.isEmpty else { return nil }
        if let database = try? HyperscanDatabase(candidates.map(\.expression), mode) { return database }
        var problems: [FilterError.Problem] = []
        let usable = candidates.map { candidate in
            var expression = candidate.expression
            if (try? HyperscanDatabase([expression], mode)) != nil { return expression }
            expression.text = candidate.relaxed
            do throws(HyperscanError) {
                _ = try HyperscanDatabase([expression], mode)
            } catch {
                problems.append(.init(rule: candidate.rule, reason: "Hyperscan refuses the pattern: \(error.message)"))
            }
            return expression
        }
        guard problems.isEmpty else { throw FilterError(problems) }
        do {
            return try HyperscanDatabase(usable, mode)
        } catch {
            throw FilterError([.init(rule: "(all rules together)", reason: "Hyperscan refuses: \(error.message)")])
        }
    }
}

/// A rule with its pattern read.
final class CompiledRule: Sendable {
    let rule: Rule
    /// In `FilterRules.rules`; the id in the databases.
    let index: Int
    let pattern: Pattern
    let program: PatternProgram
    let context: ContextWords
    /// Where it is found by length instead of by Hyperscan.
    let run: PatternRun?
    /// Of the skeleton, in which digits are letters, nothing can be told before a search.
    let gate: SearchGate
    /// Words of which every match has one, and those of which one must stand near it, if a text can be asked for them.
    let words: WordDemand?
    let contextWords: WordDemand?
    /// The rule's own, at hand without a copy of it.
    let contextBytes: Int
    /// Whether a context word may come after the match.
    let waitsForContext: Bool
    let check: Check?
    /// Whether only what follows a sign of assignment is a finding.
    let isAssignment: Bool

    init(_ rule: Rule, index: Int, _ pattern: Pattern, _ context: ContextWords) {
        self.rule = rule
        self.index = index
        self.pattern = pattern
        program = PatternProgram(pattern)
        self.context = context
        run = PatternRun(pattern)
        gate = rule.view == .skeleton ? .open : SearchGate(of: pattern)
        words = WordDemand(of: pattern, rule.view)
        contextWords = WordDemand(context: context.words)
        contextBytes = rule.contextBytes
        waitsForContext = !context.isEmpty && rule.contextPosition == .around
        check = rule.check
        isAssignment = rule.check?.isOfValue == true && pattern.demandsAssignment
    }

    /// How far before its end what it reports may begin, and after it what it waits for may end.
    var reachBytes: Int {
        let before = check?.secretPlace == .key ? SecretValue.harmlessBytesMax : 0
        return program.widthMax + max(context.isEmpty ? 0 : rule.contextBytes, before) + 2
    }

    /// Whether a context word stands near enough before a match that begins at `start`.
    func hasContext(before start: Int, _ window: Window) -> Bool {
        context.firstEnd(in: max(start - contextBytes, window.first)..<start, window) != nil
    }

    /// Where the finding of a match that begins at `start` can begin at the earliest: not before the number, nor with the
    /// name of a value. What comes before says only that one begins.
    func findingBegin(from start: Int, _ window: Window) -> Int {
        if check?.beginsWithDigit == true {
            return (start..<window.end).first { window[$0].isASCIIDigit } ?? window.end
        }
        guard isAssignment else { return start }
        return (start..<window.end).first { SecretValue.isBefore(window[$0]) }.map { $0 + 1 } ?? window.end
    }

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
            return problem("the pattern is too large: lower its repeats, or share its words out among several rules")
        }
        guard (0...FilterRules.contextBytesMax).contains(rule.contextBytes) else {
            return problem("contextBytes is \(rule.contextBytes); write 0 to \(FilterRules.contextBytesMax)")
        }
        let context = ContextWords(rule.context, view)
        guard rule.context.isEmpty || !context.isEmpty else {
            return problem("no context word has a visible character")
        }
        guard context.widthMax <= rule.contextBytes else {
            return problem(
                "a context word has \(context.widthMax) bytes, of which none can stand in \(rule.contextBytes): raise "
                    + "context_bytes, or shorten the word")
        }
        return .success(CompiledRule(rule, index: index, pattern, context))
    }
}
