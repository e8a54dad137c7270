import Filtering
import JSON
import Testing

@testable import Gateway

/// Streams in which text stands where none should.
@Suite("Streams of a server that can't be trusted")
struct HostileStreamTests {
    static let usage = #","usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}"#

    // MARK: - Choices that a filter has ended

    @Test("say nothing of a blocked choice, though every event has usage", arguments: [true, false])
    func silencesBlockedChoices(asksForUsage: Bool) throws {
        let bench = try Bench()
        var stream = bench.stream(asksForUsage: asksForUsage, choices: 2)
        let events = try bench.relay(
            content("fine", index: 0, beside: Self.usage) + content(Bench.key, index: 1, beside: Self.usage)
                + content("MIIE", index: 1, beside: Self.usage) + content(" still", index: 0, beside: Self.usage)
                + chunk("{}", index: 1, finish: "stop", beside: Self.usage)
                + chunk("{}", index: 0, finish: "stop", beside: Self.usage), &stream)
        #expect(events.said(0) == "fine still")
        #expect(events.said(1).isEmpty)
        #expect(events.reasons(0) == ["stop"])
        #expect(events.reasons(1) == ["content_filter"])
        #expect(stream.status == .ended)
    }

    @Test("say nothing of a blocked choice beside a living one in the same event")
    func silencesNeighbours() throws {
        let bench = try Bench()
        func both(_ first: String, _ second: String) -> String {
            #"data: {"choices":[{"index":0,"text":"\#(first)","finish_reason":null},"#
                + #"{"index":1,"text":"\#(second)","finish_reason":null}]}"# + "\n\n"
        }
        var stream = bench.stream(choices: 2, dialect: .completions)
        let events = try bench.relay(both("one", Bench.key) + both(" two", "MIIE"), &stream)
        #expect(events.said(0, at: ["text"]) == "one two")
        #expect(events.said(1, at: ["text"]).isEmpty)
        #expect(events.reasons(1) == ["content_filter"])
        #expect(stream.status == .open)
    }

    @Test("end a choice once, though what blocks it is known only with its finish reason and usage")
    func blocksAtTheEnd() throws {
        let bench = try Bench()
        var stream = bench.stream(asksForUsage: true)
        let events = try bench.relay(
            content("Of the nightingale") + chunk("{}", finish: "stop", beside: Self.usage), &stream)
        #expect(!events.said().contains("nightingale"))
        #expect(events.reasons() == ["content_filter"])
        #expect(stream.isBlocked)
    }

