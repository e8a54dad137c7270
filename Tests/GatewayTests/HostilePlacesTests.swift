import Filtering
import JSON
import Testing

@testable import Gateway

/// Places in which a server, or a caller, could put what no filter reads there.
@Suite("Places that hold no text")
struct HostilePlacesTests {
    // MARK: - Choices that nobody asked for

    @Test("are refused as answers and as events when a choice was not asked for", arguments: 1...3, [0, 1, 127])
    func refusesStrangeChoices(_ count: Int, _ beyond: Int) throws {
        let bench = try Bench()
        for dialect in [Dialect.chatCompletions, .completions] {
            var stream = bench.stream(choices: count, dialect: dialect)
            for index in 0..<count { _ = try bench.relay(content("x", index: index), &stream) }
            #expect(throws: UpstreamFailure.malformed("more choices than were asked for")) {
                try bench.relay(content("y", index: count + beyond), &stream)
            }
            func answer(_ indexes: [Int]) throws -> any AnswerTree {
                let choices = indexes.map { #"{"index":\#($0)}"# }.joined(separator: ",")
                return dialect.answer(try JSONDocument(parsing: Array(#"{"choices":[\#(choices)]}"#.utf8)))
            }
            try answer(Array(0..<count)).check(choicesExpected: count)
            #expect(throws: UpstreamFailure.self) {
                try answer(Array(0..<count - 1) + [count + beyond]).check(choicesExpected: count)
            }
            #expect(throws: UpstreamFailure.self) {
                try answer(Array(0...count + beyond)).check(choicesExpected: count)
            }
        }
    }

    /// Joined with what came there before, a number that is told again is no number.
    @Test("beside what a choice says are judged by themselves too, event by event")
    func judgesValuesByThemselves() throws {
        let bench = try Bench()
        func told(_ value: String) -> String { chunk("{}", extra: #","note":{"of":"\#(value)"}"#) }
        var stream = bench.stream()
        let events = try bench.relay(told("4") + told(Bench.card) + chunk("{}", finish: "stop"), &stream)
        #expect(!events.serialised.contains(Bench.card))
        #expect(events.reasons() == ["content_filter"] && stream.isBlocked)
        var plain = bench.stream()
        let plainEvents = try bench.relay(told("safe") + told("safe") + chunk("{}", finish: "stop"), &plain)
        #expect(plainEvents.reasons() == ["stop"])
        #expect(plainEvents.said(at: ["note", "of"]) == "safesafe")
    }

    @Test("counts the answers that come back, which `best_of` does not change")
    func countsAnswers() throws {
        func facts(_ members: String) throws -> RequestFacts {
            let body = #"{"model":"m",\#(members)}"#
            return try Dialect.completions.facts(of: JSONDocument(parsing: Array(body.utf8)), settings: .init())
        }
        let best = try facts(#""prompt":["a","b"],"n":2,"best_of":5"#)
        #expect(best.choices == 10 && best.choicesExpected == 4)
        #expect(try facts(#""prompt":"a","best_of":3"#).choicesExpected == 1)
        #expect(try facts(#""prompt":"a","suffix":"b","n":3"#).choicesExpected == 3)
        #expect(throws: PathExit.self) { try facts(#""prompt":["a","b"],"suffix":"c""#) }
    }

    // MARK: - Words that client libraries join from event to event

    static let wordPlaces: [(path: [String], json: String)] = [
        (["delta", "role"], #""delta":{"role":"WORD"}"#), (["delta", "id"], #""delta":{"id":"WORD"}"#),
        (["delta", "r", "id"], #""delta":{"r":{"id":"WORD"}}"#), (["delta", "type"], #""delta":{"type":"WORD"}"#),
        (["id"], #""delta":{},"id":"WORD""#), (["delta", "a", "role"], #""delta":{"a":{"role":"WORD"}}"#),
        (["delta", "call", "id"], #""delta":{"call":{"id":"WORD"}}"#),
    ]

    private func event(_ place: String, _ word: String) -> String {
        chunk("{}").replacing(#""delta":{}"#, with: place.replacing("WORD", with: word))
    }

    @Test("are judged as they grow, wherever events part them", arguments: wordPlaces)
    func joinsWords(_ path: [String], _ json: String) throws {
        let bench = try Bench()
        let digits = Array(Bench.card)
        let dashed = stride(from: 0, to: 16, by: 4).map { String(digits[$0..<$0 + 4]) }.joined(separator: "-")
        for text in [Bench.card, dashed].map(Array.init) {
            for first in 1..<text.count {
                for second in stride(from: first, to: text.count, by: 3) {
                    let pieces = [text[..<first], text[first..<second], text[second...]].map { String($0) }
                    var stream = bench.stream()
                    let input = pieces.map { event(json, $0) }.joined() + chunk("{}", finish: "stop")
                    let said = try bench.relay(input, &stream)
                    let joined = said.said(at: path).filter(\.isNumber)
                    #expect(!joined.contains(Bench.card), "split at \(first) and \(second): \(joined)")
                    #expect(stream.verdict == .redact)
                }
            }
        }
    }

    @Test("are judged as they grow in the calls of tools")
    func joinsIDsOfCalls() throws {
        let bench = try Bench()
        var stream = bench.stream()
        let halves = [Bench.card.prefix(8), Bench.card.dropFirst(8)]
        let events = try bench.relay(
            halves.map { chunk(#"{"tool_calls":[{"index":0,"id":"\#($0)"}]}"#) }.joined(), &stream)
        #expect(events.reasons() == ["content_filter"] && !events.serialised.contains(halves[1]))
    }

    @Test("pass when they are said again and again, or are others that spell nothing")
    func passesRepeatedWords() throws {
        let bench = try Bench()
        var stream = bench.stream()
        func call(_ id: String) -> String {
            chunk(#"{"role":"assistant","id":"c-1","tool_calls":[{"index":0,"id":"\#(id)","type":"function"}]}"#)
        }
        let input = ["chatcmpl-tool-0a1", "chatcmpl-tool-0a1", "call_9", "call_12345678", "call_9"].map(call)
        let events = try bench.relay(input.joined(), &stream)
        #expect(events.map { "data: \($0.serialised)\n\n" } == input)
        #expect(stream.verdict == .allow)
    }

    @Test("take no memory without a bound")
    func boundsWords() throws {
        let bench = try Bench()
        var stream = bench.stream()
        let members = (0..<4_000).map { #""m\#($0)":{"id":"a"}"# }.joined(separator: ",")
        #expect(throws: UpstreamFailure.malformed("more words than a choice can have")) {
            try bench.relay(chunk("{\(members)}"), &stream)
        }
    }

    // MARK: - Parts that a template joins

    static let joined: [(Dialect, String)] = [
        (.messages, #"{"messages":[{"content":[{"type":"tool_result","content":PARTS}]}]}"#),
        (.tokenCounts, #"{"messages":[{"content":[{"type":"tool_result","content":PARTS}]}]}"#),
        (.messages, #"{"messages":[{"content":[{"type":"search_result","source":"a","content":PARTS}]}]}"#),
        (.messages, #"{"messages":[{"content":[{"type":"document","source":{"type":"content","content":PARTS}}]}]}"#),
        (
            .messages,
            #"{"messages":[{"content":[{"type":"tool_result","content":[{"type":"search_result","content":PARTS}]}]}]}"#
        ),
        (.messages, #"{"messages":[{"content":[{"content":[{"source":{"type":"content","content":PARTS}}]}]}]}"#),
        (.messages, #"{"messages":[{"content":PARTS}]}"#), (.messages, #"{"system":PARTS}"#),
        (.responses, #"{"input":[{"type":"function_call_output","output":PARTS}]}"#),
        (.responses, #"{"input":[{"type":"reasoning","summary":PARTS}]}"#),
        (.responses, #"{"input":[{"role":"user","content":PARTS}]}"#),
        (.completions, #"{"prompt":"HEAD","suffix":"TAIL"}"#), (.completions, #"{"suffix":"TAIL","prompt":["HEAD"]}"#),
    ]

    @Test("are screened as one text", arguments: joined)
    func joinsParts(_ dialect: Dialect, _ json: String) throws {
        let bench = try Bench()
        for split in 1..<16 {
            let (head, tail) = (String(Bench.card.prefix(split)), String(Bench.card.dropFirst(split)))
            let text = json.replacing("PARTS", with: #"[{"type":"text","text":"HEAD"},{"type":"text","text":"TAIL"}]"#)
                .replacing("HEAD", with: "No. \(head)").replacing("TAIL", with: tail)
            let passage = Passage(
                of: try JSONDocument(parsing: Array(text.utf8)), as: dialect.traits.requestPlaces)
            let screening = bench.screener.screen(passage, side: .prompt, policy: bench.policy)
            #expect(screening.verdict == .redact, "split at \(split)")
        }
    }
}

@Suite("Data that no filter reads")
struct HostileDataTests {
    static let data = String(repeating: "QUJDREVG", count: 16)

    /// Where each kind of tree holds data, and in objects of which type.
    static let places: [(name: String, kind: ProtocolPlaces.Kind, json: String, type: String?)] = [
        (
            "thought", Dialect.messages.traits.requestPlaces,
            #"{"messages":[{"content":[{"type":"TYPE","signature":"DATA"}]}]}"#, "thinking"
        ),
        (
            "hidden thought", Dialect.messages.traits.requestPlaces,
            #"{"messages":[{"content":[{"type":"TYPE","data":"DATA"}]}]}"#, "redacted_thinking"
        ),
        (
            "block of a result", Dialect.messages.traits.requestPlaces,
            #"{"messages":[{"content":[{"content":[{"type":"TYPE","data":"DATA"}]}]}]}"#, "redacted_thinking"
        ),
        (
            "thought of an answer", Dialect.messages.traits.answerPlaces,
            #"{"content":[{"type":"TYPE","signature":"DATA"}]}"#, "thinking"
        ),
        (
            "hidden thought of an answer", Dialect.messages.traits.answerPlaces,
            #"{"content":[{"type":"TYPE","data":"DATA"}]}"#, "redacted_thinking"
        ),
        ("block", Messages.eventPlaces, #"{"content_block":{"type":"TYPE","data":"DATA"}}"#, "redacted_thinking"),
        (
            "message", Messages.eventPlaces, #"{"message":{"content":[{"type":"TYPE","signature":"DATA"}]}}"#,
            "thinking"
        ),
        ("delta", Messages.eventPlaces, #"{"delta":{"type":"TYPE","signature":"DATA"}}"#, "signature_delta"),
        (
            "item", Dialect.responses.traits.requestPlaces,
            #"{"input":[{"type":"TYPE","encrypted_content":"DATA"}]}"#, "reasoning"
        ),
        (
            "compacted", Dialect.responses.traits.answerPlaces,
            #"{"output":[{"type":"TYPE","encrypted_content":"DATA"}]}"#, "compaction"
        ),
        (
            "drawing", Dialect.responses.traits.answerPlaces, #"{"output":[{"type":"TYPE","result":"DATA"}]}"#,
            "image_generation_call"
        ),
        (
            "item of an event", Responses.eventPlaces, #"{"item":{"type":"TYPE","result":"DATA"}}"#,
            "image_generation_call"
        ),
        (
            "response of an event", Responses.eventPlaces,
            #"{"response":{"output":[{"type":"TYPE","encrypted_content":"DATA"}]}}"#, "reasoning"
        ),
        (
            "image", Dialect.responses.traits.requestPlaces,
            #"{"input":[{"content":[{"type":"TYPE","image_url":"data:image/png;base64,DATA"}]}]}"#, "input_image"
        ),
        (
            "screenshot", Dialect.responses.traits.requestPlaces,
            #"{"input":[{"output":{"type":"TYPE","image_url":"data:image/png;base64,DATA"}}]}"#, "computer_screenshot"
        ),
        (
            "part", Responses.eventPlaces, #"{"part":{"type":"TYPE","file_data":"DATA"}}"#, "input_file"
        ),
        ("picture", Dialect.images.traits.answerPlaces, #"{"data":[{"b64_json":"DATA"}]}"#, nil),
        ("embedding", .embeddings, #"{"data":[{"embedding":"DATA"}]}"#, nil),
        (
            "image of a chat", .request,
            #"{"messages":[{"content":[{"image_url":{"url":"data:image/png;base64,DATA"}}]}]}"#, nil
        ),
        ("audio of a chat", .request, #"{"messages":[{"content":[{"input_audio":{"data":"DATA"}}]}]}"#, nil),
    ]

    private func passage(_ place: Int, _ data: String, type: String? = nil) throws -> String {
        let place = Self.places[place]
        let json = place.json.replacing("TYPE", with: type ?? place.type ?? "").replacing("DATA", with: data)
        return String(
            decoding: Passage(of: try JSONDocument(parsing: Array(json.utf8)), as: place.kind).bytes, as: UTF8.self)
    }

    @Test("is left out where it is some", arguments: places.indices)
    func leavesDataOut(_ place: Int) throws {
        #expect(try !passage(place, Self.data).contains(Self.data))
        #expect(try !passage(place, "12345678901A-_+/" + Self.data + "==").contains(Self.data))
    }

    @Test("is text when it is short, or has somebody's number in it", arguments: places.indices)
    func screensNumbers(_ place: Int) throws {
        let dashed = "4000-0000-0000-0002"
        for hostile in [
            Bench.card, "x\(Bench.card)", Self.data + Bench.card, Bench.card + Self.data, dashed + Self.data,
            String(repeating: Bench.card, count: 5), Self.data + "_" + Bench.card + "_" + Self.data, "short",
            "two words",
        ] {
            #expect(try passage(place, hostile).contains(hostile), "\(Self.places[place].name) \(hostile)")
        }
    }

    @Test("is text in an object of another type", arguments: places.indices.filter { places[$0].type != nil })
    func asksForTheType(_ place: Int) throws {
        for type in ["text", "output_text", "message", ""] {
            #expect(try passage(place, Self.data, type: type).contains(Self.data))
        }
    }

    @Test(
        "is text behind the head of an address that says more than a media type",
        arguments: [
            "data:,", "data:text/plain,", "data:image/png;base64;a b,", "data:4111/111111111111;base64,",
            "data:base64,",
            "data:image/png;a=\(String(repeating: "b", count: 64));base64,", "data;base64,",
        ])
    func readsAddresses(_ head: String) throws {
        let json = #"{"messages":[{"content":[{"image_url":{"url":"\#(head)\#(Self.data)"}}]}]}"#
        let document = try JSONDocument(parsing: Array(json.utf8))
        #expect(String(decoding: Passage(of: document, as: .request).bytes, as: UTF8.self).contains(Self.data))
    }
}

@Suite("What an upstream says of a request that it refuses")
struct UpstreamErrorTests {
    @Test("is screened before it is cut, so that no beginning of a number leaves")
    func keepsMoreThanLeaves() throws {
        for start in 1_000...1_024 {
            let text = String(repeating: "x", count: start) + Bench.card + String(repeating: "y", count: 100_000)
            let error = UpstreamError(parsing: Array(#"{"error":{"message":"\#(text)"}}"#.utf8))
            #expect(error.message.contains(Bench.card) && error.message.utf8.count == 4_096)
            #expect(UpstreamError.cut(error.message) == text.prefix(1_024))
        }
    }
}
