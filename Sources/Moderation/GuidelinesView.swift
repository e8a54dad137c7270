/// The guidelines as readers see them: grouped by kind, texts in paragraphs, words instead of codes.
struct GuidelinesView: Sendable {
    let title: String
    let language: String
    let version: String
    let shortVersion: String
    let published: String
    let introduction: [String]
    let groups: [Group]

    struct Group: Sendable {
        /// Holds an underscore, which a clause's id cannot, so the two never meet.
        let anchor: String
        let title: String
        let about: String
        /// The CSS modifier that repeats what the title says.
        let tone: String
        let clauses: [Clause]
    }

    struct Clause: Sendable {
        let id: String
        let title: String
        let paragraphs: [String]
        let enforcement: [Enforcement]
        let enforcementNote: String?
        let whyNotEnforced: String?
        let meant: [String]
        let notMeant: [String]
        // The template shows a heading only above what there is.
        let hasEnforcement: Bool
        let hasMeant: Bool
        let hasNotMeant: Bool

        init(
            id: String, title: String, paragraphs: [String], enforcement: [Enforcement], enforcementNote: String?,
            whyNotEnforced: String?, meant: [String], notMeant: [String]
        ) {
            (self.id, self.title, self.paragraphs) = (id, title, paragraphs)
            (self.enforcement, self.enforcementNote) = (enforcement, enforcementNote)
            (self.whyNotEnforced, self.meant, self.notMeant) = (whyNotEnforced, meant, notMeant)
            hasEnforcement = !enforcement.isEmpty
            hasMeant = !meant.isEmpty
            hasNotMeant = !notMeant.isEmpty
        }
    }

    struct Enforcement: Sendable {
        let categories: [String]
        let stage: String
        let prompt: Outcome
        let completion: Outcome
    }

    struct Outcome: Sendable {
        /// The tag's CSS modifier.
        let tone: String
        let word: String
    }
}
