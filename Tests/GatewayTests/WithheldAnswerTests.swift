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
        let numbers = try JSONDocument(parsing: Array(#"{"data":[]}"#.utf8))
        try Dialect.embeddings.answer(numbers).check(choicesExpected: 0)
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
        let withheld = String(
            decoding: try #require(try tree(answer).withheld(model: "small") { _ in true }), as: UTF8.self)
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
        let body = try #require(try tree(answer, .completions).withheld(model: "m") { _ in true })
        let withheld = String(decoding: body, as: UTF8.self)
        #expect(
            withheld
                == #"{"model":"m","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"content_filter"}]}"#)
    }

    @Test("keep no id that may not leave, and no long number, when they are withheld")
    func withholdsIDs() throws {
        let answer =
            #"{"id":"AKIAIOSFODNN7EXAMPLZ","created":4.111111111111111e15,"choices":[{"index":4111111111111111}]}"#
        let body = try #require(try tree(answer, .completions).withheld(model: "m") { _ in false })
        let choice = #"{"index":0,"text":"","logprobs":null,"finish_reason":"content_filter"}"#
        #expect(String(decoding: body, as: UTF8.self) == #"{"model":"m","choices":[\#(choice)]}"#)
    }

    /// The choice's log-probabilities as they leave.
    private func logProbabilities(_ json: String, beside said: String) throws -> String {
        let tree = try tree(#"{"choices":[{\#(said),"logprobs":\#(json)}]}"#)
        var edits = JSONEdits()
        tree.dropStrangeLogProbabilities(besides: &edits)
        var output: [UInt8] = []
        tree.document.serialise(into: &output, edits: edits)
        let text = String(decoding: output, as: UTF8.self)
        return String(text.dropFirst(#"{"choices":[{\#(said),"logprobs":"#.count).dropLast(3))
    }

    @Test(
        "keep log-probabilities that spell what they say",
        arguments: [
            #"{"content":[{"token":"Fi","logprob":-0.25,"bytes":[70,105],"top_logprobs":[]},{"token":"ne."}]}"#,
            #"{"content":[{"token":"Fine.","logprob":-12.345678901234567,"bytes":null}],"refusal":null}"#,
            #"{"content":[{"token":"Fine.","top_logprobs":[{"token":"Good","logprob":-9999.0,"bytes":[71,111,111,100]}]}]}"#,
            #"{"content":null,"refusal":null}"#, #"{"content":[]}"#, "null",
        ])
    func keepsLogProbabilities(_ json: String) throws {
        #expect(try logProbabilities(json, beside: #""message":{"content":"Fine."}"#) == json)
    }

    @Test(
        "lose log-probabilities that spell anything else, or have room for it",
        arguments: [
            #"{"content":[{"token":"4111111111111111","logprob":0}]}"#, #"{"x":"Fine."}"#, #""Fine.""#, "[7]",
            #"{"content":[{"token":"Fine.","note":"secret"}]}"#, #"{"content":[{"token":"Fine."},{"logprob":0}]}"#,
            #"{"content":[{"token":"Fine.","logprob":4111111111111111}]}"#, #"{"content":["Fine."]}"#,
            #"{"content":[{"token":"Fine.","logprob":"secret"}]}"#, #"{"refusal":[{"token":"Fine."}]}"#,
            #"{"content":[{"token":"Fine.","bytes":[52,49,49,49,49]}]}"#,
            #"{"content":[{"token":"Fine.","bytes":"secret"}]}"#, #"{"content":{"token":"Fine."}}"#,
            #"{"content":[{"token":"Fine.","top_logprobs":[{"token":"41111111"}]}]}"#,
            #"{"content":[{"token":"Fine.","top_logprobs":[{"token":"a","bytes":[52,49]}]}]}"#,
            #"{"content":[{"token":"Fine.","top_logprobs":[{"token":"a","top_logprobs":[]}]}]}"#,
            #"{"content":[{"token":"Fine.","top_logprobs":[{"token":"\#(String(repeating: "a", count: 65))"}]}]}"#,
        ])
    func dropsLogProbabilities(_ json: String) throws {
        #expect(try logProbabilities(json, beside: #""message":{"content":"Fine."}"#) == "null")
    }

    @Test("of the older dialect keep or lose log-probabilities by the same rules")
    func dropsOlderLogProbabilities() throws {
        let said = #""text":"Fine.""#
        for kept in [
            #"{"tokens":["Fi","ne."],"token_logprobs":[null,-0.5],"top_logprobs":[null,{"x":-1.5}],"text_offset":[0,2]}"#,
            #"{"tokens":["Fine."],"token_logprobs":null,"top_logprobs":null}"#,
        ] {
            #expect(try logProbabilities(kept, beside: said) == kept)
        }
        for lost in [
            #"{"tokens":["4111111111111111"]}"#, #"{"tokens":["Fine."],"note":"secret"}"#, #"{"tokens":[["Fine."]]}"#,
            #"{"tokens":["Fine."],"top_logprobs":[{"4111111111111111":-1}]}"#,
            #"{"tokens":["Fine."],"top_logprobs":[{"a":"secret"}]}"#,
            #"{"tokens":["Fine."],"text_offset":[4111111111111111]}"#,
            #"{"tokens":["Fine."],"token_logprobs":["secret"]}"#,
        ] {
            #expect(try logProbabilities(lost, beside: said) == "null", "\(lost)")
        }
    }
}
