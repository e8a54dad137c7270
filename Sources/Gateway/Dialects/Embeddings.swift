internal import JSON

/// OpenAI's `/v1/embeddings`.
enum Embeddings {
    static func facts(_ reader: inout FieldReader, _ settings: DialectSettings) throws(PathExit) -> RequestFacts {
        var facts = RequestFacts(model: try reader.requireModel())
        facts.endUser = try reader.endUser()
        facts.choices = 0
        guard let input = reader.member("input") else {
            throw .refused(.invalid("input", "`input` is missing. Send a string or an array of strings."))
        }
        switch reader.document.kind(input) {
        case .string: break
        case .array:
            guard reader.document.count(of: input) > 0 else {
                throw .refused(.invalid("input", "`input` must not be empty."))
            }
            if reader.holdsTokens(input) {
                facts.unscreenable.append((.tokens, "input"))
            }
        default:
            throw .refused(.invalid("input", "`input` must be a string or an array of strings."))
        }
        reader.readTemplates(into: &facts)
        return facts
    }
}
