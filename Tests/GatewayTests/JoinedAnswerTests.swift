import Filtering
import JSON
import Testing

@testable import Gateway

/// A whole answer that tells one text in several places.
struct JoinedShape: Sendable, CustomTestStringConvertible {
    let name: String
    let dialect: Dialect
    /// The answer around its places, which stand at `PLACES`, each with a comma before it but the first.
    let answer: String
    /// One place, with its piece at `PIECE` and its number at `NUMBER`.
    let place: String
    var testDescription: String { "\(dialect.rawValue): \(name)" }

    init(_ dialect: Dialect, _ name: String, _ answer: String, _ place: String) {
        (self.dialect, self.name, self.answer, self.place) = (dialect, name, answer, place)
    }

    func json(_ pieces: [String]) -> String {
        let places = pieces.enumerated().map {
            place.replacing("PIECE", with: $1).replacing("NUMBER", with: String($0 + 1))
        }
        let isText = answer.hasPrefix("\"")
        return answer.replacing("PLACES", with: places.joined(separator: isText ? "" : ","))
    }

    /// What readers lay end to end of an answer.
    static func reading(_ json: String) throws -> String {
        let document = try JSONDocument(parsing: Array(json.utf8))
        if let text = document.string(document.root) { return shown(text) }
        func said(_ node: JSONNode) -> String {
            var text = document.elements(of: node).map(said).joined()
            document.forEachMember(of: node) { key, value in
                let isText = ["text", "thinking", "refusal", "word"].contains(document.string(key))
                text += isText ? document.string(value).map { $0 == "Hm." ? "" : $0 } ?? said(value) : said(value)
            }
            return text
        }
        return said(document.root)
    }

