package import Filtering
internal import JSON

/// What a judge is asked about.
package struct JudgeQuestion: Sendable, Hashable {
    package let side: Side
    /// Valid UTF-8.
    package let text: [UInt8]
    /// What an answer was given to, or the end of it; for judges that look at both.
    package let prompt: [UInt8]

    package init(side: Side, text: [UInt8], prompt: [UInt8] = []) {
        (self.side, self.text, self.prompt) = (side, text, prompt)
    }

    /// How far before a window's end it may be cut, so that no word is.
    static let seamBytesMax = 64

    /// The questions that make up a text: windows of at most so many bytes, cut between words where there is a blank near the
    /// end, and between characters elsewhere.
    package static func windows(of text: [UInt8], bytesMax: Int) -> [Range<Int>] {
        var windows: [Range<Int>] = []
        var start = 0
        repeat {
            var end = min(start + max(4, bytesMax), text.count)
            if end < text.count {
                while end > start, text[end] & 0xC0 == 0x80 { end -= 1 }
                let near = max(start, end - seamBytesMax + 4)
                if let blank = text[near..<end].lastIndex(where: { $0 == 0x20 || $0 == 0x0A }) { end = blank + 1 }
            }
            windows.append(start..<end)
            start = end
        } while start < text.count
        return windows
    }
}

/// One request to a judge's server.
package struct JudgeRequest: Sendable {
    /// Below the server's base address.
    package let path: String
    package let body: [UInt8]
    /// What it asks about.
    package let clauses: [JudgedClause]
}

/// Something that a judge found.
package struct JudgeFinding: Sendable, Hashable {
    package var category: Category
    /// From 0 to 1; 1 where a judge only says yes.
    package var score: Double
    /// UTF-8 offsets in the question's text; `nil` where a judge does not say.
    package var range: Range<Int>?

    package init(_ category: Category, score: Double = 1, range: Range<Int>? = nil) {
        (self.category, self.score, self.range) = (category, score, range)
    }
}

/// Why there is no opinion.
package enum JudgeFailure: Error, Sendable, Hashable {
    /// It did not answer in time.
    case timeout
    /// Its server can't be reached, or is left alone for a while; with the code of how.
    case unavailable(String)
    /// It answered with an error of its own.
    case status(Int)
    /// It answered something else than an opinion: what it was, never its words.
    case malformed(String)
    /// More was asked of it than it may be asked.
    case overBudget
    /// The text is longer than it may be asked about.
    case tooLong

    /// A stable word for metrics and logs.
    package var code: String {
        switch self {
        case .timeout: "timeout"
        case .unavailable: "unavailable"
        case .status: "status"
        case .malformed: "malformed"
        case .overBudget: "over_budget"
        case .tooLong: "too_long"
        }
    }

    /// What more there is to say, for the operator's log; never content.
    package var detail: String? {
        switch self {
        case .unavailable(let code): code
        case .status(let status): "status \(status)"
        case .malformed(let what): what
        case .timeout, .overBudget, .tooLong: nil
        }
    }
}

/// How one form of judge is asked and understood. What it answers is data: whatever it says, nothing is done but what an
/// opinion allows.
protocol JudgeDialect: Sendable {
    func requests(_ question: JudgeQuestion, _ clauses: [JudgedClause]) -> [JudgeRequest]

    /// - Throws: `JudgeFailure.malformed` for anything that is no opinion.
    func findings(
        in answer: JSONDocument, to request: JudgeRequest, _ question: JudgeQuestion
    ) throws(JudgeFailure) -> [JudgeFinding]
}

extension Judge {
    /// - Parameter head: of a judge by embeddings.
    private func dialect(_ head: EmbeddingHead?) -> any JudgeDialect {
        switch form {
        case .moderations: ModerationForm(judge: self)
        case .llamaGuard: LlamaGuardForm(judge: self)
        case .shieldGemma, .graniteGuardian: YesNoForm(judge: self)
        case .wildGuard: WildGuardForm(judge: self)
        case .policy: PolicyForm(judge: self)
        case .presidio: PresidioForm(judge: self)
        case .hook: HookForm(judge: self)
        case .embeddings: EmbeddingForm(judge: self, head: head)
        }
    }

    /// What is to be sent to have a question answered, in this order.
    package func requests(_ question: JudgeQuestion, about clauses: [JudgedClause]) -> [JudgeRequest] {
        dialect(nil).requests(question, clauses)
    }

    /// What an answer says of the clauses that were asked about; findings of others, and below the threshold, are left out.
    package func findings(
        in answer: [UInt8], to request: JudgeRequest, _ question: JudgeQuestion, head: EmbeddingHead? = nil
    ) throws(JudgeFailure) -> [JudgeFinding] {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: answer, limits: JSONLimits(nodesMax: 100_000))
        } catch {
            throw .malformed("an answer with \(error.problem.rawValue)")
        }
        let asked = Set(request.clauses.flatMap(\.categories).map(\.id))
        let findings = try dialect(head).findings(in: document, to: request, question).filter {
            $0.score >= threshold && asked.contains($0.category)
        }
        guard findings.count <= Self.findingsMax else { throw .malformed("more findings than a text can have") }
        return findings
    }

    /// The categories of a clause that it can tell: of others, its silence says nothing.
    package func tellable(of clause: JudgedClause, head: EmbeddingHead? = nil) -> Set<Category> {
        let tells: (Taxonomy.Entry) -> Bool =
            switch form {
            case .moderations: { !$0.moderation.isEmpty }
            case .llamaGuard: { !$0.hazards.isEmpty }
            case .presidio: { PresidioForm.known.contains($0.id) }
            case .embeddings: { entry in head?.outputs.contains { $0.category == entry.id } ?? false }
            case .shieldGemma, .graniteGuardian, .wildGuard, .policy, .hook: { _ in true }
            }
        return Set(clause.categories.filter(tells).map(\.id))
    }

    private static let findingsMax = 256

    /// The most bytes of an answer.
    package static let answerBytesMax = 262_144
}
