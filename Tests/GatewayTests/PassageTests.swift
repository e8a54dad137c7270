import Filtering
import JSON
import Testing

@testable import Gateway

@Suite("The passage that is screened")
struct PassageTests {
    private func text(_ json: String) throws -> String {
        let document = try JSONDocument(parsing: Array(json.utf8))
        return String(decoding: Passage(of: document).bytes, as: UTF8.self)
    }

    @Test("holds every string and key that could carry text")
    func holdsText() throws {
        let passage = try text(
            #"""
            {"model":"m","messages":[{"role":"user","content":"one","name":"two words"}],
             "tools":[{"type":"function","function":{"name":"three","description":"four","parameters":{"five":"six"}}}],
             "unknown":{"seven":["eight"]},"stop":"nine"}
            """#)
        for word in ["one", "two words", "three", "four", "five", "six", "seven", "eight", "nine"] {
            #expect(passage.contains(word), "\(word) is not screened")
        }
    }

    @Test("leaves protocol names out only while they look like names")
    func screensTextInNames() throws {
        let passage = try text(
            #"{"messages":[{"role":"user","tool_call_id":"call_1"},{"role":"é","tool_call_id":"text with blanks"}]}"#)
        #expect(!passage.contains("call_1"))
        #expect(passage.contains("text with blanks"))
        #expect(passage.contains("é"))
        // The same name at another place is nobody's protocol.
        #expect(try text(#"{"unknown":{"tool_call_id":"call_1"}}"#).contains("call_1"))
    }

    @Test("leaves inline images out only while they are base 64")
    func leavesBlobsOut() throws {
        let data = String(repeating: "QUJD", count: 40)
        func image(_ url: String) -> String {
            #"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"\#(url)"}}]}]}"#
        }
        #expect(try !text(image("data:image/png;base64,\(data)")).contains(data))
        #expect(try text(image("data:image/png;base64,\(data) and words")).contains("words"))
        #expect(try text(#"{"text":"\#(data)"}"#).contains(data))
    }

    @Test("keeps pieces apart that stand side by side")
    func partsPieces() throws {
        let bench = try Bench()
        let halves = [Bench.card.prefix(8), Bench.card.dropFirst(8)]
        for (json, verdict) in [
            (#"{"a":["\#(halves[0])","\#(halves[1])"]}"#, Verdict.allow), (#"{"a1":"\#(Bench.card)","a2":1}"#, .redact),
            (#"["x","darn","x"]"#, .flag), (#"{"darn":"nightingale"}"#, .block),
        ] {
            let passage = Passage(of: try JSONDocument(parsing: Array(json.utf8)))
            let screening = passage.bytes.withUnsafeBufferPointer {
                bench.screener.screen($0, side: .prompt, policy: bench.policy)
            }
            #expect(screening.verdict == verdict, "\(json)")
        }
    }

    @Test("holds numbers that may be somebody's, wherever the protocol has none")
    func holdsLongNumbers() throws {
        let card = Bench.card
        for json in [
            #"{"metadata":{"card":CARD}}"#, #"{"a":[-CARD]}"#, #"{"a":CARD.0}"#, #"{"messages":[{"content":CARD}]}"#,
            #"{"user":CARD}"#, #"{"id":CARD}"#, #"{"messages":[{"tool_calls":[{"function":{"arguments":CARD}}]}]}"#,
        ] {
            #expect(try text(json.replacing("CARD", with: card)).contains(card), "\(json)")
        }
        for json in [
            #"{"seed":CARD}"#, #"{"created":CARD}"#, #"{"choices":[{"logprobs":{"x":CARD}}]}"#, #"{"a":12345678901}"#,
            #"{"a":0.CARD}"#, #"{"a":-4.CARD}"#,
        ] {
            #expect(try !text(json.replacing("CARD", with: card)).contains(card), "\(json)")
        }
        #expect(try text(#"{"seed":"\#(card)"}"#).contains(card))
    }

    @Test("redacts a number as a string")
    func redactsNumbers() throws {
        let bench = try Bench()
        let document = try JSONDocument(parsing: Array(#"{"a":[1,\#(Bench.card),2]}"#.utf8))
        #expect(try redacted(document, bench) == #"{"a":[1,"[redacted:pii.card]",2]}"#)
    }

    @Test("holds arguments of tools without the escapes that they do not need")
    func unescapesArguments() throws {
        let bench = try Bench()
        let hidden = Bench.card.unicodeScalars.map { #"\\u00"# + String($0.value, radix: 16) }.joined()
        for place in [
            #"{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"ARGUMENTS"}}]}]}"#,
            #"{"choices":[{"message":{"function_call":{"arguments":"ARGUMENTS"}}}]}"#,
        ] {
            let json = place.replacing("ARGUMENTS", with: #"{\"a\":\"n\\u00e4h \#(hidden)\\n\"}"#)
            let expected = place.replacing("ARGUMENTS", with: #"{\"a\":\"näh [redacted:pii.card]\\n\"}"#)
            #expect(try text(json).contains(Bench.card))
            #expect(try redacted(JSONDocument(parsing: Array(json.utf8)), bench) == expected)
        }
    }

    /// The document as it would be sent on.
    private func redacted(_ document: JSONDocument, _ bench: Bench) throws -> String {
        let passage = Passage(of: document)
        _ = passage.bytes.withUnsafeBufferPointer { bench.screener.screen($0, side: .prompt, policy: bench.policy) }
        var edits = JSONEdits()
        #expect(passage.redact(bench.screener.redactions, into: &edits))
        var output: [UInt8] = []
        document.serialise(into: &output, edits: edits)
        return String(decoding: output, as: UTF8.self)
    }

    @Test("holds the text parts of one message a second time, joined as a template joins them")
    func joinsParts() throws {
        let passage = try text(
            #"{"messages":[{"role":"user","content":[{"type":"text","text":"41"},{"type":"text","text":"11"}]}]}"#)
        #expect(passage.contains("4111"))
    }
}
