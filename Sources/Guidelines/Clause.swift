package import Filtering

/// One rule of the guidelines, in words for people and in verdicts for the filter.
package struct Clause: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Nobody may do it.
        case prohibited
        /// A use whose errors harm people badly; not allowed whatever the quality.
        case highRisk = "high_risk"
        /// Allowed, with an approval that looked at this domain, and under its conditions.
        case extraScrutiny = "extra_scrutiny"
    }

    /// Stable, unique, words joined by hyphens; also the anchor on the page.
    package var id: String
    package var title: String
    package var kind: Kind
    /// What it covers and what it does not, in plain words.
    package var text: String
    /// Empty if, and only if, `whyNotEnforced` says why the filter can't.
    package var enforcement: [ClauseEnforcement]
    /// Why the verdicts are what they are; for readers.
    package var enforcementNote: String?
    package var whyNotEnforced: String?
    package var meant: [String]
    package var notMeant: [String]

    /// Where the clause stands on the guidelines' page, with the number sign.
    package var anchor: String { "#" + id }
}

/// What a clause does with some categories of findings.
package struct ClauseEnforcement: Sendable, Hashable {
    package enum Stage: String, Sendable, Hashable, CaseIterable {
        case sandbox, production
    }

    package var categories: [Category]
    package var prompt: Verdict
    package var completion: Verdict
    /// When streamed answers may leave.
    package var streams = StreamMode.window
    /// `nil`: both stages.
    package var stage: Stage?

    package func verdict(on side: Side) -> Verdict {
        side == .prompt ? prompt : completion
    }

    package func applies(inSandbox isSandbox: Bool) -> Bool {
        stage == nil || (stage == .sandbox) == isSandbox
    }
}
