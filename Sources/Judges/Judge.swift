package import Filtering

/// Somebody outside who is asked for a second opinion, where the classifier alone can't tell.
package struct Judge: Sendable, Hashable {
    /// For records, metrics and logs; unique in the configuration.
    package var name: String
    package var form: JudgeForm
    /// What its server calls the model; `nil` for servers that have but one.
    package var model: String?
    /// The clauses of the guidelines that it is asked about, by their ids.
    package var clauses: [String]
    package var sides: Set<Side> = [.prompt]
    package var occasion = Occasion()
    /// From which score on a finding counts, of judges that give scores.
    package var threshold = 0.5
    /// What becomes of a text on which no opinion could be had.
    package var onFailure = FailurePolicy.closed
    /// Its opinions are recorded, and nothing follows from them.
    package var isShadow = false
    /// What becomes of a streamed answer until it was asked: `hold`, or `pass`, where what it says is only recorded.
    package var streams = StreamMode.hold
    package static let streamModes = [StreamMode.hold, .pass]
    /// Of all that it is asked of one text.
    package var timeout = Duration.seconds(2)
    /// Of one process.
    package var questionsPerMinute = 600
    /// How many of its opinions are remembered, and for how long.
    package var cacheEntries = 10_000
    package var cacheTime = Duration.seconds(600)
    /// Of one question; a longer text makes several.
    package var textBytesMax = 32_768
    /// BCP 47, for judges that must be told.
    package var language = "en"

    package init(name: String, form: JudgeForm, clauses: [String]) {
        (self.name, self.form, self.clauses) = (name, form, clauses)
    }

    /// A text of more bytes is not judged: so many questions are asked of one at most.
    package var textBytesMaxInAll: Int { Self.questionsMax * (textBytesMax - JudgeQuestion.seamBytesMax) }

    package static let questionsMax = 8

    /// When it is asked.
    package struct Occasion: Sendable, Hashable {
        /// Where the classifier's score of a clause is from here …
        package var from = 0.3
        /// … to below here. What it scores lower passes, and for what it scores higher its own rules decide.
        package var below = 0.95
        /// Whatever the classifier says.
        package var isAlways = false
        /// Also where some of the text is in a script that the classifier knows too little of.
        package var isForUncovered = true

        package init() {}
    }

    package enum FailurePolicy: String, Sendable, Hashable, CaseIterable {
        /// The text goes no further.
        case closed
        /// It goes on, recorded as not evaluated.
        case open
    }
}

/// How a judge is asked, and how it answers.
package enum JudgeForm: String, Sendable, Hashable, CaseIterable {
    /// A moderation API like OpenAI's.
    case moderations
    /// A model that answers `safe`, or `unsafe` and the codes of hazards.
    case llamaGuard = "llama_guard"
    /// Models that are told a rule and answer *yes* where a text breaks it, each in its own way.
    case shieldGemma = "shield_gemma"
    case graniteGuardian = "granite_guardian"
    /// A model that says whether request and answer are harmful, and not how.
    case wildGuard = "wild_guard"
    /// A model that follows instructions, such as gpt-oss-safeguard, which is told a clause in its own words.
    case policy
    /// Presidio's analyzer.
    case presidio
    /// A program that speaks Steward's own JSON.
    case hook
    /// An embedding model, on whose vectors a head of ours decides.
    case embeddings

    /// Whether it can't tell clauses apart, so that it is asked about one alone.
    package var judgesOneClause: Bool { self == .wildGuard }
    /// Whether it says where in a text something stands.
    package var tellsPlaces: Bool { self == .presidio || self == .hook }
}
