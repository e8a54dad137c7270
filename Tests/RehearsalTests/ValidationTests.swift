import Testing

@testable import Rehearsal

@Suite("Requests that a real server would refuse", .timeLimit(.minutes(10)))
struct ValidationTests {
    /// Members that are wrong, and what the complaint names.
    struct Wrong: Sendable, CustomTestStringConvertible {
        let endpoint: Endpoint
        let name: String
        let value: Value
        let named: String

        init(_ endpoint: Endpoint, _ name: String, _ value: Value, _ named: String? = nil) {
            self.endpoint = endpoint
            self.name = name
            self.value = value
            self.named = named ?? name
        }

        var testDescription: String { "\(endpoint): \(named)" }
    }

    private static let turn: Value = ["role": "user", "content": "Hm"]

    static let responses = [
        Wrong(.responses, "input", .null), Wrong(.responses, "input", []), Wrong(.responses, "input", 5),
        Wrong(.responses, "input", [["content": "x"]], "input[0].type"),
        Wrong(.responses, "input", [turn, ["role": "nobody", "content": "x"]], "input[1].role"),
        Wrong(.responses, "input", [["role": "user"]], "input[0].content"),
        Wrong(.responses, "input", [["type": "function_call", "name": "a"]], "input[0].call_id"),
        Wrong(.responses, "input", [["type": "function_call_output", "output": ""]], "input[0].call_id"),
        Wrong(.responses, "input", [["type": "function_call_output", "call_id": "c"]], "input[0].output"),
        Wrong(.responses, "max_output_tokens", 0), Wrong(.responses, "max_output_tokens", "many"),
        Wrong(.responses, "instructions", []), Wrong(.responses, "tools", [["name": "x"]], "tools[0].type"),
        Wrong(.responses, "tools", [["type": "function"]], "tools[0].name"),
        Wrong(.responses, "tool_choice", ["type": "function", "name": "x"]),
        Wrong(.responses, "text", ["format": ["type": "yaml"]], "text.format.type"),
        Wrong(.responses, "text", ["format": ["type": "json_schema"]], "text.format.schema"),
        Wrong(.chat, "response_format", ["type": "json_schema"], "response_format.json_schema.schema"),
        Wrong(.responses, "previous_response_id", "resp_1"), Wrong(.responses, "background", true),
    ]

    static let messages = [
        Wrong(.messages, "messages", []), Wrong(.messages, "messages", "Hm"), Wrong(.messages, "max_tokens", .null),
        Wrong(.messages, "max_tokens", 0), Wrong(.messages, "max_tokens", true),
        Wrong(.messages, "messages", [["role": "system", "content": "x"]], "messages.0.role"),
        Wrong(.messages, "messages", [turn, ["role": "user"]], "messages.1.content"),
        Wrong(.messages, "messages", [["role": "user", "content": [["text": "x"]]]], "messages.0.content.0.type"),
        Wrong(.messages, "messages", [["role": "user", "content": [["type": "x"]]]], "messages.0.content.0"),
        Wrong(
            .messages, "messages", [["role": "user", "content": [["type": "tool_result"]]]],
            "messages.0.content.0.tool_result.tool_use_id"),
        Wrong(.messages, "system", 5),
        Wrong(.messages, "tools", [["input_schema": ["type": "object"]]], "tools.0.name"),
        Wrong(.messages, "tools", [["name": "x"]], "tools.0.input_schema"),
        Wrong(.messages, "tool_choice", ["type": "any"]), Wrong(.messages, "stop_sequences", "x"),
        Wrong(.messages, "tool_choice", ["type": "tool", "name": "x"], "tool_choice.name"),
        Wrong(.messages, "thinking", ["type": "enabled", "budget_tokens": 1_023], "thinking.budget_tokens"),
        Wrong(.messages, "thinking", ["type": "enabled", "budget_tokens": 100_000], "thinking.budget_tokens"),
        Wrong(.messages, "thinking", [:], "thinking.type"), Wrong(.countTokens, "messages", []),
    ]

    static let media = [
        Wrong(.transcriptions, "response_format", "diarized_json"), Wrong(.transcriptions, "temperature", "2"),
        Wrong(.transcriptions, "stream", "maybe"), Wrong(.images, "prompt", ""), Wrong(.images, "prompt", .null),
        Wrong(.images, "prompt", .string(String(repeating: "x", count: 32_001))), Wrong(.images, "n", 11),
        Wrong(.images, "size", "large"), Wrong(.images, "size", "10x0"), Wrong(.images, "size", "1x2x3"),
        Wrong(.images, "response_format", "file"), Wrong(.images, "output_format", "webp"),
        Wrong(.images, "stream", true),
    ]

