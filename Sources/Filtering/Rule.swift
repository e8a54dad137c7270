/// One pattern that the filter looks for, as read from a rule file.
package struct Rule: Sendable, Hashable {
    /// The form of the text that the pattern is matched against.
    package enum View: String, Sendable, Hashable, CaseIterable {
        /// NFKD code point by code point, without marks and what nobody sees (zero-width, bidirectional and control
        /// characters, tags), digits of all scripts as ASCII; case as written. For numbers and secrets.
        case normalised
        /// Case-folded confusables skeleton, of text and pattern both. For words; a skeleton turns digits into
        /// letters, so rules for numbers never use it.
        case skeleton
    }

    /// Where one of the context words must stand.
    package enum ContextPosition: String, Sendable, Hashable, CaseIterable {
        case before
        /// Before or after the match.
        case around
    }

    /// From which score of the classifier on a text is found.
    package struct Score: Sendable, Hashable {
        /// The classifier's head, such as `hate`.
        package var head: String
        /// Of harmless texts, the share that is found all the same: one of those that the classifier has a threshold for.
        package var falsePositives: Double

        package init(head: String, falsePositives: Double) {
            (self.head, self.falsePositives) = (head, falsePositives)
        }
    }

    /// Unique, stable, `category-like/word`, such as `pii/card-number`.
    package var id: String
    package var category: Category
    /// Hyperscan syntax, without look-around and back-references. Empty where a score decides.
    package var pattern: String
    /// Asks the classifier instead of a pattern.
    package var score: Score?
    /// Whatever the category's clause says, no more than this.
    package var verdictMax: Verdict
    package var view: View
    package var ignoresCase: Bool
    /// Confirms a match by arithmetic or shape; `nil` accepts every match.
    package var check: Check?
    /// Words of which one must stand within `contextBytes` of the match (case-folded); empty asks none.
    package var context: [String]
    package var contextBytes: Int
    /// A stream holds no text back for a rule whose words come before, unless one has come.
    package var contextPosition: ContextPosition
    /// Named in refusals in place of the category's clause; the verdict is the category's.
    package var clause: String?
    /// The only application whose traffic it looks at; `nil` for all.
    package var application: String?
    /// Texts in which the rule must, and must not, find something. `steward filter check` runs them.
    package var matches: [String]
    package var nonMatches: [String]

    package init(
        id: String, category: Category, pattern: String, score: Score? = nil, verdictMax: Verdict = .block,
        view: View = .normalised,
        ignoresCase: Bool = false, check: Check? = nil, context: [String] = [], contextBytes: Int = 64,
        contextPosition: ContextPosition = .around, clause: String? = nil, matches: [String] = [],
        nonMatches: [String] = []
    ) {
        self.id = id
        self.category = category
        self.pattern = pattern
        self.score = score
        self.verdictMax = verdictMax
        self.view = view
        self.ignoresCase = ignoresCase
        self.check = check
        self.context = context
        self.contextBytes = contextBytes
        self.contextPosition = contextPosition
        self.clause = clause
        self.matches = matches
        self.nonMatches = nonMatches
    }

    /// What of an enforcement a finding of this rule can lead to: at most `verdictMax`, and a flag where a score would have
    /// text redacted, since it says of no word that it is the one.
    package func limiting(_ enforcement: Enforcement) -> Enforcement {
        var enforcement = enforcement
        guard enforcement.verdict != .notEvaluated else { return enforcement }
        if enforcement.verdict.rawValue > verdictMax.rawValue { enforcement.verdict = verdictMax }
        if score != nil, enforcement.verdict == .redact { enforcement.verdict = .flag }
        return enforcement
    }
}
