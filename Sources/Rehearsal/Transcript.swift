/// Requests for transcripts.
extension Asked {
    /// What is particular to transcripts.
    struct Audio: Sendable, Hashable {
        enum Format: String, CaseIterable { case json, text, srt, vtt, verbose = "verbose_json" }

        var format = Format.json
        var language = "english"
        var hasWords = false
        /// Of the sound.
        var tokens = 0
    }

    private static let endings = ["flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm"]

    /// - Parameter form: a form's fields.
    mutating func readTranscription(_ form: Value) throws(Complaint) {
        guard let file = form["file"], let bytes = file["bytes"]?.integer, bytes > 0 else {
            throw Complaint(400, "file must be a file that isn't empty.", param: "file")
        }
        let ending = file["filename"]?.text?.split(separator: ".").last?.lowercased()
        guard Self.endings.contains(ending ?? "") else {
            throw Complaint(
                400, "A file's name ends with one of: \(Self.endings.joined(separator: ", ")).", param: "file")
        }
        if let name = form["response_format"]?.text {
            guard let format = Audio.Format(rawValue: name) else {
                let all = Audio.Format.allCases.map(\.rawValue).joined(separator: ", ")
                throw Complaint(400, "response_format must be one of: \(all).", param: "response_format")
            }
            audio.format = format
        }
        if let temperature = form["temperature"]?.text {
            guard let number = Double(temperature), (0...1).contains(number) else {
                throw Complaint(400, "temperature must be a number from 0 to 1.", param: "temperature")
            }
        }
        switch form["stream"]?.text?.lowercased() {
        case "true": isStreamed = true
        case "false", nil: isStreamed = false
        default: throw Complaint(400, "stream must be true or false.", param: "stream")
        }
        if isStreamed, ![.json, .text].contains(audio.format) {
            throw Complaint(400, "A stream's response_format must be json or text.", param: "response_format")
        }
        audio.language = form["language"]?.text ?? audio.language
        let hasWords = form["timestamp_granularities[]"]?.elements?.contains("word") == true
        audio.hasWords = hasWords && audio.format == .verbose
        if form["include[]"]?.elements?.contains("logprobs") == true { logprobs = 0 }
        // A tenth of a second of sound with 16 kHz and two bytes each.
        audio.tokens = (bytes + 3_199) / 3_200
        lastUserText = form["prompt"]?.text ?? ""
        prompts = [file["digest"]?.text ?? "", lastUserText]
        promptTokens = audio.tokens + WordPieces.count(lastUserText)
    }
}

/// An answer of OpenAI's audio transcriptions: text that follows from the sound's bytes, in the format asked for.
///
/// Source: openai-python, `types/audio`.
struct Transcript: DialectAnswer {
    /// A few tokens with their time; a token takes a quarter of a second.
    private struct Segment {
        var tokens: Range<Int>
        var text: String

        var start: Double { Double(tokens.lowerBound) / 4 }
        var end: Double { Double(tokens.upperBound) / 4 }
    }

    private static let segmentTokens = 12

    let asked: Asked
    private let completion: Completion

    init(_ asked: Asked) {
        self.asked = asked
        completion = Completion(asked)
    }

    var tokenCount: Int { completion.contentCount }
    var rounds: Int { asked.behaviour.fault == .emptyChoices ? 0 : completion.contentCount }

    private var text: String { asked.behaviour.fault == .emptyChoices ? "" : completion.text }

    private var segments: [Segment] {
        stride(from: 0, to: rounds, by: Self.segmentTokens).map { start in
            let tokens = start..<min(start + Self.segmentTokens, rounds)
            return Segment(tokens: tokens, text: tokens.map(completion.piece).joined())
        }
    }

    // MARK: Whole

