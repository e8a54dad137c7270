internal import JSON

/// OpenAI's `/v1/embeddings`.
enum Embeddings {
    static let traits = DialectTraits(
        path: "/v1/embeddings", operationName: "embeddings", scope: .embeddings, recordDialect: .openAIEmbeddings,
        answersInNumbers: true, answerPlaces: .embeddings)

    static func facts(_ reader: FieldReader, _ settings: DialectSettings) throws(PathExit) -> RequestFacts {
        var facts = RequestFacts(model: try reader.requireModel())
        try reader.checkEndUser()
        facts.choices = 0
        guard let input = reader.member("input") else {
            throw .refused(.invalid("input", "`input` is missing. Send a string or an array of strings."))
        }
        switch reader.document.kind(input) {
        case .string: break
        case .array:
            _ = try reader.countTexts("input", input, max: settings.messagesMax, into: &facts)
        default:
            throw .refused(.invalid("input", "`input` must be a string or an array of strings."))
        }
        reader.readTemplates(into: &facts)
        return facts
    }
}

/// An answer of numbers.
struct EmbeddingTree: AnswerTree {
    let document: JSONDocument

    /// Servers tell the input alone.
    var usage: Usage? {
        guard var usage = document.completionUsage else { return nil }
        usage.output = usage.output ?? 0
        return usage
    }

    func check(choicesExpected: Int) throws(UpstreamFailure) { try document.checkAnswer() }
}
