internal import JSON

/// OpenAI's older `/v1/completions`.
enum Completions {
    static let traits = DialectTraits(
        path: "/v1/completions", operationName: "text_completion", recordDialect: .openAICompletions,
        outputCapMember: "max_tokens", requestPlaces: .completionRequest)

    static func facts(_ reader: FieldReader, _ settings: DialectSettings) throws(PathExit) -> RequestFacts {
        let document = reader.document
        var facts = RequestFacts(model: try reader.requireModel())
        try reader.readStream(into: &facts)
        try reader.checkEndUser()
        facts.outputTokensMax = try reader.int("max_tokens", in: 1...Int(Int32.max))
        facts.outputCapName = facts.outputTokensMax == nil ? nil : "max_tokens"
        let choices = try reader.int("n", in: 1...settings.choicesMax) ?? 1
        let best = try reader.int("best_of", in: 1...settings.choicesMax) ?? 1
        guard let prompt = reader.member("prompt") else {
            throw .refused(.invalid("prompt", "`prompt` is missing. Send a string or an array of strings."))
        }
        var prompts = 1
        switch document.kind(prompt) {
        case .string: break
        case .array:
            prompts = try reader.countTexts("prompt", prompt, max: settings.messagesMax, into: &facts)
        default:
            throw .refused(.invalid("prompt", "`prompt` must be a string or an array of strings."))
        }
        if prompts > 1, reader.member("suffix") != nil {
            throw .refused(.invalid("suffix", "`suffix` goes with one prompt only. Send a request for each."))
        }
        facts.choices = max(choices, best) * prompts
        facts.choicesReturned = choices * prompts
        reader.readTemplates(into: &facts)
        return facts
    }
}
