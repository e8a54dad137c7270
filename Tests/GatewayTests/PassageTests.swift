import Filtering
import JSON
import Testing

@testable import Gateway

@Suite("The passage that is screened")
struct PassageTests {
    private func text(_ json: String, as kind: ProtocolPlaces.Kind = .request) throws -> String {
        let document = try JSONDocument(parsing: Array(json.utf8))
        return String(decoding: Passage(of: document, as: kind).bytes, as: UTF8.self)
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

    /// The texts that somebody else wrote than who asks.
    private func brought(_ json: String, as kind: ProtocolPlaces.Kind) throws -> String {
        let passage = Passage(of: try JSONDocument(parsing: Array(json.utf8)), as: kind)
        var (start, texts): (Int, [String]) = (0, [])
        for next in passage.breaks {
            if next.source == .tool { texts.append(String(decoding: passage.bytes[start..<next.end], as: UTF8.self)) }
            start = next.end + 1
        }
        return Set(texts).sorted().joined(separator: " ")
    }

    @Test("knows what tools and documents brought")
    func tellsSources() throws {
        let chat = try brought(
            #"""
            {"messages":[{"role":"user","content":"u"},{"role":"tool","content":"t1","tool_call_id":"c"},
             {"role":"assistant","content":"a"},{"role":"function","name":"f g","content":[{"type":"text","text":"t2"}]},
             {"role":"toolx","content":"x"},{"content":"y"},{"role":7,"content":"z"}],"tools":[{"note":"n"}]}
            """#, as: .request)
        #expect(chat == "f g t1 t2")
        let messages = try brought(
            #"""
            {"system":"s","messages":[{"role":"user","content":[{"type":"text","text":"u"},
             {"type":"tool_result","tool_use_id":"i","content":[{"type":"text","text":"t1"}]},
             {"type":"mcp_tool_result","content":"t2"},{"type":"document","title":"t3","source":{"data":"t4"}},
             {"type":"tool_use","input":{"a b":"m"}}]},{"role":"user","content":"v"}]}
            """#, as: Messages.traits.requestPlaces)
        #expect(messages == "t1 t2 t3 t4")
        let responses = try brought(
            #"""
            {"instructions":"s","input":[{"role":"user","content":"u"},
             {"type":"function_call_output","call_id":"c","output":"t1"},
             {"type":"function_call_output","output":[{"type":"input_text","text":"t2"}]},
             {"type":"file_search_call","results":[{"text":"t3"}]},{"type":"code_interpreter_call","outputs":[{"logs":"t4"}]},{"type":"function_call","arguments":"m"}]}
            """#, as: Responses.traits.requestPlaces)
        #expect(responses == "logs t1 t2 t3 t4 text")
        #expect(try brought(#"{"input":"u"}"#, as: Responses.traits.requestPlaces) == "")
    }

    @Test("leaves protocol names out only while they are plain words")
    func screensTextInNames() throws {
        let roles = try text(#"{"messages":[{"role":"user"},{"role":"é"},{"role":"4111.1111.1111.1111"}]}"#)
        #expect(!roles.contains("user"))
        #expect(roles.contains("é"))
        #expect(roles.contains("4111.1111.1111.1111"))
        for name in ["call_1", "text with blanks", "AKIAIOSFODNN7EXAMPLZ", "4111_1111_1111_1111"] {
            #expect(try text(#"{"messages":[{"tool_call_id":"\#(name)"}]}"#).contains(name))
            #expect(try text(#"{"id":"\#(name)"}"#, as: .completion).contains(name))
            #expect(try text(#"{"choices":[{"finish_reason":"\#(name)"}]}"#, as: .completion).contains(name))
        }
        // The same word at another place is nobody's protocol.
        #expect(try text(#"{"unknown":{"role":"user"}}"#).contains("user"))
    }

    @Test("holds everything at places that only another kind of tree has")
    func tellsKindsApart() throws {
        let strange: [(String, [ProtocolPlaces.Kind])] = [
            (#"{"choices":[{"logprobs":{"x":"4111","y":"4111"}}]}"#, [.request, .embeddings]),
            (#"{"data":[{"embedding":"4111"}]}"#, [.request, .completion]),
            (#"{"messages":[{"content":[{"image_url":{"url":"4111"}}]}]}"#, [.completion, .embeddings]),
        ]
        for (json, kinds) in strange {
            for kind in kinds { #expect(try text(json, as: kind).contains("4111"), "\(json) \(kind)") }
        }
        #expect(try text(#"{"choices":[{"finish_reason":"stop"}]}"#).contains("stop"))
    }

    @Test(
        "takes a UUID for an id, and nothing that looks like one for text",
        arguments: [
            ("de61152b-ad36-4410-b82f-cc7b185d5e06", true), ("41111111-1111-1111-1111-111111111111", false),
            ("de61152b-ad36-4410-b82f_cc7b185d5e06", false), ("de61152bxad36-4410-b82f-cc7b185d5e06", false),
        ])
    func knowsUUIDs(_ id: String, isPlain: Bool) throws {
        let document = try JSONDocument(parsing: Array(#"{"id":"\#(id)"}"#.utf8))
        let node = try #require(document.member("id", of: document.root))
        #expect(ProtocolWord.isPlain(node, in: document) == isPlain)
    }

    @Test("grows by no more than the model's name in a plain request")
    func staysShort() throws {
        let passage = try text(#"{"model":"small-1","messages":[{"role":"user","content":"Hi."}],"stream":true}"#)
        #expect(passage.utf8.count == "small-1".utf8.count + "Hi.".utf8.count + 2)
    }

    @Test(
        "refuses to redact what the protocol needs as it is",
        arguments: [
            #"{"messages":[{"tool_call_id":"CARD"}]}"#, #"{"n":CARD}"#, #"{"CARD":1}"#,
        ])
    func keepsFixedPieces(_ json: String) throws {
        let bench = try Bench()
        let document = try JSONDocument(parsing: Array(json.replacing("CARD", with: Bench.card).utf8))
        let passage = Passage(of: document, as: .request)
        let screening = bench.screener.screen(passage, side: .prompt, policy: bench.policy)
        #expect(screening.verdict == .redact)
        var edits = JSONEdits()
        #expect(!passage.redact(bench.screener.redactions, into: &edits))
    }

    @Test(
        "takes a number out of an answer's id, of which some that servers count by would pass for a card's",
        arguments: [#"{"id":"chat-CARD"}"#, #"{"id":CARD}"#], [ProtocolPlaces.Kind.completion, .embeddings])
    func redactsAnswerIDs(_ json: String, kind: ProtocolPlaces.Kind) throws {
        let bench = try Bench()
        let document = try JSONDocument(parsing: Array(json.replacing("CARD", with: Bench.card).utf8))
        let passage = Passage(of: document, as: kind)
        let screening = bench.screener.screen(passage, side: .completion, policy: bench.policy)
        #expect(screening.verdict == .redact && passage.textBytes == 0)
        var edits = JSONEdits()
        #expect(passage.redact(bench.screener.redactions, into: &edits))
        var body: [UInt8] = []
        document.serialise(into: &body, edits: edits)
        let id = json.replacing("CARD", with: "[redacted:pii.card]").replacing(":[", with: ":\"[").replacing(
            "]}", with: "]\"}")
        #expect(String(decoding: body, as: UTF8.self) == id)
    }

    @Test("counts the bytes of free text, none of it twice")
    func countsText() throws {
        func count(_ json: String) throws -> Int {
            Passage(of: try JSONDocument(parsing: Array(json.utf8)), as: .completion).textBytes
        }
        #expect(try count(#"{"id":"chatcmpl-1","choices":[{"message":{"role":"assistant","content":"Fine."}}]}"#) == 5)
        let parts = #"{"type":"text","text":"ab"},"cd",{"type":"text","text":""}"#
        #expect(try count(#"{"choices":[{"message":{"content":[\#(parts)]}}]}"#) == 4)
        let empty = [String](repeating: #"{"text":""}"#, count: 1_000).joined(separator: ",")
        #expect(try count(#"{"messages":[{"content":[\#(empty)]}]}"#) >= 0)
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
            let passage = Passage(of: try JSONDocument(parsing: Array(json.utf8)), as: .request)
            let screening = bench.screener.screen(passage, side: .prompt, policy: bench.policy)
            #expect(screening.verdict == verdict, "\(json)")
        }
    }

    /// What a key says of its value; the shipped rules have more of the kind.
    @Test("lays out what a tool is given as the JSON that a stream tells")
    func spellsInputs() throws {
        let rules = try FilterRules([
            Rule(id: "test/assigned", category: Category("secret"), pattern: #"pass["']? ?[:=] ?["']?[a-z0-9]{4,20}"#),
            Rule(id: "test/number", category: Category("number"), pattern: #""pin": [0-9]{4}\b"#),
        ])
        let policy = try FilterPolicy(rules) { _, _ in Enforcement(.redact) }
        let screener = Screener()
        for (input, rules) in [
            (#"{"pass":"abcd1234"}"#, ["test/assigned"]), (#"{"pin":1234,"a":[true,null,"b"]}"#, ["test/number"]),
            (#"{"a":[{"pass":"abcd1234"},{"pin":1234}]}"#, ["test/assigned", "test/number"]),
            (#"{"pass":["abcd1234"],"pin":"1234"}"#, []), (#"{}"#, []),
        ] {
            let json = #"{"content":[{"type":"tool_use","name":"log_in","input":\#(input)}]}"#
            let passage = Passage(
                of: try JSONDocument(parsing: Array(json.utf8)), as: Dialect.messages.traits.answerPlaces)
            let screening = screener.screen(passage, side: .completion, policy: policy)
            #expect(screening.findings.map(\.rule) == rules, "\(input)")
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
            #"{"seed":CARD.0}"#, #"{"seed":CARD00000}"#, #"{"temperature":CARD}"#, #"{"logprobs":CARD}"#,
            #"{"n":CARDe0}"#, #"{"a":CARD00e-2}"#,
        ] {
            #expect(try text(json.replacing("CARD", with: card)).contains(card), "\(json)")
        }
        for json in [
            #"{"created":CARD}"#, #"{"choices":[{"index":CARD}]}"#, #"{"usage":{"total_tokens":CARD,"x":CARDe0}}"#,
        ] {
            #expect(try text(json.replacing("CARD", with: card), as: .completion).contains(card), "\(json)")
        }
        #expect(
            try text(#"{"data":[{"index":CARD,"embedding":[CARD]}]}"#.replacing("CARD", with: card), as: .embeddings)
                .split(separator: card, omittingEmptySubsequences: false).count == 3)
        #expect(try text(#"{"a":12345678901}"#).isEmpty == text(#"{"a":1}"#).isEmpty)
        #expect(try text(#"{"seed":"\#(card)"}"#).contains(card))
        for seed in [card, "-\(card)", "18446744073709551615"] {
            #expect(try text(#"{"seed":\#(seed)}"#).isEmpty, "one in a hundred would pass for a card number")
        }
    }

    @Test("leaves measured numbers out where answers have them")
    func leavesQuantitiesOut() throws {
        let measured = ["4.111111111111111", "-0.0069292834959924", "4.111111111111111e-15"]
        for number in measured {
            #expect(try text(#"{"data":[{"embedding":[\#(number)]}]}"#, as: .embeddings).isEmpty)
            #expect(try !text(#"{"timings":{"a":\#(number)}}"#, as: .completion).contains("11111"))
        }
        #expect(try text(#"{"a":4.111111111111111}"#).contains("4111111111111111"))
    }

    @Test(
        "redacts a card however the number is written",
        arguments: [
            "4111111111111111e0", "4.111111111111111e15", "4111111111111111.0", "-411111111111111100E-2",
        ])
    func redactsWrittenNumbers(_ number: String) throws {
        let document = try JSONDocument(parsing: Array(#"{"a":\#(number)}"#.utf8))
        #expect(try redacted(document, Bench()).hasPrefix(#"{"a":"[redacted:pii.card]"#))
    }

    /// Catches a measure that is spelled without its point, as nobody reads it.
    @Test("spells a tool's input as it stands, and takes a number out as a whole")
    func spellsNumbers() throws {
        func input(_ number: String) -> String {
            #"{"content":[{"type":"tool_use","id":"t","name":"f","input":{"op":"sin","x":\#(number)}}]}"#
        }
        #expect(try text(input("1.30692544"), as: Messages.answerPlaces).contains(#"{"op": "sin", "x": 1.30692544}"#))
        // A part of a number is none.
        let filter = try FilterPolicy(
            FilterRules([Rule(id: "x", category: Category("x"), pattern: #"\b1\.[0-9]{4}"#)])
        ) { _, _ in Enforcement(.redact) }
        let document = try JSONDocument(parsing: Array(input("1.30692544").utf8))
        let screener = Screener()
        let passage = Passage(of: document, as: Messages.answerPlaces)
        _ = screener.screen(passage, side: .completion, policy: filter)
        var (edits, output) = (JSONEdits(), [UInt8]())
        #expect(passage.redact(screener.redactions, into: &edits))
        document.serialise(into: &output, edits: edits)
        #expect(String(decoding: output, as: UTF8.self) == input(#""[redacted:x]""#))
    }

    @Test("has no text of what is empty")
    func leavesEmptyOut() throws {
        let document = try JSONDocument(parsing: Array(#"{"x":["","a","","b",""]}"#.utf8))
        let passage = Passage(of: document, as: .request)
        #expect(passage.breaks.count == 3 && passage.pieces.count == 3 && passage.textBytes == 3)
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
            #"{"choices":[{"message":{"tool_calls":[{"custom":{"input":"ARGUMENTS"}}]}}]}"#,
        ] {
            let json = place.replacing("ARGUMENTS", with: #"{\"a\":\"n\\u00e4h \#(hidden)\\n\"}"#)
            let expected = place.replacing("ARGUMENTS", with: #"{\"a\":\"näh [redacted:pii.card]\\n\"}"#)
            let kind = json.contains("choices") ? ProtocolPlaces.Kind.completion : .request
            #expect(try text(json, as: kind).contains(Bench.card))
            #expect(try redacted(JSONDocument(parsing: Array(json.utf8)), bench, as: kind) == expected)
        }
    }

    /// The document as it would be sent on.
    private func redacted(
        _ document: JSONDocument, _ bench: Bench, as kind: ProtocolPlaces.Kind = .request
    ) throws -> String {
        let passage = Passage(of: document, as: kind)
        _ = bench.screener.screen(passage, side: .prompt, policy: bench.policy)
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
        let mixed = try text(#"{"messages":[{"content":["41","11 ",{"type":"text","text":"22"}]}]}"#)
        #expect(mixed.contains("4111 22"))
        let answer = try text(#"{"choices":[{"message":{"content":["41",{"text":"11"}]}}]}"#, as: .completion)
        #expect(answer.contains("4111"))
    }
}
