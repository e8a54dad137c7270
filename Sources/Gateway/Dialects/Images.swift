internal import JSON

/// OpenAI's `/v1/images/generations`. The prompt is screened; no filter sees what was drawn, so a model's policy must
/// admit `images`.
enum Images {
    static let traits = DialectTraits(
        path: "/v1/images/generations", operationName: "generate_content", scope: .images, recordDialect: .openAIImages,
        answersInPictures: true, requestPlaces: requestPlaces, answerPlaces: answerPlaces)

    private static let imagesMax = 10

    static func facts(_ reader: FieldReader, _ settings: DialectSettings) throws(PathExit) -> RequestFacts {
        var facts = RequestFacts(model: try reader.requireModel())
        try reader.checkEndUser()
        guard let prompt = try reader.string("prompt"), !prompt.isEmpty else {
            throw .refused(.invalid("prompt", "`prompt` is missing. Say what to draw."))
        }
        if try reader.bool("stream") == true {
            throw .refused(.invalid("stream", "Images are not streamed here. Leave `stream` out."))
        }
        facts.choices = try reader.int("n", in: 1...imagesMax) ?? 1
        facts.unscreenable.append((.images, "model"))
        return facts
    }

    private static let requestPlaces = ProtocolPlaces.Kind([
        (.text, ["prompt", "user", "stream"]),
        (.number, ["n", "output_compression", "partial_images"]),
        (
            .identifier,
            ["model", "size", "quality", "style", "response_format", "background", "moderation", "output_format"]
        ),
        (.seed, ["seed"]),
    ])

    private static let answerPlaces = ProtocolPlaces.Kind(
        [
            (.text, ["data", "data/*/revised_prompt", "data/*/url", "usage"]),
            (.number, ["created"]),
            (.quantity, ["usage/*", "usage/*/*"]),
            (.identifier, ["background", "output_format", "quality", "size", "model"]),
            (.data, ["data/*/b64_json"]),
        ], isAnswer: true)
}

/// An answer of images.
struct ImageTree: AnswerTree {
    let document: JSONDocument

    var usage: Usage? { document.member("usage", of: document.root).flatMap(ResponseTree.usage(document)) }

    func check(choicesExpected: Int) throws(UpstreamFailure) {
        try document.checkAnswer()
        guard let data = document.member("data", of: document.root), document.kind(data) == .array else {
            throw .malformed("an answer without images")
        }
    }
}