    /// The lines of subtitles between one of times and an empty one, without tags.
    private static func shown(_ text: String) -> String {
        var isCue = false
        var shown = ""
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            if line.isEmpty { isCue = false }
            if isCue { shown += line.replacing(/<[^>]*>/, with: "") }
            if line.contains("-->") { isCue = true }
        }
        return shown
    }

    private static let cue = #"NUMBER\n00:00:0NUMBER,000 --> 00:00:0NUMBER,900\nPIECE\n\n"#

    static let all = [
        JoinedShape(.messages, "blocks", #"{"content":[PLACES]}"#, #"{"type":"text","text":"PIECE"}"#),
        JoinedShape(
            .messages, "blocks with tools between", #"{"content":[PLACES]}"#,
            #"{"type":"text","text":"PIECE"},{"type":"tool_use","id":"a","name":"find","input":{}}"#),
        JoinedShape(.messages, "thoughts", #"{"content":[PLACES]}"#, #"{"type":"thinking","thinking":"PIECE"}"#),
        JoinedShape(
            .messages, "words between thoughts", #"{"content":[PLACES]}"#,
            #"{"type":"thinking","thinking":"Hm."},{"type":"text","text":"PIECE"}"#),
        JoinedShape(
            .responses, "parts", #"{"output":[{"type":"message","content":[PLACES]}]}"#,
            #"{"type":"output_text","text":"PIECE"}"#),
        JoinedShape(
            .responses, "parts of types that nobody knows", #"{"output":[{"type":"message","content":[PLACES]}]}"#,
            #"{"type":"tNUMBER","text":"PIECE"}"#),
        JoinedShape(
            .responses, "items", #"{"output":[PLACES]}"#,
            #"{"type":"message","content":[{"type":"output_text","text":"PIECE"}]}"#),
        JoinedShape(
            .responses, "items with calls between", #"{"output":[PLACES]}"#,
            #"{"type":"message","content":[{"type":"output_text","text":"PIECE"}]},{"type":"function_call","arguments":"{}"}"#
        ),
        JoinedShape(
            .responses, "refusals", #"{"output":[PLACES]}"#,
            #"{"type":"message","content":[{"type":"refusal","refusal":"PIECE"}]}"#),
        JoinedShape(
            .responses, "thoughts", #"{"output":[PLACES]}"#,
            #"{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"PIECE"}]}"#),
        JoinedShape(
            .responses, "summaries of one item", #"{"output":[{"type":"reasoning","summary":[PLACES]}]}"#,
            #"{"type":"summary_text","text":"PIECE"}"#),
        JoinedShape(
            .responses, "summaries of items", #"{"output":[PLACES]}"#,
            #"{"type":"reasoning","summary":[{"type":"summary_text","text":"PIECE"}]}"#),
        JoinedShape(
            .transcriptions, "segments", #"{"text":"","segments":[PLACES]}"#,
            #"{"id":NUMBER,"text":"PIECE","tokens":[NUMBER]}"#),
        JoinedShape(.transcriptions, "words", #"{"text":"","words":[PLACES]}"#, #"{"word":"PIECE","start":NUMBER}"#),
        JoinedShape(
            .transcriptions, "words of a segment", #"{"text":"","segments":[{"id":1,"words":[PLACES]}]}"#,
            #"{"word":"PIECE","start":NUMBER}"#),
        JoinedShape(
            .transcriptions, "words of segments", #"{"text":"","segments":[PLACES]}"#,
            #"{"id":NUMBER,"words":[{"word":"PIECE","start":NUMBER}]}"#),
        JoinedShape(.transcriptions, "SubRip", #""PLACES""#, cue),
        JoinedShape(
            .transcriptions, "SubRip with line ends of DOS", #""PLACES""#, cue.replacing(#"\n"#, with: #"\r\n"#)),
        JoinedShape(
            .transcriptions, "WebVTT", #""WEBVTT - made here\n\nNOTE 1\nof nobody\n\nPLACES""#,
            #"00:0NUMBER.000 --> 00:0NUMBER.900 line:0\nPIECE\n\n"#),
        JoinedShape(
            .transcriptions, "WebVTT with names and tags", #""WEBVTT\n\nPLACES""#,
            #"a NUMBER\n00:0NUMBER.000 --> 00:0NUMBER.900\n<v Ann><c.loud>PIECE\n\n"#),
        JoinedShape(
            .transcriptions, "the lines of one cue", #""00:01.000 --> 00:02.000\nPLACES\n""#, #"<i>PIECE\n"#),
    ]
}

@Suite("Text that a whole answer tells in several places")
struct JoinedAnswerTests {
    private struct Judged {
        var body: String?
        var verdict: Verdict
    }

    /// As `CompletionStage` does it.
    private func judge(_ json: String, _ dialect: Dialect, _ bench: Bench) throws -> Judged {
        let document = try JSONDocument(parsing: Array(json.utf8))
        let tree = dialect.answer(document)
        try tree.check(choicesExpected: 1)
        let passage = Passage(of: document, as: dialect.traits.answerPlaces)
        let verdict = bench.screener.screen(passage, side: .completion, policy: bench.policy).verdict
        var edits = JSONEdits()
        if verdict == .block || !passage.redact(bench.screener.redactions, into: &edits) {
            return Judged(body: nil, verdict: verdict)
        }
        tree.dropSpellings(isRedacted: verdict == .redact, besides: &edits)
        var body: [UInt8] = []
        document.serialise(into: &body, edits: edits)
        return Judged(body: String(decoding: body, as: UTF8.self), verdict: verdict)
    }

    /// Catches a place that is not laid end to end with the others, and edits that reach only one of them.
    @Test("is redacted at each of them", arguments: JoinedShape.all)
    func redacts(_ shape: JoinedShape) throws {
        let bench = try Bench()
        for pieces in JoinedStreamTests.cuts("So \(Bench.card) ok") {
            let json = shape.json(pieces)
            #expect(try JoinedShape.reading(json) == pieces.joined(), "of the test itself")
            let judged = try judge(json, shape.dialect, bench)
            #expect(judged.verdict == .redact, "\(pieces)")
            let body = try #require(judged.body)
            let reading = try JoinedShape.reading(body)
            // Words are left out where something was taken out.
            let areLeftOut = shape.dialect == .transcriptions && shape.name.hasPrefix("words")
            #expect(
                areLeftOut || reading.hasPrefix("So [redacted:pii.card]") && reading.hasSuffix("] ok"), "\(reading)")
            #expect(!reading.contains { $0.isNumber } && !body.contains(Bench.card.suffix(5)), "\(body)")
        }
    }

    @Test("is blocked or flagged", arguments: JoinedShape.all)
    func blocksAndFlags(_ shape: JoinedShape) throws {
        let bench = try Bench()
        for (text, verdict) in [
            (Bench.key, Verdict.block), ("a nightingale", .block), ("darn it", .flag),
            ("So it is, and that is all of it.", .allow),
        ] {
            for pieces in JoinedStreamTests.cuts(text) {
                let judged = try judge(shape.json(pieces), shape.dialect, bench)
                #expect(judged.verdict == verdict, "\(pieces)")
                if verdict == .flag || verdict == .allow { #expect(judged.body == shape.json(pieces)) }
            }
        }
    }

    /// Programs print a transcript's lists with blanks between their elements, or without.
    @Test(
        "is read with a blank between two as well", arguments: JoinedShape.all.filter { $0.dialect == .transcriptions })
    func readsBlanks(_ shape: JoinedShape) throws {
        let bench = try Bench()
        let words = ["-----BEGIN", "PRIVATE", "KEY-----"]
        #expect(try judge(shape.json(words), shape.dialect, bench).verdict == .block)
        var run = try TypedRun(.transcriptions)
        try run.feed(words.map { #"{"type":"transcript.text.segment","text":"\#($0)"}"# })
        #expect(run.stream.isBlocked)
    }

    @Test(
        "has no cue in a text that is none",
        arguments: [
            "", "Plain text.\n\nAnd more.", "a --> b\nc", "WEBVTT\n\nNOTE 00:01.000", "1\n2\n3", "00:01 -> 00:02\nx",
        ])
    func findsNoCues(_ text: String) {
        #expect(Cues.lines(of: Array(text.utf8)[...]).isEmpty)
    }

    @Test("shows of a cue what players show")
    func showsCues() {
        func shown(_ text: String) -> [String] {
            let bytes = Array(text.utf8)
            return Cues.lines(of: bytes[...]).map { line in
                line.map { String(decoding: bytes[$0], as: UTF8.self) }.joined(separator: "|")
            }
        }
        #expect(shown("1\n00:00:01,0 --> 2\none\ntwo\n\n2\n00:00:02,0 --> 3\nthree") == ["one", "two", "three"])
        #expect(shown("WEBVTT x\ny\n\nNOTE z\n\nname\n00:01.0 --> 2\n<v A>a<b>b</b>c < d\n") == ["a|b|c < d"])
        // A line that only looks like a name is shown.
        #expect(shown("1\n00:00:01,0 --> 2\none\n\n4111\n\nNOTE no\n") == ["one", "4111", "NOTE no"])
        #expect(shown("\r\n00:00:01,0-->2\r\none\r00:00:02,0 -->\rtwo") == ["one", "two"])
    }
}
