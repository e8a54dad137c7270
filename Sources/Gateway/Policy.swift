internal import Access
package import Filtering
package import Guidelines

/// All published data that the path decides by, as one immutable value: no request sees half of two versions.
package final class Policy: Sendable {
    package let guidelines: Guidelines
    package let rules: FilterRules
    package let categories: Taxonomy
    private let sandbox: FilterPolicy
    private let production: FilterPolicy

    /// Joins rules and guidelines: a rule says what it sees, the clause that names its category what follows.
    package init(
        guidelines: Guidelines, rules: FilterRules, categories: Taxonomy, holdBackBytesMax: Int = 512
    ) throws(FilterError) {
        self.guidelines = guidelines
        self.rules = rules
        self.categories = categories
        func policy(isSandbox: Bool) throws(FilterError) -> FilterPolicy {
            try FilterPolicy(rules, holdBackBytesMax: holdBackBytesMax) { rule, side in
                guidelines.enforcement(of: rule, side: side, isSandbox: isSandbox)
            }
        }
        sandbox = try policy(isSandbox: true)
        production = try policy(isSandbox: false)
    }

    var filters: [FilterPolicy] { [sandbox, production] }

    func filter(for stage: Stage) -> FilterPolicy {
        switch stage {
        case .sandbox: sandbox
        case .production: production
        }
    }
}
