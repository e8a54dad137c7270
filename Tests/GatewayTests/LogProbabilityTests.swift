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

    // MARK: - What stands in an entry besides

    /// What reaches the caller of an event that says `x` in one token.
    private func relay(_ entry: String, beside: String = "") throws -> String {
        let bench = try Bench()
        var stream = bench.stream()
        let logprobs = #","logprobs":{"content":[\#(entry)]\#(beside)}"#
        return try bench.relay(content("x", extra: logprobs), &stream).serialised
    }

    @Test("leave with nothing in them but what the protocol has there")
    func writesEntriesAnew() throws {
        let harmless =
            #"{"token":"x","logprob":-0.0123456789012345,"bytes":[120],"top_logprobs":["#
            + #"{"token":"x","logprob":-1.25e-05,"bytes":[120]},{"token":"y","logprob":-9999.0,"bytes":null}]}"#
        #expect(try relay(harmless, beside: #","refusal":null"#).contains("[\(harmless)],\"refusal\":null"))
        let hostile = [
            #"{"token":"x","logprob":-1,"note":"KEY"}"#, #"{"token":"x","logprob":-1,"KEY":1}"#,
            #"{"token":"x","logprob":-1,"top_logprobs":[{"token":"CARD","logprob":-1}]}"#,
            #"{"token":"x","logprob":-1,"top_logprobs":[{"token":"y","logprob":-1,"note":"KEY"}]}"#,
            #"{"token":"x","logprob":-1,"top_logprobs":[{"token":"y","logprob":CARD}]}"#,
            #"{"token":"x","logprob":-1,"top_logprobs":[{"token":"KEY","logprob":-1}]}"#,
            #"{"token":"x","logprob":-1,"top_logprobs":"KEY"}"#, #"{"token":"x","logprob":-1,"bytes":[CARD]}"#,
            #"{"token":"x","logprob":-1,"bytes":"KEY"}"#, #"{"token":"x","logprob":CARD}"#,
            #"{"token":"x","logprob":CARDe-10}"#, #"{"token":"x","logprob":"KEY"}"#,
        ]
        for entry in hostile {
            let said = try relay(entry.replacing("CARD", with: Bench.card).replacing("KEY", with: Bench.key))
            #expect(said.contains(#""content":"x""#))
            #expect(!said.contains(Bench.card) && !said.contains("KEY"), "\(entry)")
        }
        let named = try relay(harmless, beside: #","\#(Bench.key)":null,"note":"\#(Bench.card)""#)
        #expect(named.contains(harmless) && !named.contains("KEY") && !named.contains(Bench.card))
    }

    @Test("have no alternatives that are like keys")
    func checksAlternatives() throws {
        func isLeft(_ token: String) throws -> Bool {
            let entry = #"{"token":"x","logprob":-1,"top_logprobs":[{"token":"\#(token)","logprob":-1}]}"#
            return try relay(entry).contains(#""token":"\#(token)""#)
        }
        let tokens = [
            " internationalization", "Donaudampfschifffahrt", "――――――――", String(repeating: " ", count: 40),
            "################", "=\\\"$(", "()=>{}", "v1.25-rc3", "naïveté", "getElementById2",
        ]
        for token in tokens { #expect(try isLeft(token), "\(token)") }
        for key in ["AKIA", "ghp_", "sk-", "a b c d e f g h i j "] {
            #expect(try !isLeft(key + "Q7x2M9v4K1p8R3t6W5"), "\(key)")
        }
    }

    @Test("have bytes only of their token, or of a character that was cut in two")
    func checksBytes() throws {
        func bytes(_ list: String) throws -> Bool {
            try relay(#"{"token":"x","logprob":-1,"bytes":\#(list)}"#).contains(#""bytes":\#(list)"#)
        }
        #expect(try bytes("[120]"))
        #expect(try bytes("[226,130]"))
        for list in ["[52,50,52,50]", "[256]", "[-1]", "[226,52,50,52,50,52,50,52,50]", "[1.0]"] {
            #expect(try !bytes(list))
        }
    }

    @Test("are left out where nothing was said")
    func leavesOutWithoutText() throws {
        let bench = try Bench()
        for logprobs in [Self.logprobs([Bench.card]), #","logprobs":{"tokens":["\#(Bench.card)"]}"#] {
            var stream = bench.stream()
            let event = chunk("{}", finish: "stop", extra: logprobs).replacing(#""delta":{},"#, with: "")
            let events = try bench.relay(content("one") + event, &stream)
            #expect(events.reasons() == ["stop"])
            #expect(!events.serialised.contains(Bench.card))
            #expect(events.serialised.contains(#""logprobs":null"#))
        }
    }

    @Test("of the older completions spell their text, and nothing besides")
    func writesOlderListsAnew() throws {
        let bench = try Bench()
        func relay(_ logprobs: String) throws -> String {
            var stream = bench.stream(dialect: .completions)
            let event = #"data: {"choices":[{"index":0,"text":"x y","finish_reason":null,"logprobs":\#(logprobs)}]}"#
            return try bench.relay(event + "\n\n", &stream).serialised
        }
        let harmless =
            #"{"tokens":["x"," y"],"token_logprobs":[null,-0.5],"text_offset":[0,1],"top_logprobs":[null,{" z":-1.5}]}"#
        #expect(try relay(harmless).contains(harmless))
        let hostile = [
            #"{"tokens":["x"," y"],"token_logprobs":[CARD,"CARD"]}"#, #"{"tokens":["x"," y"],"text_offset":[CARD,0]}"#,
            #"{"tokens":["x"," y"],"top_logprobs":[{"CARD":-1},{"z":CARD},"CARD"]}"#,
            #"{"tokens":["x"," y"],"CARD":1,"note":"CARD"}"#, #"{"tokens":["CARD"]}"#, #"["CARD"]"#, "CARD",
        ]
        for logprobs in hostile {
            let said = try relay(logprobs.replacing("CARD", with: Bench.card))
            #expect(said.contains(#""text":"x y""#) && !said.contains(Bench.card), "\(logprobs)")
        }
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
                observesOnly: false, channelsMax: 16,
                maker: ScreenMaker(
                    StreamTerms(dialect: .chatCompletions, filter: bench.policy, screener: bench.screener)))
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