    @Test("let the other choices speak that have not begun when the first is blocked")
    func waitsForOtherChoices() throws {
        let bench = try Bench()
        var stream = bench.stream(choices: 3)
        var events = try bench.relay(content(Bench.key, index: 1), &stream)
        #expect(stream.status == .open)
        events += try bench.relay(content("zero", index: 0) + chunk("{}", index: 0, finish: "stop"), &stream)
        #expect(stream.status == .open)
        events += try bench.relay(content("two", index: 2) + chunk("{}", index: 2, finish: "length"), &stream)
        #expect(stream.status == .ended)
        #expect([events.said(0), events.said(1), events.said(2)] == ["zero", "", "two"])
        #expect(
            [events.reasons(0), events.reasons(1), events.reasons(2)] == [["stop"], ["content_filter"], ["length"]])
    }

    // MARK: - Text beside the choices

    @Test(
        "redact text beside the choices",
        arguments: [
            #","note":"Card CARD.""#, #","notes":[{"of":["Card CARD."]}]"#, #","number":CARD"#,
            #","usage":{"prompt_tokens":3,"note":"CARD"}"#, #","system_fingerprint":"Card CARD""#,
            #","service_tier":{"name":"CARD"}"#,
        ])
    func redactsBesideChoices(_ member: String) throws {
        let bench = try Bench()
        var stream = bench.stream(asksForUsage: true)
        let member = member.replacing("CARD", with: Bench.card)
        let events = try bench.relay(
            content("one", beside: member) + content(" two", beside: member) + chunk("{}", finish: "stop"), &stream)
        #expect(events.said() == "one two")
        #expect(!events.serialised.contains(Bench.card))
        #expect(events.serialised.contains("[redacted:pii.card]"))
        #expect(stream.verdict == .redact)
        #expect(stream.findings.contains { $0.clause == "privacy" })
    }

    @Test(
        "end all choices when text beside them is blocked",
        arguments: [#","note":"KEY""#, #","KEY":true"#, #","a":{"KEY":1}"#, #","CARD":"redacted names are no names""#])
    func blocksBesideChoices(_ member: String) throws {
        let bench = try Bench()
        var stream = bench.stream(choices: 2)
        let member = member.replacing("KEY", with: Bench.key).replacing("CARD", with: Bench.card)
        let events = try bench.relay(content("one") + content(" two", beside: member) + content("three"), &stream)
        #expect(events.said() == "one")
        #expect([events.reasons(0), events.reasons(1)] == [["content_filter"], ["content_filter"]])
        #expect(!events.serialised.contains("KEY") && !events.serialised.contains(Bench.card))
        #expect(stream.isBlocked && stream.status == .ended)
    }

    @Test("are blocked by what stands beside the last event's choices too")
    func blocksBesideUsage() throws {
        let bench = try Bench()
        var stream = bench.stream(asksForUsage: true)
        let last = #"data: {"choices":[],"note":"\#(Bench.key)"\#(Self.usage)}"# + "\n\n"
        let events = try bench.relay(content("one") + chunk("{}", finish: "stop") + last, &stream)
        #expect(events.count == 2)
        #expect(stream.isBlocked && stream.status == .ended)
        var end: [UInt8] = []
        stream.writeEnd(Ending.Tokens(input: 3, output: 4, areEstimated: false), to: &end)
        #expect(String(decoding: end, as: UTF8.self).contains(#""total_tokens":7"#))
    }

    @Test("pass what servers say beside the choices on as it is, and screen it once")
    func passesHarmlessMembers() throws {
        let bench = try Bench()
        var stream = bench.stream(asksForUsage: true)
        let beside =
            #","system_fingerprint":"fp_1","citations":["https://example.com/2024/05/4","darn"],"timings":{"ms":1.5}"#
        let input = ["Ay", "Be", "Ce"].map { content($0, beside: beside) }
        let events = try bench.relay(input.joined(), &stream)
        #expect(events.map { "data: \($0.serialised)\n\n" } == input)
        #expect(stream.verdict == .flag)
        #expect(stream.findings.count == 1)
    }

    /// Catches taking the same bytes for the same texts.
    @Test("screen what servers say beside the choices again where it is parted otherwise")
    func tellsTextsApart() throws {
        let bench = try Bench()
        let (head, tail) = (Bench.card.prefix(8), Bench.card.suffix(8))
        let rules = try FilterRules([
            Rule(id: "card", category: Category("pii.card"), pattern: #"\b[0-9]{8}\s[0-9]{8}\b"#)
        ])
        let filter = try FilterPolicy(rules) { _, _ in Enforcement(.redact) }
        var screen = EventScreen(screener: bench.screener, filter: filter, observesOnly: false)
        for (note, mayLeave) in [(#"["\#(head)","\#(tail)"]"#, true), (#""\#(head)\n\#(tail)""#, false)] {
            let document = try JSONDocument(parsing: Array(#"{"note":\#(note)}"#.utf8))
            var members: [(key: JSONNode, value: JSONNode)] = []
            document.forEachMember(of: document.root) { members.append(($0, $1)) }
            var edits = JSONEdits()
            #expect(screen.judge(members, of: document, edits: &edits) == mayLeave, "\(note)")
        }
    }

    @Test("keep text in ids out of events of the gateway's own")
    func keepsIDsClean() throws {
        let bench = try Bench()
        for text in [Bench.card, Bench.key] {
            var stream = bench.stream()
            let input = content("4") + content(Bench.key)
            let events = try bench.relay(input.replacing(#""id":"c""#, with: #""id":"id \#(text)""#), &stream)
            #expect(events.reasons() == ["content_filter"])
            #expect(!events.serialised.contains(text))
        }
    }

    @Test("are refused when a finish reason is no word", arguments: [#""Card CARD""#, "1", "{}", #"["stop"]"#])
    func refusesFinishReasons(_ reason: String) throws {
        let bench = try Bench()
        var stream = bench.stream()
        let event = content("one").replacing("null", with: reason.replacing("CARD", with: Bench.card))
        #expect(throws: UpstreamFailure.malformed("a finish reason that is no word")) {
            try bench.relay(event, &stream)
        }
    }

    @Test("are refused when choices are no array in an event that begins like the others")
    func refusesChangedChoices() throws {
        let bench = try Bench()
        var stream = bench.stream(asksForUsage: true)
        let event = content("one", beside: Self.usage)
        _ = try bench.relay(event, &stream)
        let changed = event.replacing("[{", with: #"{"a":{"#).replacing("}]", with: "}}")
        #expect(throws: UpstreamFailure.malformed("an event without choices")) { try bench.relay(changed, &stream) }
    }

    @Test("are refused when an event has more values than memory is meant for")
    func boundsValues() throws {
        let bench = try Bench()
        var stream = bench.stream()
        let event = content("one", beside: #","a":[0\#(String(repeating: ",0", count: 49_000))]"#)
        #expect(try bench.relay(event, &stream).count == 1)
        var large = CompletionStream(
            bench.terms(.chatCompletions, asksForUsage: false, eventBytesMax: 1 << 20))
        let hostile = content("one", beside: #","a":[0\#(String(repeating: ",0", count: 200_000))]"#)
        #expect(throws: UpstreamFailure.malformed("an event with tooManyValues")) {
            try bench.relay(hostile, &large)
        }
    }

    // MARK: - Names and numbers in a choice

    private static let hostileNames = [
        #""delta":{"NAME":"x"}"#, #""delta":{},"NAME":"y""#, #""delta":{"content":"x","NAME":null}"#,
        #""delta":{"NAME":{"a":1}}"#, #""delta":{"a":[{"NAME":true}]}"#, #""delta":{"content":"4","NAME":"4"}"#,
        #""delta":{"tool_calls":[{"index":0,"function":{"NAME":"x"}}]}"#,
    ]

    @Test("end a choice when a name in it would be blocked or redacted", arguments: hostileNames, [true, false])
    func blocksNames(_ members: String, isCard: Bool) throws {
        let bench = try Bench()
        var stream = bench.stream()
        let name = isCard ? Bench.card : Bench.key
        let hostile = content("one").replacing(#""delta":{"content":"one"}"#, with: members)
        let events = try bench.relay(content("one") + hostile.replacing("NAME", with: name) + content("two"), &stream)
        #expect(events.said() == "one")
        #expect(events.reasons() == ["content_filter"])
        #expect(!events.serialised.contains(name))
        #expect(stream.isBlocked && stream.status == .ended)
        #expect(stream.verdict == (isCard ? .redact : .block))
        #expect(stream.findings.count == 1)
    }

    @Test("end a choice when an id or a finish reason in it would be blocked")
    func blocksWords() throws {
        let bench = try Bench()
        for event in [
            chunk(#"{"tool_calls":[{"index":0,"id":"nightingale:1"}]}"#), chunk(#"{"role":"nightingale.1"}"#),
            chunk("{}", finish: "nightingale-1"),
        ] {
            var stream = bench.stream()
            let events = try bench.relay(content("one") + event, &stream)
            #expect(events.reasons() == ["content_filter"])
            #expect(!events.serialised.contains("nightingale"))
        }
    }

    @Test("pass harmless names of a server's own on as they are, and judge them once")
    func passesHarmlessNames() throws {
        let bench = try Bench()
        var stream = bench.stream()
        let input = ["Ay", "Be"].map {
            chunk(#"{"content":"\#($0)","darn":true,"Its own":{"a":[1,0.25]}}"#, extra: #","stop_reason":42"#)
        }
        let events = try bench.relay(input.joined(), &stream)
        #expect(events.map { "data: \($0.serialised)\n\n" } == input)
        #expect(stream.verdict == .flag)
        #expect(stream.findings.count == 1)
    }

    @Test("only tell what was found in names in observe-only mode")
    func observesNames() throws {
        let bench = try Bench()
        var stream = bench.stream(observesOnly: true)
        let input = chunk(#"{"\#(Bench.key)":\#(Bench.card)}"#)
        let events = try bench.relay(input, &stream)
        #expect(events.map { "data: \($0.serialised)\n\n" } == [input])
        #expect(stream.verdict == .block && !stream.isBlocked)
    }

    private static let hostileNumbers = [
        #"{"content":"x","card":CARD}"#, #"{"content":"x","a":[{"b":[CARD]}]}"#, #"{"role":CARD}"#,
        #"{"tool_calls":[{"index":0,"function":{"arguments":{"card":CARD}}}]}"#,
    ]

    /// One number, written in several ways.
    private static let spellings: [String] = {
        let (head, tail) = (Bench.card.prefix(1), Bench.card.dropFirst(1))
        return [
            Bench.card, "-\(Bench.card)", "\(Bench.card)e0", "\(Bench.card).0", "\(head).\(tail)E+15",
            "0.00\(Bench.card)",
            "\(Bench.card)000e-3",
        ]
    }()

    @Test("redact long numbers in a choice, however they are written", arguments: hostileNumbers, spellings)
    func redactsNumbers(_ delta: String, _ number: String) throws {
        let bench = try Bench()
        var stream = bench.stream()
        let events = try bench.relay(
            chunk(delta.replacing("CARD", with: number)) + chunk("{}", finish: "stop"), &stream)
        #expect(events.count == 2)
        #expect(!events.serialised.contains(number))
        #expect(events.serialised.contains(#""[redacted:pii.card]""#))
        #expect(events.reasons() == ["stop"])
        #expect(stream.verdict == .redact)
    }

    @Test("pass numbers on that are nobody's, and refuse those that are no numbers any more")
    func passesNumbers() throws {
        let bench = try Bench()
        var stream = bench.stream()
        let input = chunk(#"{"content":"x","ms":1790000000123,"of":0.333333333333,"ids":[1,22,333],"e":1.25e-05}"#)
        let events = try bench.relay(input, &stream)
        #expect(events.map { "data: \($0.serialised)\n\n" } == [input])
        let long = chunk(#"{"a":\#(String(repeating: "4", count: 65))}"#)
        #expect(throws: UpstreamFailure.malformed("a number that is too long")) { try bench.relay(long, &stream) }
    }

    @Test(
        "are refused when an index can be none",
        arguments: ["CARD", "-1", "4096", "1e9", "0.000000000000", #""CARD""#, "[0]", "1.5"])
    func refusesIndexes(_ index: String) throws {
        let bench = try Bench()
        let index = index.replacing("CARD", with: Bench.card)
        var events = [content("one").replacing(#""index":0"#, with: #""index":\#(index)"#)]
        if !index.hasPrefix("\"") {
            events.append(chunk(#"{"tool_calls":[{"index":\#(index),"function":{"arguments":"x"}}]}"#))
        }
        for event in events where !(index == "[0]" && event.contains("tool_calls")) {
            var stream = bench.stream()
            #expect(throws: UpstreamFailure.malformed("an index out of bounds")) { try bench.relay(event, &stream) }
        }
    }
}
