import Filtering
import Guidelines
import JSON
import NIOCore
import Testing

@testable import Gateway

/// An answer of chat completions whose texts stand side by side, as a whole and as a stream.
struct SideBySide: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// By choice: members of the message, with the text of each at `@0`, `@1`, ….
    let messages: [String]
    let texts: [String]
    let verdict: Verdict

    init(_ name: String, _ messages: [String], _ texts: [String], _ verdict: Verdict) {
        (testDescription, self.messages, self.texts, self.verdict) = (name, messages, texts, verdict)
    }

    private func filled(_ message: String, _ piece: (Int) -> String) -> String {
        texts.indices.reduce(message) { filled, index in
            filled.replacing("@\(index)", with: JSONWriter.json(piece(index)).dropFirst().dropLast().text)
        }
    }

    var whole: String {
        let choices = messages.enumerated().map { index, message in
            #"{"index":\#(index),"message":\#(filled(message) { texts[$0] }),"finish_reason":"stop"}"#
        }
        return #"{"id":"c","choices":[\#(choices.joined(separator: ","))]}"#
    }

    /// One text after the other, each in pieces of a few characters.
    ///
    /// - Parameter endsWithText: whether the finish reason stands in the event of the last piece, as some servers have it.
    func stream(endsWithText: Bool) -> String {
        var events = ""
        for (index, message) in messages.enumerated() {
            let last = texts.indices.last { message.contains("@\($0)") }
            for text in texts.indices where message.contains("@\(text)") {
                var rest = texts[text][...]
                while !rest.isEmpty {
                    let piece = String(rest.prefix(3))
                    rest = rest.dropFirst(3)
                    let isLast = endsWithText && text == last && rest.isEmpty
                    events += chunk(
                        filled(message) { $0 == text ? piece : "" }, index: index, finish: isLast ? "stop" : nil)
                }
            }
            if !endsWithText { events += chunk("{}", index: index, finish: "stop") }
        }
        return events
    }

    static let number = "4111_1111_1111_1111"
    static let call = #"{"tool_calls":[{"index":0,"function":{"name":"@0","arguments":"@1"}}]}"#
    static let all = [
        SideBySide("a tool's name", [call], ["charge_card", #"{"number":"\#(number)"}"#], .allow),
        SideBySide("an argument's name", [call], ["charge", #"{"card":"\#(number)"}"#], .redact),
        SideBySide(
            "thoughts", [#"{"reasoning_content":"@0","content":"@1"}"#], ["A credit card is asked for: ", number],
            .allow),
        SideBySide("a refusal", [#"{"content":"@0","refusal":"@1"}"#], ["No card ", "\(number) is none"], .allow),
        SideBySide(
            "other answers", [#"{"content":"@0"}"#, #"{"content":"@1"}"#], ["My token", ": zq81Kd83Lw02Xp77Rt54"],
            .allow),
        SideBySide("an end", [#"{"content":"@0"}"#, #"{"content":"@1"}"#], ["I will kill you", "So long."], .block),
        SideBySide(
            "the first line of a key", [#"{"content":"@0"}"#], ["It begins with -----BEGIN PRIVATE KEY-----"],
            .allow),
        SideBySide("one text", [#"{"content":"@0"}"#], ["My card is \(number), or so."], .redact),
    ]
}

extension Sequence<UInt8> {
    fileprivate var text: String { String(decoding: Array(self), as: UTF8.self) }
}

/// The same answer is decided on in the same way, streamed or not, by the rules that are shipped.
@Suite("An answer as a whole, and streamed")
struct PlainAndStreamedTests {
    private static let policy = Result {
        try Policy(guidelines: .shipped(), rules: ShippedRules.compiled(), categories: .shipped())
    }

    /// Catches context that a whole answer sees in another of its texts and a stream does not.
    @Test("says the same", arguments: SideBySide.all, [false, true])
    func saysTheSame(_ answer: SideBySide, endsWithText: Bool) throws {
        let filter = try Self.policy.get().filter(for: .production)
        let screener = Screener()
        let document = try JSONDocument(parsing: Array(answer.whole.utf8))
        let passage = Passage(of: document, as: .completion)
        let screening = screener.screen(passage, side: .completion, policy: filter)
        var stream = CompletionStream(
            StreamTerms(
                dialect: .chatCompletions, filter: filter, screener: screener, asksForUsage: false,
                choicesExpected: answer.messages.count, observesOnly: false, modelName: nil, eventBytesMax: 100_000))
        let redactions = screener.redactions
        var output: [UInt8] = []
        try stream.feed(ByteBuffer(string: answer.stream(endsWithText: endsWithText)), to: &output)
        #expect(screening.verdict == answer.verdict)
        #expect(stream.verdict == screening.verdict)
        #expect(Set(stream.findings.map(\.rule)) == Set(screening.findings.map(\.rule)))
        guard screening.verdict != .block else { return }
        var edits = JSONEdits()
        #expect(passage.redact(redactions, into: &edits))
        var body: [UInt8] = []
        document.serialise(into: &body, edits: edits)
        let events = output.text.split(separator: "\n\n").map { $0.dropFirst("data: ".count) }
        #expect(try said([body], in: "message") == said(events.map { Array($0.utf8) }, in: "delta"))
    }

    /// All that is said, by its place.
    private func said(_ bodies: [[UInt8]], in member: StaticString) throws -> [String: String] {
        var said: [String: String] = [:]
        for body in bodies {
            let document = try JSONDocument(parsing: body)
            let choices = try #require(document.member("choices", of: document.root))
            for choice in document.elements(of: choices) {
                let index = document.member("index", of: choice).flatMap(document.int) ?? 0
                guard let message = document.member(member, of: choice) else { continue }
                add(message, at: "\(index)", in: document, to: &said)
            }
        }
        return said
    }

    private func add(_ node: JSONNode, at place: String, in document: JSONDocument, to said: inout [String: String]) {
        if let text = document.string(node), !text.isEmpty { said[place, default: ""] += text }
        for element in document.elements(of: node) { add(element, at: place + "/#", in: document, to: &said) }
        document.forEachMember(of: node) { key, value in
            add(value, at: "\(place)/\(document.string(key) ?? "")", in: document, to: &said)
        }
    }
}
