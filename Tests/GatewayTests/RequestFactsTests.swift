import JSON
import Testing

@testable import Gateway

@Suite("What the gateway reads in a request")
struct RequestFactsTests {
    private func facts(_ json: String, _ dialect: Dialect = .chatCompletions) throws -> RequestFacts {
        try dialect.facts(of: try JSONDocument(parsing: Array(json.utf8)), settings: DialectSettings())
    }

    /// What of one content part can't be screened.
    private func unscreenable(_ part: String) throws -> [Unscreenable] {
        let facts = try facts(
            #"{"model":"m","messages":[{"role":"user","content":["one",\#(part)]}]}"#)
        #expect(facts.unscreenable.allSatisfy { $0.param == "messages[0].content[1]" })
        return facts.unscreenable.map(\.what)
    }

    @Test("numbers dialects in their order, so that tables by number need no look-up")
    func numbersDialects() {
        #expect(Dialect.allCases.map(\.index) == Array(Dialect.allCases.indices))
    }

    @Test(
        "takes a content part for text only if it has nothing but the members of text",
        arguments: [
            (#""two""#, []), (#"{"type":"text","text":"two"}"#, []), (#"{"text":"two"}"#, []),
            (#"{"type":"refusal","refusal":"no"}"#, []),
            (#"{"type":"text","text":"two","cache_control":{"type":"ephemeral"}}"#, []),
            (#"{"type":"text","text":"two","image_url":null}"#, []),
            (#"{"image_embeds":"QUJD"}"#, [.files]), (#"{"image_pil":"QUJD"}"#, [.files]),
            (#"{"type":"text","text":"two","uuid":"a"}"#, [.files]),
            (#"{"type":"text","text":"two","uuid":"a","image_embeds":"QUJD"}"#, [.files, .files]),
            (#"{"type":"text","image_url":{"url":"data:image/png;base64,QUJD"}}"#, [.images]),
            (#"{"type":"image_url","image_url":{"url":"https://example.com"}}"#, [.remoteImages]),
            (#"{"image_url":"https://example.com"}"#, [.remoteImages]),
            (#"{"type":"input_audio","input_audio":{"data":"QUJD"}}"#, [.audio]),
            (#"{"type":"audio_url","audio_url":{"url":"QUJD"}}"#, [.audio]),
            (#"{"type":"file","file":{"file_data":"QUJD"}}"#, [.files]),
            (#"{"video_url":{"url":"QUJD"}}"#, [.files]), (#"{"type":"thing","text":"two"}"#, [.files]),
            ("{}", []),
        ] as [(String, [Unscreenable])])
    func tellsTextFromOthers(_ part: String, _ expected: [Unscreenable]) throws {
        #expect(try unscreenable(part) == expected)
    }

    @Test(
        "takes lists of strings and of token numbers, and nothing that is neither",
        arguments: ["[[]]", "[7,\"a\"]", "[1.5]", "[-1]", "[4294967296]", "[[7],[\"a\"]]", "[null]", "[{}]", "[[[7]]]"])
    func refusesOtherLists(_ list: String) throws {
        for (name, dialect) in [("input", Dialect.embeddings), ("prompt", .completions)] {
            let exit = #expect(throws: PathExit.self) { try facts(#"{"model":"m","\#(name)":\#(list)}"#, dialect) }
            guard case .refused(let refusal) = exit, case .invalidField(let param, _) = refusal.reason else {
                Issue.record("\(String(describing: exit))")
                continue
            }
            #expect(param == name)
            for taken in [#"["a","b"]"#, "[7,0,4294967295]", #"[[7],"a",[8,9]]"#] {
                _ = try facts(#"{"model":"m","\#(name)":\#(taken)}"#, dialect)
            }
        }
    }

    @Test("counts tokens as one text, and texts up to a bound that it names", arguments: ["input", "prompt"])
    func countsTexts(_ name: String) throws {
        let dialect = name == "input" ? Dialect.embeddings : .completions
        func array(_ element: String, _ count: Int) -> String {
            #"{"model":"m","\#(name)":[\#([String](repeating: element, count: count).joined(separator: ","))]}"#
        }
        #expect(try facts(array(#""a""#, 4_096), dialect).unscreenable.isEmpty)
        let tokens = try facts(array("7", 5_000), dialect)
        #expect(tokens.unscreenable.map(\.what) == [.tokens])
        #expect(tokens.choices == (name == "input" ? 0 : 1))
        for hostile in [array(#""a""#, 4_097), array("[7]", 4_097), array("7", 0)] {
            let exit = #expect(throws: PathExit.self) { try facts(hostile, dialect) }
            guard case .refused(let refusal) = exit, case .invalidField(let param, let problem) = refusal.reason
            else { return #expect(Bool(false), "\(String(describing: exit))") }
            #expect(param == name)
            #expect(problem.contains("4096"))
        }
    }

    @Test("refuses an end user that is no string", arguments: ["user", "safety_identifier"])
    func checksEndUsers(_ name: String) throws {
        let start = #"{"model":"m","messages":[{"role":"user","content":"Hi."}],"\#(name)":"#
        _ = try facts(start + #""somebody"}"#)
        _ = try facts(start + "null}")
        #expect(throws: PathExit.self) { try facts(start + "7}") }
    }

    @Test("refuses an end user of Anthropic's API that is no string", arguments: [Dialect.messages, .tokenCounts])
    func checksAnthropicEndUsers(_ dialect: Dialect) throws {
        let start = #"{"model":"m","messages":[{"role":"user","content":"Hi."}],"metadata":"#
        for right in [#"{"user_id":"somebody"}"#, #"{"user_id":null}"#, "{}", "null"] {
            _ = try facts(start + right + "}", dialect)
        }
        for wrong in [#"{"user_id":7}"#, #"{"user_id":{}}"#, "7", #""somebody""#, "[]"] {
            #expect(throws: PathExit.self) { try facts(start + wrong + "}", dialect) }
        }
    }

    /// Servers that take one part for a list of it would get an image that nobody looked for.
    @Test(
        "reads a part that stands alone as a part, or refuses it",
        arguments: [
            (.chatCompletions, #""messages":[{"role":"user","content":PART}]"#, nil),
            (.messages, #""messages":[{"role":"user","content":PART}]"#, nil),
            (.tokenCounts, #""messages":[{"role":"user","content":PART}]"#, nil),
            (.messages, #""messages":[{"role":"user","content":"a"}],"system":PART"#, "system.source"),
            (
                .messages, #""messages":[{"role":"user","content":[{"type":"tool_result","content":PART}]}]"#,
                "messages[0].content[0].content.source"
            ),
            (.responses, #""input":[{"role":"user","content":PART}]"#, "input[0].content"),
        ] as [(Dialect, String, String?)])
    func readsLonePart(_ dialect: Dialect, _ members: String, _ place: String?) throws {
        let part = #"{"type":"image","source":{"type":"base64","data":"QUJD"}}"#
        let request = #"{"model":"m",\#(members.replacing("PART", with: part))}"#
        guard let place else {
            #expect(throws: PathExit.self) { try facts(request, dialect) }
            return
        }
        #expect(try facts(request, dialect).unscreenable.contains { $0.param == place })
    }

    @Test(
        "refuses an item whose type is no string, which could pass for a message", arguments: ["7", "{}", "[]", "true"])
    func checksItemTypes(_ type: String) throws {
        let start = #"{"model":"m","input":[{"role":"user","content":"Hi.","type":"#
        _ = try facts(start + "null}]}", .responses)
        #expect(throws: PathExit.self) { try facts(start + type + "}]}", .responses) }
    }
}
