internal import JSON

/// OpenAI's `/v1/audio/transcriptions`. The transcript is screened; no filter hears what was said, so a model's policy must
/// admit `audio`.
///
/// Its requests are forms. The fields go down the path as an object of strings; the file stays beside it.
enum Transcriptions {
    static let traits = DialectTraits(
        path: "/v1/audio/transcriptions", operationName: "transcription", scope: .audio,
        recordDialect: .openAITranscriptions, isForm: true, requestPlaces: requestPlaces, answerPlaces: answerPlaces)

    /// Formats that are JSON; the others are text.
    private static let jsonFormats: Set<String> = ["json", "verbose_json", "diarized_json"]
    private static let textFormats: Set<String> = ["text", "srt", "vtt"]

    static func facts(_ reader: FieldReader, _ settings: DialectSettings) throws(PathExit) -> RequestFacts {
        var facts = RequestFacts(model: try reader.requireModel())
        let format = try reader.string("response_format") ?? "json"
        guard jsonFormats.contains(format) || textFormats.contains(format) else {
            throw .refused(
                .invalid(
                    "response_format",
                    "`response_format` must be one of json, verbose_json, diarized_json, text, srt and vtt."))
        }
        switch try reader.string("stream") {
        case nil, "false", "False", "0": facts.isStream = false
        case "true", "True", "1": facts.isStream = true
        default: throw .refused(.invalid("stream", "`stream` must be true or false."))
        }
        facts.asksForUsage = true
        facts.answersInText = textFormats.contains(format)
        facts.unscreenable.append((.audio, "file"))
        return facts
    }

    private static let requestPlaces = ProtocolPlaces.Kind(
        [
            (.text, ["prompt", "hotwords", "known_speaker_names[]", "timestamp_granularities[]", "include[]"]),
            (.arguments, ["chunking_strategy"]),
            (
                .identifier,
                [
                    "model", "language", "response_format", "stream", "temperature", "timestamp_granularities[]/*",
                    "include[]/*",
                ]
            ),
        ], readsEscapes: true)

    /// A transcript says its text once as a whole; these say it again, in lists. Some programs put a blank between their
    /// elements and some don't.
    static let joined = [
        JoinedText(kind: "transcript.text.segment", path: ["segments", nil], member: "text", isSpaced: true),
        JoinedText(kind: "words", path: ["words", nil], member: "word", isSpaced: true),
        JoinedText(
            kind: "words of segments", path: ["segments", nil, "words", nil], member: "word", isSpaced: true),
    ]

    private static let answerPlaces = ProtocolPlaces.Kind(
        [
            (
                .text,
                [
                    "text", "segments", "segments/*/text", "segments/*/words", "segments/*/words/*/word", "words",
                    "words/*/word", "usage", "logprobs", "segments/*/tokens",
                ]
            ),
            (.identifier, ["task", "language", "segments/*/type", "segments/*/speaker", "usage/type"]),
            (
                .quantity,
                ["duration", "segments/*/*", "segments/*/words/*/*", "words/*/*", "usage/*", "usage/*/*"]
            ),
            (.spelled, ["logprobs/**", "segments/*/tokens/**"]),
        ], texts: joined, hasCues: true, isAnswer: true)

    static let eventPlaces = ProtocolPlaces.Kind(
        [
            (.text, ["text", "delta", "usage", "logprobs"]),
            (.identifier, ["type", "speaker", "usage/type"]),
            (.word, ["id", "segment_id"]),
            (.quantity, ["start", "end", "usage/*", "usage/*/*"]),
            (.spelled, ["logprobs/**"]),
        ], texts: joined, isAnswer: true)
}

/// A transcript: an object, or a string where it is plain text.
struct TranscriptTree: AnswerTree {
    let document: JSONDocument

    var usage: Usage? { document.member("usage", of: document.root).flatMap(ResponseTree.usage(document)) }

    func check(choicesExpected: Int) throws(UpstreamFailure) {
        if document.kind(document.root) == .string { return }
        try document.checkAnswer()
        guard let text = document.member("text", of: document.root), document.kind(text) == .string else {
            throw .malformed("an answer without a text")
        }
    }

    /// Tokens and words are the text again.
    func dropSpellings(isRedacted: Bool, besides edits: inout JSONEdits) {
        ResponseTree.dropSpellings(beside: document.root, in: document, isRedacted: isRedacted, besides: &edits)
        let empty = Array("[]".utf8)
        if let segments = document.member("segments", of: document.root) {
            for segment in document.elements(of: segments) {
                if isRedacted, let words = document.member("words", of: segment) {
                    edits.replace(words, withRaw: empty)
                }
                guard let tokens = document.member("tokens", of: segment), isRedacted || !isOfNumbers(tokens) else {
                    continue
                }
                edits.replace(tokens, withRaw: empty)
            }
        }
        if isRedacted, let words = document.member("words", of: document.root) {
            edits.replace(words, withRaw: empty)
        }
    }

    private func isOfNumbers(_ array: JSONNode) -> Bool {
        document.kind(array) == .array
            && document.elements(of: array).allSatisfy {
                document.kind($0) == .number && document.source(of: $0).count < Passage.digitsMin
            }
    }
}

/// The events of a streamed transcript.
struct TranscriptEvents: TypedEvents {
    static var places: ProtocolPlaces.Kind { Transcriptions.eventPlaces }
    static var joined: [JoinedText] { Transcriptions.joined }

    private(set) var usage: Usage?
    private var segmentCount = 0
    private static let text = TextID(kind: "transcript.text", outer: 0)

    mutating func read(_ type: String, _ document: JSONDocument) throws(UpstreamFailure) -> TypedEvent {
        let root = document.root
        var event = TypedEvent()
        switch type {
        case "error": throw .malformed("an error in the stream")
        case "transcript.text.delta":
            guard let delta = document.member("delta", of: root), document.kind(delta) == .string else { return event }
            event.pieces = [.init(node: delta, text: Self.text)]
            event.isPiece = true
        case "transcript.text.segment":
            guard let text = document.member("text", of: root), document.kind(text) == .string else { return event }
            event.pieces = [.init(node: text, text: TextID(kind: type, outer: segmentCount), way: .isWhole)]
            segmentCount += 1
        case "transcript.text.done":
            event.ended = .all
            event.isLast = true
            usage = document.member("usage", of: root).flatMap(ResponseTree.usage(document))
        default: return event
        }
        return event
    }

    mutating func prepare(_ type: String, _ document: JSONDocument, isRedacted: Bool, edits: inout JSONEdits) {
        let text: StaticString = type.hasSuffix(".delta") ? "delta" : "text"
        ResponseTree.dropSpellings(
            beside: document.root, text: text, in: document, isRedacted: isRedacted, besides: &edits)
    }

    func isJSON(_ text: TextID) -> Bool { false }

    mutating func writePiece(_ rest: [UInt8], of text: TextID, to output: inout [UInt8]) {
        output.appendEvent(text.kind + ".delta") { writer in
            writer.key("delta" as StaticString)
            writer.string(utf8: rest)
        }
    }

    /// The protocol has no word for it: the transcript ends where the filter ended it.
    mutating func writeBlocked(_ tokens: Ending.Tokens, to output: inout [UInt8]) {
        output.appendEvent("error") { writer in
            writer.key("error" as StaticString)
            writer.object { writer in
                writer.key("message" as StaticString)
                writer.string("The rest of the transcript was withheld under the usage guidelines.")
                writer.raw(
                    #""type":"invalid_request_error","param":null,"code":"content_policy_violation""# as StaticString)
            }
        }
    }
}
