import Filtering
import JSON
import Testing

@testable import Gateway

@Suite("Log-probabilities in a stream")
struct LogProbabilityTests {
    private static func entries(_ tokens: [String]) -> String {
        "[" + tokens.map { #"{"token":"\#($0)","logprob":-1,"bytes":null,"top_logprobs":[]}"# }.joined(separator: ",")
            + "]"
    }

    private static func logprobs(_ tokens: [String], refusal: [String]? = nil) -> String {
        #","logprobs":{"content":\#(entries(tokens)),"refusal":\#(refusal.map(entries) ?? "null")}"#
    }

    /// The tokens that reached the caller, of content or refusal.
    private func tokens(_ events: [JSONDocument], _ name: String = "content") -> [String] {
        events.flatMap { document -> [String] in
            guard let choice = document.firstChoice, let logprobs = document.member("logprobs", of: choice),
                let entries = document.member(name, of: logprobs)
            else { return [] }
            return document.elements(of: entries).map { document.text(["token"], of: $0) ?? "?" }
        }
    }

    @Test("of a refusal are dropped while any of it is held, and once it was redacted")
    func dropsRefusals() throws {
        let bench = try Bench()
        var stream = bench.stream()
        func piece(_ text: String) -> String {
            chunk(#"{"refusal":"\#(text)","content":""}"#, extra: Self.logprobs([], refusal: [text]))
        }
        let (head, tail) = (String(Bench.card.prefix(8)), String(Bench.card.dropFirst(8)))
        let input = content("", extra: Self.logprobs([])) + piece("No: ") + piece(head) + piece(tail) + piece(" is it.")
        let events = try bench.relay(content("So. ") + input + chunk("{}", finish: "stop"), &stream)
        #expect(events.said(at: ["delta", "refusal"]) == "No: [redacted:pii.card] is it.")
        #expect(tokens(events, "refusal") == ["No: "])
    }

    @Test("that spell reasoning besides are not taken for the content's")
    func noticesOtherTexts() throws {
        let bench = try Bench()
        var stream = bench.stream()
        func piece(_ name: String, _ text: String) -> String {
            chunk(#"{"\#(name)":"\#(text)"}"#, extra: Self.logprobs([text]))
        }
        let (head, tail) = (String(Bench.card.prefix(8)), String(Bench.card.dropFirst(8)))
        let events = try bench.relay(
            piece("content", "Well. ") + piece("reasoning", "Sixteen letters.") + piece("content", "It is ")
                + piece("content", head) + piece("content", tail) + piece("content", ", and a long rest of the answer.")
                + chunk("{}", finish: "stop"), &stream)
        #expect(events.said() == "Well. It is [redacted:pii.card], and a long rest of the answer.")
        #expect(tokens(events) == ["Well. ", "Sixteen letters.", "It is "])
    }

    @Test("that come for a part of the text only are not taken for another part's")
    func noticesGaps() throws {
        let bench = try Bench()
        var stream = bench.stream()
        func piece(_ text: String) -> String { content(text, extra: Self.logprobs([text])) }
        let events = try bench.relay(
            piece("One ") + content("gap of many bytes, ") + piece(String(Bench.card.prefix(6)))
                + piece(String(Bench.card.dropFirst(6))) + piece(" two") + chunk("{}", finish: "stop"), &stream)
        #expect(events.said() == "One gap of many bytes, [redacted:pii.card] two")
        #expect(tokens(events) == ["One "])
    }

    @Test("of characters cut in two are left out, those of whole ones go on")
    func leavesCutCharactersOut() throws {
        let bench = try Bench()
        var stream = bench.stream()
        let events = try bench.relay(
            content("", extra: Self.logprobs(["bytes:\\\\xe2\\\\x82"]))
                + content("€", extra: Self.logprobs(["bytes:\\\\xac"]))
                + content(" is", extra: Self.logprobs([" is"])) + chunk("{}", finish: "stop"), &stream)
        #expect(events.said() == "€ is")
        #expect(tokens(events) == [" is"])
    }

    @Test("that come ahead of their text are left out")
    func leavesTokensAheadOut() throws {
        let bench = try Bench()
        var stream = bench.stream()
        let call = #"{"tool_calls":[{"index":0,"function":{"arguments":"\#(Bench.card)"}}]}"#
        let events = try bench.relay(
            chunk("{}", extra: Self.logprobs([Bench.card])) + content("Hm. ", extra: Self.logprobs(["Hm. "]))
                + content("", extra: Self.logprobs([Bench.card])) + chunk(call) + chunk("{}", finish: "stop"), &stream)
        #expect(tokens(events) == ["Hm. "])
        #expect(!events.serialised.contains(Bench.card))
    }

    // MARK: - Memory

    /// One choice and the events that it is told by.
    private struct Told {
        let bench: Bench
        let choice = StreamChoice(index: 0)

        func take(_ event: String) throws {
            let document = try JSONDocument(parsing: Array(event.dropFirst("data: ".count).dropLast(2).utf8))
            var walk = StreamWalk(
                document: document, choice: choice, screener: bench.screener, filter: bench.policy,
                observesOnly: false, channelsMax: 16)
            var edits = JSONEdits()
            try walk.run(try #require(document.firstChoice), edits: &edits)
        }

        var remembered: Int { choice.channels.reduce(0) { $0 + $1.screen.redactions.count } }
    }

    @Test("make a stream remember only the redactions that they still wait for", arguments: [true, false])
    func forgetsRedactions(hasLogProbabilities: Bool) throws {
        let told = Told(bench: try Bench())
        var most = 0
        for _ in 0..<200 {
            for text in ["Card ", Bench.card, " and so on. "] {
                try told.take(content(text, extra: hasLogProbabilities ? Self.logprobs([text]) : ""))
                try told.take(chunk(#"{"reasoning":"\#(text)"}"#))
            }
            most = max(most, told.remembered)
        }
        #expect(told.choice.channels.allSatisfy { $0.screen.hasRedacted })
        #expect(most <= 1)
    }

    @Test("that wait are bounded")
    func boundsWaitingEntries() throws {
        let told = Told(bench: try Bench())
        try told.take(content("4", extra: Self.logprobs(["4"])))
        for _ in 0..<1_000 {
            try told.take(content("", extra: Self.logprobs([String](repeating: "", count: 100))))
        }
        #expect(told.choice.logProbabilities.isEmpty)
        #expect(!told.choice.logProbabilities.isAligned)
    }
}
