/// Which rules texts at hand as a whole are searched for together, and what such a text must have before.
struct SearchPlan {
    /// Rules that are searched for in one go.
    struct Group {
        var view: Rule.View
        var gate: SearchGate
        var target: Int?
        var isNear = false
        var rules: [CompiledRule] = []
    }

    private(set) var groups: [Group] = []
    /// By rule: of those that are found by length, their target.
    private(set) var targetsOfRuns: [Int: Int] = [:]
    private var wanted: [WordSearch.Wanted] = []
    private var targetCount = 0

    var words: WordSearch { WordSearch(wanted, targetCount: targetCount) }

    /// Rules of the normalised view that have words are many, and few texts have any of them: all of those are one group.
    /// Those of the skeleton have words that prose has too, now and then: each is looked for by itself, and near them.
    init(_ rules: [CompiledRule]) {
        var (worded, others): ([CompiledRule], [CompiledRule]) = ([], [])
        for rule in rules {
            if rule.run != nil {
                if let demand = rule.words ?? rule.contextWords { targetsOfRuns[rule.index] = add(demand, rule) }
            } else if let words = rule.words {
                if rule.rule.view == .normalised {
                    worded.append(rule)
                } else {
                    let target = add(words, rule, isNear: true)
                    groups.append(.init(view: .skeleton, gate: .open, target: target, isNear: true, rules: [rule]))
                }
            } else if let words = rule.contextWords {
                groups.append(
                    .init(view: rule.rule.view, gate: rule.gate, target: add(words, rule), rules: [rule]))
            } else {
                others.append(rule)
            }
        }
        if !worded.isEmpty {
            let target = newTarget()
            for rule in worded { if let words = rule.words { add(words, rule, to: target) } }
            groups.append(.init(view: .normalised, gate: .open, target: target, rules: worded))
        }
        for view in Rule.View.allCases {
            for gate in SearchGate.allCases {
                let rules = others.filter { $0.rule.view == view && $0.gate == gate }
                if !rules.isEmpty { groups.append(.init(view: view, gate: gate, rules: rules)) }
            }
        }
    }

    private mutating func newTarget() -> Int {
        targetCount += 1
        return targetCount - 1
    }

    private mutating func add(_ demand: WordDemand, _ rule: CompiledRule, isNear: Bool = false) -> Int {
        let target = newTarget()
        add(demand, rule, to: target, isNear: isNear)
        return target
    }

    private mutating func add(_ demand: WordDemand, _ rule: CompiledRule, to target: Int, isNear: Bool = false) {
        // What stands beside a match is looked at too.
        wanted.append(.init(demand: demand, target: target, reach: rule.program.widthMax + 4, isNear: isNear))
    }
}
