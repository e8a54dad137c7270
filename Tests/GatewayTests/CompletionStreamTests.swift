import Filtering
import JSON
import Testing

@testable import Gateway

@Suite("Streamed completions")
struct CompletionStreamTests {
    @Test("redact a card number wherever two events split it, and change nothing else")
    func redactsAtEverySplit() throws {
        let bench = try Bench()
        let text = Array("My card is \(Bench.card), thank you.")
        for first in 0...text.count {
            for second in stride(from: first, through: text.count, by: 3) {
                var stream = bench.stream()
                let pieces = [text[..<first], text[first..<second], text[second...]]
                let input =
                    pieces.map { content(String($0)) }.joined() + chunk("{}", finish: "stop") + "data: [DONE]\n\n"
                let events = try bench.relay(input, &stream)
                let joined = events.compactMap { $0.text(["delta", "content"]) }.joined()
                #expect(joined == "My card is [redacted:pii.card], thank you.", "split at \(first) and \(second)")
                #expect(events.last?.text(["finish_reason"]) == "stop")
                #expect(stream.status == .ended)
                #expect(stream.verdict == .redact)
            }
        }
    }

    /// Catches a rest that is sent before the event which it goes on from.
    @Test("keep the order of what the last event says beside its finish reason, wherever it is split")
    func endsWithText() throws {
        let bench = try Bench()
        for text in ["It is nice, my card is \(Bench.card)", "It is a darn", "1, 2, 3 and 4", Bench.card] {
            let expected = text.replacing(Bench.card, with: "[redacted:pii.card]")
            for split in 0...text.count {
                let (head, tail) = (String(text.prefix(split)), String(text.dropFirst(split)))
                for path in [["delta", "content"], ["delta", "reasoning_content"], ["text"]] {
                    func event(_ text: String, _ finish: String? = nil) -> String {
                        if path.count > 1 { return chunk(#"{"\#(path[1])":"\#(text)"}"#, finish: finish) }
                        return chunk("{}", finish: finish, extra: #","text":"\#(text)""#)
                    }
                    var stream = bench.stream(dialect: path.count > 1 ? .chatCompletions : .completions)
                    let events = try bench.relay(event(head) + event(tail, "length"), &stream)
                    #expect(events.said(at: path) == expected, "\(path) split at \(split)")
                    #expect(events.reasons() == ["length"] && events.last?.text(["finish_reason"]) == "length")
                }
            }
        }
    }

    @Test(
        "send what is held of other texts before the event that ends the choice, and log-probabilities with their text")
    func endsOtherTexts() throws {
        let bench = try Bench()
        var stream = bench.stream()
        let spelled = #","logprobs":{"content":[{"token":"@","logprob":-1,"bytes":null,"top_logprobs":[]}]}"#
        func said(_ text: String, _ finish: String? = nil) -> String {
            chunk(
                #"{"content":"\#(text)"}"#, finish: finish,
                extra: finish == nil ? spelled.replacing("@", with: text) : "")
        }
        let events = try bench.relay(
            chunk(#"{"reasoning_content":"It was 40"}"#) + said("In 40") + said("00", "stop"), &stream)
        #expect(events.said() == "In 4000")
        #expect(events.said(at: ["delta", "reasoning_content"]) == "It was 40")
        let last = try #require(events.last)
        #expect(last.text(["delta", "content"])?.hasSuffix("4000") == true)
        #expect(last.serialised.contains(#""logprobs":{"content":[{"token":"In 40""#))
        #expect(events.reasons() == ["stop"])
    }

    @Test("pass every piece of plain prose on in the event in which it came")
    func delaysNothing() throws {
        let bench = try Bench()
        var stream = bench.stream()
        for word in ["Hello", ", ", "this is", " plain ", "prose of the year 2026, ", "and no finding.", " Grüße"] {
            let events = try bench.relay(content(word), &stream)
            #expect(events.map { $0.text(["delta", "content"]) } == [word])
        }
    }

    @Test("end a choice with content_filter when a rule blocks, and send nothing of it")
    func blocks() throws {
        let bench = try Bench()
        var stream = bench.stream(asksForUsage: true)
        let events = try bench.relay(
            content("Here: -----BEGIN ") + content("PRIVATE KEY-----") + content("MIIE") + chunk("{}", finish: "stop"),
            &stream)
        let joined = events.compactMap { $0.text(["delta", "content"]) }.joined()
        #expect(joined == "Here: ")
        #expect(events.last?.text(["finish_reason"]) == "content_filter")
        #expect(events.count { $0.text(["finish_reason"]) != nil } == 1)
        #expect(stream.isBlocked)
        #expect(stream.status == .ended)
    }

    @Test("block one of two choices and let the other end by itself")
    func blocksOneChoice() throws {
        let bench = try Bench()
        var stream = bench.stream(choices: 2)
        let events = try bench.relay(
            content("fine", index: 0) + content("-----BEGIN PRIVATE KEY-----", index: 1) + content("more", index: 1)
                + content(" still", index: 0) + chunk("{}", index: 0, finish: "stop"), &stream)
        #expect(events.said(0) == "fine still")
        #expect(events.said(1).isEmpty)
        #expect(stream.status == .ended)
    }

    @Test("judge reasoning, refusals and tool arguments like content", arguments: ["reasoning_content", "refusal"])
    func judgesOtherTexts(_ name: String) throws {
        let bench = try Bench()
        var stream = bench.stream()
        let (head, tail) = (Bench.card.prefix(8), Bench.card.dropFirst(8))
        let events = try bench.relay(
            chunk(#"{"\#(name)":"no \#(head)"}"#) + chunk(#"{"\#(name)":"\#(tail)"}"#) + chunk("{}", finish: "stop"),
            &stream)
        #expect(events.compactMap { $0.text(["delta", name]) }.joined() == "no [redacted:pii.card]")
    }

    @Test("flush a held tool argument before the finish reason, in the shape of tool calls")
    func flushesToolArguments() throws {
        let bench = try Bench()
        var stream = bench.stream()
        let call =
            #"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"pay","arguments":""}}]}"#
        func arguments(_ text: String) -> String {
            chunk(#"{"tool_calls":[{"index":0,"function":{"arguments":"\#(text)"}}]}"#)
        }
        let events = try bench.relay(
            chunk(call) + arguments(String(Bench.card.prefix(10))) + arguments(String(Bench.card.dropFirst(10)))
                + chunk("{}", finish: "tool_calls"), &stream)
        let said = events.compactMap { document -> String? in
            guard let choice = document.firstChoice, let delta = document.member("delta", of: choice),
                let calls = document.member("tool_calls", of: delta),
                let call = document.elements(of: calls).first(where: { _ in true }),
                let function = document.member("function", of: call)
            else { return nil }
            return document.member("arguments", of: function).flatMap(document.string)
        }.joined()
        #expect(said == "[redacted:pii.card]")
        #expect(events.last?.text(["finish_reason"]) == "tool_calls")
    }

    @Test("read tool arguments without needless escapes, wherever two events split them")
    func unescapesArguments() throws {
        let bench = try Bench()
        let hidden = Bench.card.map { "\\u00\(String($0.asciiValue!, radix: 16))" }.joined()
        let text = Array(#"{"a":"Gr\u00fc\u00dfe \ud83d\ude00 \n \"\\","card":"\#(hidden)","end":"\u00"#)
        let expected = #"{"a":"Grüße 😀 \n \"\\","card":"[redacted:pii.card]","end":"\u00"#
        func piece(_ text: ArraySlice<Character>) -> String {
            var writer = JSONWriter()
            writer.string(String(text))
            let json = String(decoding: writer.bytes, as: UTF8.self)
            return chunk(#"{"function_call":{"arguments":\#(json)}}"#)
        }
        for split in 0...text.count {
            var stream = bench.stream()
            let input = piece(text[..<split]) + piece(text[split...].prefix(1)) + piece(text[split...].dropFirst())
            let events = try bench.relay(input + chunk("{}", finish: "stop"), &stream)
            #expect(events.said(at: ["delta", "function_call", "arguments"]) == expected, "split at \(split)")
            #expect(stream.verdict == .redact)
        }
    }

    @Test("keep log-probabilities with their text, and drop those of what is redacted")
    func alignsLogProbabilities() throws {
        let bench = try Bench()
        var stream = bench.stream()
        func piece(_ text: String) -> String {
            chunk(
                #"{"content":"\#(text)"}"#,
                extra: #","logprobs":{"content":[{"token":"\#(text)","logprob":-1,"bytes":null,"top_logprobs":[]}]}"#)
        }
        let events = try bench.relay(
            piece("Pay ") + piece(String(Bench.card.prefix(6))) + piece(String(Bench.card.dropFirst(6))) + piece(" now")
                + chunk("{}", finish: "stop"), &stream)
        var tokens: [String] = []
        for document in events {
            guard let choice = document.firstChoice, let logprobs = document.member("logprobs", of: choice),
                let content = document.member("content", of: logprobs)
            else { continue }
            for entry in document.elements(of: content) {
                tokens.append(document.member("token", of: entry).flatMap(document.string) ?? "?")
            }
        }
        #expect(tokens == ["Pay ", " now"])
    }

    @Test("take the usage that only the gateway asked for out again", arguments: [true, false])
    func stripsUsage(asksForUsage: Bool) throws {
        let bench = try Bench()
        var stream = bench.stream(asksForUsage: asksForUsage)
        let usage = #"data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"# + "\n\n"
        let events = try bench.relay(
            content("hi") + chunk("{}", finish: "stop") + usage + "data: [DONE]\n\n", &stream)
        #expect(events.count == (asksForUsage ? 3 : 2))
        #expect(stream.usage?.input == 3)
        #expect(stream.usage?.output == 4)
    }

    @Test(
        "are refused when an upstream's event can't be trusted",
        arguments: [
            "data: {\"choices\":[],\"choices\":[]}\n\n", "data: nonsense\n\n", "data: []\n\n", "data: {}\n\n",
            "data: {\"error\":{\"message\":\"x\"}}\n\n", "data: {\"choices\":[1]}\n\n",
            content("open") + "data: [DONE]\n\n",
            chunk("{}", finish: "stop") + content("after the end"),
        ])
    func refuses(_ text: String) throws {
        let bench = try Bench()
        var stream = bench.stream()
        #expect(throws: UpstreamFailure.self) { try bench.relay(text, &stream) }
    }

    @Test("are cut short when the upstream closes before the finish reason")
    func noticesTruncation() throws {
        let bench = try Bench()
        var stream = bench.stream()
        _ = try bench.relay(content("half"), &stream)
        #expect(throws: UpstreamFailure.closedEarly) { try stream.checkEnd() }
    }

    @Test("pass unchanged in observe-only mode, and still say what was found")
    func observes() throws {
        let bench = try Bench()
        var stream = bench.stream(observesOnly: true)
        let events = try bench.relay(
            content("Card \(Bench.card) and -----BEGIN PRIVATE KEY-----") + chunk("{}", finish: "stop"), &stream)
        #expect(
            events.compactMap { $0.text(["delta", "content"]) }.joined()
                == "Card \(Bench.card) and -----BEGIN PRIVATE KEY-----")
        #expect(stream.verdict == .block)
        #expect(!stream.isBlocked)
    }
}
