import JSON
import Testing

@testable import Gateway

@Suite("Whole answers of a server that can't be trusted")
struct WithheldAnswerTests {
    private func tree(_ json: String, _ dialect: Dialect = .chatCompletions) throws -> CompletionTree {
        CompletionTree(dialect: dialect, document: try JSONDocument(parsing: Array(json.utf8)))
    }

    @Test(
        "are refused when they are no completion",
        arguments: [
            #"[]"#, #""text""#, #"{}"#, #"{"choices":null}"#, #"{"choices":{"0":{}}}"#, #"{"choices":[1]}"#,
            #"{"choices":[{},"text"]}"#, #"{"choices":[[]]}"#, #"{"choices":[null]}"#,
            #"{"choices":[],"error":{"message":"x"}}"#,
            #"{"choices":[{}\#(String(repeating: ",{}", count: 128))]}"#,
        ], [Dialect.chatCompletions, .completions])
    func refuses(_ json: String, _ dialect: Dialect) throws {
        let tree = try tree(json, dialect)
        #expect(throws: UpstreamFailure.self) { try tree.check(choicesExpected: 2) }
    }

    @Test("are taken with no choices, or as many as were asked for")
    func takes() throws {
        try tree(#"{"choices":[],"error":null}"#).check(choicesExpected: 1)
        try tree(#"{"choices":[{}\#(String(repeating: ",{}", count: 199))]}"#).check(choicesExpected: 200)
        try tree(#"{"data":[]}"#, .embeddings).check(choicesExpected: 0)
    }

    @Test("leave nothing but numbers and words of the protocol when they are withheld")
    func withholdsEverything() throws {
        let answer = #"""
            {"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"secret model",
             "system_fingerprint":"secret","note":"secret","choices":[
              {"index":1,"message":{"role":"assistant","content":"secret","tool_calls":[{"id":"secret"}]},
               "logprobs":{"content":[{"token":"secret"}]},"finish_reason":"secret","stop_reason":"secret"},
              {"index":0,"message":{"role":"assistant","content":"secret"},"secret":1}],
             "usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7,"note":"secret"}}
            """#
        let withheld = String(decoding: try #require(try tree(answer).withheld(model: "small")), as: UTF8.self)
        let choice =
            #""message":{"role":"assistant","content":"","refusal":null},"logprobs":null,"#
            + #""finish_reason":"content_filter"}"#
        #expect(
            withheld == #"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"small","#
                + #""choices":[{"index":1,\#(choice),{"index":0,\#(choice)],"#
                + #""usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#)
    }

    @Test("of the older dialect are withheld in its own shape, without words that are none")
    func withholdsCompletions() throws {
        let answer = #"{"id":"a secret","object":["secret"],"created":4000000000000002,"choices":[{"text":"secret"}]}"#
        let body = try #require(try tree(answer, .completions).withheld(model: "m"))
        let withheld = String(decoding: body, as: UTF8.self)
        #expect(
            withheld
                == #"{"model":"m","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"content_filter"}]}"#)
    }
}