    @Test("A wrong member is told by its name, in the dialect's shape", arguments: responses + messages + media)
    func members(wrong: Wrong) async throws {
        try await withRehearsal { running in
            let answer = try await wrong.endpoint.ask(running, "rehearsal", [(wrong.name, wrong.value)])
            let error = try answer.json()
            #expect(answer.status == 400)
            if wrong.endpoint.isAnthropic {
                #expect(error["type"] == "error" && error["error"]?["type"] == "invalid_request_error")
                #expect(error["error"]?["message"]?.text?.hasPrefix(wrong.named) == true, "\(error)")
            } else {
                #expect(error["error"]?["param"]?.text == wrong.named)
            }
            #expect(try await wrong.endpoint.ask(running, "rehearsal").status == 200)
        }
    }

    @Test("A file that is empty, of another kind or none at all is refused, and so are streams of subtitles")
    func files() async throws {
        try await withRehearsal { running in
            let good = Endpoint.form([("model", "rehearsal")])
            // The end mark has 28 characters, of which two are line ends.
            let sound = good.firstRange(of: "\u{1}sound").map { good[$0.lowerBound...].dropLast(28) } ?? ""
            for (there, instead) in [("a.wav", "a.txt"), ("filename=", "other="), (String(sound), "")] {
                let bad = good.replacing(there, with: instead)
                #expect(bad != good)
                let answer = try await RawClient.post(
                    running.port, Endpoint.transcriptions.rawValue, bad, type: MultipartFormTests.type)
                #expect(answer.status == 400)
                #expect(try answer.json()["error"]?["param"] == "file")
            }
            for format in ["srt", "vtt", "verbose_json"] {
                let more = [("response_format", Value.string(format))]
                let answer = try await Endpoint.transcriptions.ask(running, "rehearsal", stream: true, more)
                #expect(answer.status == 400)
            }
        }
    }

    @Test(
        "Unknown models and options, broken JSON and bodies that are too large are told in the dialect's shape",
        arguments: Endpoint.allCases)
    func shapes(endpoint: Endpoint) async throws {
        try await withRehearsal(RehearsalConfiguration(bodyBytesMax: 20_000)) { running in
            let end = "connection: close\r\n"
            let broken = RawClient.request(endpoint.rawValue, "{", headers: end)
            let large = RawClient.request(endpoint.rawValue, String(repeating: "x", count: 30_000), headers: end)
            let types: [(String, Int, String)] = [
                (endpoint.request("nobody", headers: end), 404, "not_found_error"),
                (endpoint.request("rehearsal?x=1", headers: end), 400, "invalid_request_error"),
                (broken, 400, "invalid_request_error"), (large, 413, "request_too_large"),
            ]
            for (request, status, type) in types {
                let answer = try await RawClient.exchange(running.port, request)
                let error = try answer.json()
                #expect(answer.status == status)
                #expect((error["type"] == "error") == endpoint.isAnthropic && error["error"]?["message"] != nil)
                if endpoint.isAnthropic { #expect(error["error"]?["type"]?.text == type) }
            }
        }
    }

    @Test("The times of more words than fit into the memory are refused, and their plain text isn't")
    func manyWords() async throws {
        try await withRehearsal { running in
            let words = [("timestamp_granularities[]", Value.string("word"))]
            for (format, status) in [("verbose_json", 400), ("text", 200)] {
                let answer = try await Endpoint.transcriptions.ask(
                    running, "rehearsal?tokens=600000", [("response_format", .string(format))] + words)
                #expect(answer.status == status)
            }
        }
    }

    @Test(
        "What would not fit into the memory is refused before it is composed, also in streams that repeat their text",
        arguments: [
            (Endpoint.responses, true), (.responses, false), (.messages, false), (.transcriptions, true),
            (.transcriptions, false), (.images, false),
        ])
    func tooLarge(endpoint: Endpoint, stream: Bool) async throws {
        try await withRehearsal { running in
            let options = "fault=huge; bytes=1073741824"
            let answer = try await endpoint.ask(running, "rehearsal", stream: stream, options: options)
            #expect(answer.status == 400)
            #expect(try answer.json()["error"]?["message"]?.text?.contains("too large") == true)
        }
    }
}