    var whole: AnswerBody {
        switch asked.audio.format {
        case .json:
            let answer: Value = ["text": .string(text)]
            return .json(withUsage(withLogprobs(answer, 0..<rounds), usage))
        case .verbose: return .json(withUsage(verbose, ["type": "duration", "seconds": .number(duration)]))
        case .text: return plain("text/plain; charset=utf-8", text + "\n")
        case .srt:
            let cues = segments.enumerated().map { "\($0 + 1)\n" + Self.cue($1, point: ",") }
            return plain("application/x-subrip; charset=utf-8", cues.joined())
        case .vtt:
            let cues = segments.map { Self.cue($0, point: ".") }
            return plain("text/vtt; charset=utf-8", "WEBVTT\n\n" + cues.joined())
        }
    }

    private func plain(_ contentType: String, _ text: String) -> AnswerBody {
        AnswerBody(contentType: contentType, bytes: Array(text.utf8))
    }

    /// Seconds.
    private var duration: Double { Double(rounds) / 4 }

    private var usage: Value {
        [
            "type": "tokens", "input_tokens": .number(asked.promptTokens),
            "input_token_details": [
                "text_tokens": .number(asked.promptTokens - asked.audio.tokens),
                "audio_tokens": .number(asked.audio.tokens),
            ],
            "output_tokens": .number(tokenCount), "total_tokens": .number(asked.promptTokens + tokenCount),
        ]
    }

    private func withUsage(_ answer: Value, _ usage: Value) -> Value {
        asked.behaviour.fault == .noUsage ? answer : answer.with("usage", usage)
    }

    private func withLogprobs(_ answer: Value, _ tokens: Range<Int>) -> Value {
        guard let alternatives = asked.logprobs else { return answer }
        let source = LogProbabilities(seed: completion.seed, alternatives: alternatives)
        return answer.with(
            "logprobs",
            .array(
                tokens.map { place in
                    let entry = source.chat(completion.piece(place), at: place)
                    return .object((entry.members ?? []).filter { $0.name != "top_logprobs" })
                }))
    }

    private var verbose: Value {
        let answer: Value = [
            "task": "transcribe", "language": .string(asked.audio.language), "duration": .number(duration),
            "text": .string(text),
            "segments": .array(
                segments.enumerated().map { index, segment in
                    [
                        "id": .number(index), "seek": 0, "start": .number(segment.start),
                        "end": .number(segment.end), "text": .string(segment.text),
                        "tokens": .array(segment.tokens.map { .number($0) }), "temperature": 0,
                        "avg_logprob": .number(-0.25), "compression_ratio": 1, "no_speech_prob": .number(0.01),
                    ]
                }),
        ]
        guard asked.audio.hasWords else { return answer }
        let words = (0..<rounds).map { place -> Value in
            [
                "word": .string(completion.piece(place)), "start": .number(Double(place) / 4),
                "end": .number(Double(place + 1) / 4),
            ]
        }
        return answer.with("words", .array(words))
    }

    /// A cue of subtitles. A line end within its text would end it.
    private static func cue(_ segment: Segment, point: String) -> String {
        let text = segment.text.split(whereSeparator: \.isNewline).joined(separator: " ").drop { $0 == " " }
        return "\(time(segment.start, point)) --> \(time(segment.end, point))\n\(text)\n\n"
    }

    /// `hh:mm:ss` and milliseconds.
    private static func time(_ seconds: Double, _ point: String) -> String {
        func padded(_ number: Int, _ digits: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        let milliseconds = Int((seconds * 1_000).rounded())
        let parts = [milliseconds / 3_600_000, milliseconds / 60_000 % 60, milliseconds / 1_000 % 60]
        return parts.map { padded($0, 2) }.joined(separator: ":") + point + padded(milliseconds % 1_000, 3)
    }

    // MARK: In a stream

    func opening() -> [Event] { [] }

    func round(_ place: Int) -> [Event] {
        let delta: Value = ["type": "transcript.text.delta", "delta": .string(completion.piece(place))]
        return [Event(value: withLogprobs(delta, place..<place + 1), isToken: true)]
    }

    func closing() -> [Event] {
        let done: Value = ["type": "transcript.text.done", "text": .string(text)]
        return [Event(value: withUsage(withLogprobs(done, 0..<rounds), usage))]
    }
}
