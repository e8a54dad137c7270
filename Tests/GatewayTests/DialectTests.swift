import Filtering
import JSON
import Testing

@testable import Gateway

@Suite("What each dialect's requests hold besides text")
struct DialectRequestTests {
    static let cases: [(Dialect, String, [Unscreenable])] = [
        (.responses, #"{"input":"x"}"#, []),
        (.responses, #"{"input":[{"role":"user","content":"x"}],"store":false}"#, []),
        (.responses, #"{"input":[{"role":"user","content":[{"type":"input_text","text":"x"}]}]}"#, []),
        (.responses, #"{"input":"x","previous_response_id":"resp_1"}"#, [.storedText]),
        (.responses, #"{"input":"x","conversation":"conv_1"}"#, [.storedText]),
        (.responses, #"{"input":"x","prompt":{"id":"p"}}"#, [.storedText]),
        (.responses, #"{"input":"x","store":true}"#, [.storedText]),
        (.responses, #"{"input":"x","background":true}"#, [.storedText]),
        (.responses, #"{"input":[{"type":"item_reference","id":"x"}]}"#, [.storedText]),
        (.responses, #"{"input":"x","tools":[{"type":"function","name":"f"}]}"#, []),
        (.responses, #"{"input":"x","tools":[{"type":"web_search"}]}"#, [.hostedTools]),
        (
            .responses,
            #"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AA"}]}]}"#,
            [.images]
        ),
        (
            .responses, #"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://x"}]}]}"#,
            [.remoteImages]
        ),
        (.responses, #"{"input":[{"role":"user","content":[{"type":"input_image","file_id":"f"}]}]}"#, [.files]),
        (
            .responses, #"{"input":[{"role":"user","content":[{"type":"input_text","text":"x","file_url":"y"}]}]}"#,
            [.files]
        ),
        (.responses, #"{"input":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]}"#, [.audio]),
        (.responses, #"{"input":[{"type":"function_call_output","call_id":"c","output":"x"}]}"#, []),
        (
            .responses,
            #"{"input":[{"type":"computer_call_output","output":{"type":"computer_screenshot","image_url":"data:,"}}]}"#,
            [.images]
        ),
        (.responses, #"{"input":[{"type":"image_generation_call","result":"AA"}]}"#, [.images]),
        (.messages, #"{"messages":[{"role":"user","content":"x"}],"max_tokens":5}"#, []),
        (
            .messages,
            #"{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"system":[{"type":"text","text":"y"}]}"#,
            []
        ),
        (
            .messages,
            #"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}]}]}"#,
            [.images]
        ),
        (
            .messages,
            #"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x"}}]}]}"#,
            [.remoteImages]
        ),
        (
            .messages,
            #"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"text","data":"x"}}]}]}"#,
            [.files]
        ),
        (
            .messages,
            #"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"x"}}]}]}"#,
            [.files]
        ),
        (
            .messages,
            #"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"}}]}]}"#,
            []
        ),
        (
            .messages,
            #"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","data":"AA"}}]}]}"#,
            [.files]
        ),
        (
            .messages,
            #"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"url"}}]}}]}]}"#,
            [.remoteImages]
        ),
        (
            .messages,
            #"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"base64","data":"AA"}}]}]}]}"#,
            [.images]
        ),
        (
            .messages,
            #"{"messages":[{"role":"user","content":[{"type":"search_result","source":"https://x","title":"t","content":[{"type":"text","text":"x"}]}]}]}"#,
            []
        ),
        (.messages, #"{"messages":[{"role":"user","content":[{"type":"container_upload","file_id":"f"}]}]}"#, [.files]),
        (
            .messages,
            #"{"messages":[{"role":"assistant","content":[{"type":"redacted_thinking","data":"EuYB_-+/="}]}]}"#, []
        ),
        (
            .messages,
            #"{"messages":[{"role":"assistant","content":[{"type":"redacted_thinking","data":"two words"}]}]}"#,
            [.files]
        ),
        (
            .messages, #"{"messages":[{"role":"assistant","content":[{"type":"redacted_thinking","data":7}]}]}"#,
            [.files]
        ),
        (.messages, #"{"messages":[{"role":"user","content":"x"}],"tools":[{"name":"f","input_schema":{}}]}"#, []),
        (
            .messages,
            #"{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"bash_20250124","name":"bash"}]}"#, []
        ),
        (
            .messages,
            #"{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"web_search_20250305","name":"w"}]}"#,
            [.hostedTools]
        ),
        (.messages, #"{"messages":[{"role":"user","content":"x"}],"mcp_servers":[]}"#, [.hostedTools]),
        (
            .tokenCounts, #"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url"}}]}]}"#,
            [.remoteImages]
        ),
        (.images, #"{"prompt":"x","n":2}"#, [.images]),
        (.transcriptions, #"{"response_format":"srt"}"#, [.audio]),
    ]

    private func facts(_ dialect: Dialect, _ json: String) throws -> RequestFacts {
        let body = #"{"model":"m""# + (json == "{}" ? "}" : "," + json.dropFirst())
        return try dialect.facts(of: try JSONDocument(parsing: Array(body.utf8)), settings: DialectSettings())
    }

    @Test("is told", arguments: cases)
    func tells(_ dialect: Dialect, _ json: String, _ expected: [Unscreenable]) throws {
        #expect(try facts(dialect, json).unscreenable.map(\.what) == expected)
    }

    @Test(
        "is refused when it makes no sense",
        arguments: [
            (Dialect.responses, "{}"), (.responses, #"{"input":1}"#), (.responses, #"{"input":[]}"#),
            (.responses, #"{"input":["x"]}"#), (.responses, #"{"input":[{"content":"x"}]}"#),
            (.responses, #"{"input":"x","store":"yes"}"#), (.responses, #"{"input":"x","max_output_tokens":0}"#),
            (.responses, #"{"input":"x","Input":"y"}"#), (.messages, "{}"), (.messages, #"{"messages":[]}"#),
            (.responses, #"{"input":[{"role":"user","content":[{"type":[],"text":"x"}]}]}"#),
            (.chatCompletions, #"{"messages":[{"role":"user","content":[{"type":7,"text":"x"}]}]}"#),
            (.chatCompletions, #"{"messages":[{"role":"user","content":[7]}]}"#),
            (.chatCompletions, #"{"messages":[{"role":"user","content":[["x"]]}]}"#),
            (.messages, #"{"messages":[1]}"#), (.messages, #"{"messages":[{"content":"x"}]}"#),
            (.messages, #"{"messages":[{"role":"user","content":"x"}],"max_tokens":-1}"#),
            (.messages, #"{"messages":[{"role":"user","content":"x"}],"stream":1}"#),
            (.tokenCounts, #"{"messages":"x"}"#), (.images, "{}"), (.images, #"{"prompt":""}"#),
            (.images, #"{"prompt":"x","n":11}"#), (.images, #"{"prompt":"x","stream":true}"#),
            (.transcriptions, #"{"response_format":"pdf"}"#), (.transcriptions, #"{"stream":"maybe"}"#),
        ])
    func refuses(_ dialect: Dialect, _ json: String) throws {
        #expect(throws: PathExit.self) { try facts(dialect, json) }
    }

    @Test("keeps base 64 of an image out of the text, and nothing else that looks like it")
    func skipsData() throws {
        let pixels = String(repeating: "iVBORw0KGgo", count: 8) + "="
        let image = #"{"type":"image","source":{"type":"base64","data":"\#(pixels)"}}"#
        let text = #"{"type":"document","source":{"type":"text","data":"iVBORw0KGgo"}}"#
        let json = #"{"model":"m","messages":[{"role":"user","content":[\#(image),\#(text)]}]}"#
        let document = try JSONDocument(parsing: Array(json.utf8))
        let facts = try Dialect.messages.facts(of: document, settings: DialectSettings())
        let passage = Passage(of: document, as: Dialect.messages.traits.requestPlaces, skipping: facts.data)
        let all = String(decoding: passage.bytes, as: UTF8.self)
        #expect(!all.contains(pixels) && all.contains("iVBORw0KGgo"))
    }
}

@Suite("Whole answers of each dialect")
struct DialectAnswerTests {
    private func document(_ json: String) throws -> JSONDocument { try JSONDocument(parsing: Array(json.utf8)) }

    @Test(
        "are refused when they are none",
        arguments: [
            (Dialect.responses, "{}"), (.responses, #"{"output":{}}"#), (.responses, #"{"output":["x"]}"#),
            (.responses, #"{"output":[],"error":{"message":"x"}}"#), (.messages, "{}"),
            (.messages, #"{"content":"x"}"#),
            (.messages, #"{"type":"error","error":{"type":"api_error"}}"#), (.messages, #"{"content":[1]}"#),
            (.tokenCounts, "{}"), (.tokenCounts, #"{"input_tokens":-1}"#), (.images, "{}"), (.images, #"{"data":{}}"#),
            (.transcriptions, "{}"), (.transcriptions, "[]"), (.embeddings, #"{"error":{}}"#),
        ])
    func refuses(_ dialect: Dialect, _ json: String) throws {
        let tree = dialect.answer(try document(json))
        #expect(throws: UpstreamFailure.self) { try tree.check(choicesExpected: 1) }
    }

    @Test(
        "tell what was used",
        arguments: [
            (Dialect.responses, #"{"usage":{"input_tokens":3,"output_tokens":4}}"#, 3, 4),
            (.messages, #"{"usage":{"input_tokens":3,"cache_read_input_tokens":2,"output_tokens":4}}"#, 5, 4),
            (.images, #"{"usage":{"input_tokens":3,"output_tokens":4}}"#, 3, 4),
            (.tokenCounts, #"{"input_tokens":9}"#, 0, 0),
        ])
    func usage(_ dialect: Dialect, _ json: String, _ input: Int, _ output: Int) throws {
        let usage = try #require(dialect.answer(try document(json)).usage)
        #expect(usage.input == input && usage.output == output)
    }

    @Test("say nothing when they are withheld")
    func withholds() throws {
        let response =
            #"{"id":"resp_1","created_at":5,"instructions":"secret","output":[{"type":"message","content":"secret"}]}"#
        let body = try #require(Dialect.responses.answer(try document(response)).withheld(model: "m") { _ in true })
        let text = String(decoding: body, as: UTF8.self)
        #expect(text.hasPrefix(#"{"id":"resp_1","object":"response","created_at":5,"status":"incomplete","#))
        #expect(text.contains(#""incomplete_details":{"reason":"content_filter"}"#) && !text.contains("secret"))
        let message =
            #"{"id":"msg 1","content":[{"type":"text","text":"secret"}],"usage":{"input_tokens":3,"output_tokens":4}}"#
        let withheld = Dialect.messages.answer(try document(message)).withheld(model: "m") { _ in true }
        #expect(
            String(decoding: try #require(withheld), as: UTF8.self)
                == #"{"type":"message","role":"assistant","model":"m","content":[],"stop_reason":"refusal","#
                + #""stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":4}}"#)
        for dialect in [Dialect.images, .transcriptions, .embeddings, .tokenCounts] {
            #expect(dialect.answer(try document("{}")).withheld(model: "m") { _ in true } == nil)
        }
    }

    static let spellings = [
        (
            Dialect.responses,
            #"{"output":[{"content":[{"text":"ab","logprobs":[{"token":"a","logprob":-1},{"token":"b","logprob":-1}]}]}]}"#
        ),
        (.transcriptions, #"{"text":"ab","logprobs":[{"token":"ab","logprob":-1}]}"#),
    ]

    @Test("keep log-probabilities while they spell the text, and only then", arguments: spellings)
    func keepsSpellings(_ dialect: Dialect, _ json: String) throws {
        func left(_ json: String, isRedacted: Bool) throws -> String {
            let document = try document(json)
            var edits = JSONEdits()
            dialect.answer(document).dropSpellings(isRedacted: isRedacted, besides: &edits)
            var output: [UInt8] = []
            document.serialise(into: &output, edits: edits)
            return String(decoding: output, as: UTF8.self)
        }
        #expect(try left(json, isRedacted: false) == json)
        #expect(try left(json, isRedacted: true).contains(#""logprobs":[]"#))
        #expect(
            try left(json.replacing(#""text":"ab""#, with: #""text":"ac""#), isRedacted: false).contains(
                #""logprobs":[]"#))
    }

    @Test(
        "hold every text that could hide a number",
        arguments: [
            (Dialect.responses, #"{"output":[{"content":[{"text":"CARD"}]}]}"#),
            (.responses, #"{"output":[{"type":"function_call","arguments":"{\"a\":\"CARD\"}"}]}"#),
            (.responses, #"{"output":[{"type":"reasoning","summary":[{"text":"CARD"}]}]}"#),
            (.responses, #"{"output":[{"encrypted_content":"CARD."}]}"#), (.responses, #"{"id":"CARD"}"#),
            (.responses, #"{"metadata":{"a":"CARD"}}"#), (.responses, #"{"status":"CARD"}"#),
            (.messages, #"{"content":[{"type":"text","text":"CARD"}]}"#),
            (.messages, #"{"content":[{"type":"tool_use","input":{"a":"CARD"}}]}"#),
            (.messages, #"{"content":[{"type":"tool_use","input":{"a":CARD}}]}"#),
            (.messages, #"{"content":[{"type":"thinking","thinking":"CARD"}]}"#),
            (.messages, #"{"stop_sequence":"CARD"}"#), (.images, #"{"data":[{"revised_prompt":"CARD"}]}"#),
            (.images, #"{"data":[{"url":"https://x/CARD"}]}"#), (.transcriptions, #"{"segments":[{"text":"CARD"}]}"#),
            (.transcriptions, #""1\n00:00 CARD""#),
        ])
    func screens(_ dialect: Dialect, _ json: String) throws {
        let document = try document(json.replacing("CARD", with: Bench.card))
        let passage = Passage(of: document, as: dialect.traits.answerPlaces)
        #expect(String(decoding: passage.bytes, as: UTF8.self).contains(Bench.card))
    }
}
