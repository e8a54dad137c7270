import Testing

@testable import Rehearsal

@Suite("Answers of the rehearsal model", .timeLimit(.minutes(10)))
struct AnswerTests {
    static let streams: [(String, Value)] = [("stream", true), ("stream_options", ["include_usage": true])]

    /// A streamed chat's body, with usage.
    static func streamedChat(_ model: String, _ text: String = "How do ferries turn?", _ more: [(String, Value)] = [])
        -> String
    {
        let message: Value = ["role": "user", "content": .string(text)]
        let body: Value = ["model": .string(model), "messages": [message]]
        let whole = (streams + more).reduce(body) { $0.with($1.0, $1.1) }
        return String(decoding: whole.encoded, as: UTF8.self)
    }

    @Test(
        "A stream says what the whole answer says, choice by choice, and counts alike", arguments: Behaviour.names,
        [1, 3])
    func streamsEqualWholes(model: String, n: Int) async throws {
        try await withRehearsal { running in
            let model = model == "rehearsal-slow" ? model + "?ttft=1ms&rate=10000" : model
            let plain = try await RawClient.post(running.port, chatPath, chat(model, "Hm", ("n", .number(n))))
            let answer = try plain.json()
            let stream = try await RawClient.post(
                running.port, chatPath, Self.streamedChat(model, "Hm", [("n", .number(n))]))
            let chunks = try stream.chunks()
            #expect(stream.header("content-type")?.hasPrefix("text/event-stream") == true)
            #expect(stream.events.last == "[DONE]")
            #expect(Set(chunks.map { $0["id"] }).count == 1 && Set(chunks.map { $0["created"] }).count == 1)
            #expect(chunks.last?["choices"] == [] && chunks.last?["usage"] == answer["usage"])
            #expect(chunks.dropLast().allSatisfy { $0["usage"] == .null })
            for index in 0..<n {
                let choice = try #require(answer["choices"]?.elements?[index])
                let own = chunks.compactMap { $0["choices"]?.elements?.first }.filter { $0["index"]?.integer == index }
                #expect(streamed(chunks, choice: index) == choice["message"]?["content"]?.text)
                #expect(
                    streamed(chunks, choice: index, "reasoning_content")
                        == choice["message"]?["reasoning_content"]?.text ?? "")
                #expect(own.first?["delta"]?["role"] == "assistant" && own.first?["delta"]?["content"] == "")
                #expect(own.dropLast().allSatisfy { $0["finish_reason"] == .null })
                #expect(own.last?["finish_reason"] == choice["finish_reason"] && own.last?["delta"] == [:])
            }
        }
    }

    @Test("The same prompt gets the same text from any server, another prompt another, and it says that it is no model")
    func deterministic() async throws {
        func content(_ text: String, _ seed: Int = 0) async throws -> String {
            try await withRehearsal { running in
                let body = chat("rehearsal", text, ("seed", .number(seed)))
                let answer = try await RawClient.post(running.port, chatPath, body).json()
                return answer["choices"]?.elements?.first?["message"]?["content"]?.text ?? ""
            }
        }
        let first = try await content("one")
        #expect(first.contains("not a language model"))
        #expect(try await content("one") == first)
        #expect(try await content("two") != first)
        #expect(try await content("one", 5) != first)
    }

    @Test("Usage comes in a stream only if it is asked for")
    func noUsageUnasked() async throws {
        try await withRehearsal { running in
            let answer = try await RawClient.post(running.port, chatPath, chat("rehearsal", "x", ("stream", true)))
            #expect(try answer.chunks().allSatisfy { $0["usage"] == nil && $0["choices"] != [] })
        }
    }

    @Test(
        "The echo gives every text back, escapes and all",
        arguments: ["", "a\"b\\c\n\u{1}", "é 👩‍👩‍👧 \u{2028}", "{\"a\":1}"])
    func echoes(text: String) async throws {
        try await withRehearsal { running in
            let answer = try await RawClient.post(
                running.port, chatPath, Self.streamedChat("rehearsal-echo?chunk=1", text))
            let chunks = try answer.chunks()
            #expect(streamed(chunks) == text)
            #expect(chunks.count == text.unicodeScalars.count + 3)
        }
    }

    @Test(
        "A token limit cuts with reason length, at the limit and not above it",
        arguments: ["max_tokens", "max_completion_tokens"], [0, 1, 7, 100_000])
    func limits(name: String, limit: Int) async throws {
        try await withRehearsal { running in
            let body = Self.streamedChat("rehearsal?tokens=50", "x", [(name, .number(limit))])
            let chunks = try await RawClient.post(running.port, chatPath, body).chunks()
            let finish = chunks.dropLast().last?["choices"]?.elements?.first?["finish_reason"]?.text
            #expect(chunks.last?["usage"]?["completion_tokens"]?.integer == min(50, limit))
            #expect(finish == (limit < 50 ? "length" : "stop"))
        }
    }

    @Test("A stop sequence ends the text before it, though it lies across tokens")
    func stops() async throws {
        try await withRehearsal { running in
            let body = chat("rehearsal-echo", "one two three", ("stop", ["zzz", "wo th"]))
            let choice = try await RawClient.post(running.port, chatPath, body).json()["choices"]?.elements?.first
            #expect(choice?["message"]?["content"] == "one t" && choice?["finish_reason"] == "stop")
        }
    }

    static let tools: Value = [
        [
            "type": "function",
            "function": [
                "name": "weather",
                "parameters": [
                    "type": "object", "properties": ["city": ["type": "string"], "days": ["type": "integer"]],
                ],
            ],
        ]
    ]

    @Test(
        "A tool is called when the choice or the model asks, in pieces that join to valid arguments",
        arguments: [
            ("rehearsal", "required", "tool_calls"), ("rehearsal-tools", "auto", "tool_calls"),
            ("rehearsal-tools?calls=3", "auto", "tool_calls"), ("rehearsal", "named", "stop"),
            ("rehearsal-tools", "none", nil), ("rehearsal", "auto", nil),
        ])
    func callsTools(model: String, choice: String, finish: String?) async throws {
        try await withRehearsal { running in
            let named: Value = ["type": "function", "function": ["name": "weather"]]
            let more: [(String, Value)] = [
                ("tools", Self.tools), ("tool_choice", choice == "named" ? named : .string(choice)),
            ]
            let chunks = try await RawClient.post(running.port, chatPath, Self.streamedChat(model, "x", more)).chunks()
            let parts = chunks.flatMap { $0["choices"]?.elements ?? [] }
                .flatMap { $0["delta"]?["tool_calls"]?.elements ?? [] }
            guard let finish else {
                #expect(parts.isEmpty)
                return
            }
            let starts = parts.filter { $0["id"] != nil }
            #expect(
                starts.count == (model.hasSuffix("3") ? 3 : 1) && Set(starts.map { $0["id"] }).count == starts.count)
            for index in starts.indices {
                let own = parts.filter { $0["index"]?.integer == index }
                let arguments = own.compactMap { $0["function"]?["arguments"]?.text }.joined()
                let value = try Value(parsing: Array(arguments.utf8))
                #expect(own.count > 3 && value["city"]?.text != nil && value["days"]?.integer != nil)
            }
            #expect(chunks.dropLast().last?["choices"]?.elements?.first?["finish_reason"]?.text == finish)
            #expect(streamed(chunks) == "")
        }
    }

    @Test(
        "A violation is split over as many events as asked for, wherever it stands",
        arguments: ["content", "reasoning", "arguments"], [1, 5, 16])
    func splits(place: String, split: Int) async throws {
        try await withRehearsal { running in
            let model = "rehearsal-violating?violation=card&in=\(place)&split=\(split)"
            let more: [(String, Value)] =
                place == "arguments" ? [("tools", Self.tools), ("tool_choice", "required")] : []
            let chunks = try await RawClient.post(running.port, chatPath, Self.streamedChat(model, "x", more)).chunks()
            let deltas = chunks.flatMap { $0["choices"]?.elements ?? [] }.compactMap { $0["delta"] }
            let pieces = deltas.compactMap { delta in
                delta["reasoning_content"]?.text ?? delta["content"]?.text
                    ?? delta["tool_calls"]?.elements?.first?["function"]?["arguments"]?.text
            }
            let digits = pieces.filter { $0.contains(where: \.isNumber) }
            if place != "arguments" { #expect(digits.count == split) }
            #expect(digits.joined().filter(\.isNumber).count >= 16)
        }
    }

    @Test("Log probabilities join to the text, in chat's shape and in completions'")
    func logprobs() async throws {
        try await withRehearsal { running in
            let body = chat("rehearsal", "x", ("logprobs", true), ("top_logprobs", 4))
            let choice = try await RawClient.post(running.port, chatPath, body).json()["choices"]?.elements?.first
            let entries = try #require(choice?["logprobs"]?["content"]?.elements)
            let bytes = entries.flatMap { $0["bytes"]?.elements ?? [] }.compactMap { $0.integer.map { UInt8($0) } }
            #expect(String(decoding: bytes, as: UTF8.self) == choice?["message"]?["content"]?.text)
            for entry in entries {
                let tops = entry["top_logprobs"]?.elements ?? []
                #expect(tops.count == 4 && tops.first?["logprob"] == entry["logprob"])
                #expect((entry["logprob"]?.double ?? 1) < 0)
            }
            let legacy = #"{"model":"rehearsal","prompt":"é1","echo":true,"logprobs":2,"max_tokens":9,"stream":true}"#
            let chunks = try await RawClient.post(running.port, "/v1/completions", legacy).chunks()
            let text = Array(streamed(chunks).unicodeScalars)
            let logprobs = chunks.compactMap { $0["choices"]?.elements?.first?["logprobs"]?.unlessNull }
            #expect(logprobs.count == 9)
            for item in logprobs {
                let token = Array((item["tokens"]?.elements?.first?.text ?? "").unicodeScalars)
                let offset = item["text_offset"]?.elements?.first?.integer ?? -1
                #expect(Array(text[offset..<offset + token.count]) == token)
            }
        }
    }

    @Test("Structured formats are answered by JSON that fits")
    func formats() async throws {
        try await withRehearsal { running in
            let schema: Value = [
                "type": "object", "properties": ["a": ["type": "array", "items": ["type": "number"]]],
            ]
            let format: Value = ["type": "json_schema", "json_schema": ["name": "x", "schema": schema]]
            for format in [format, ["type": "json_object"]] {
                let body = chat("rehearsal", "x", ("response_format", format))
                let choice = try await RawClient.post(running.port, chatPath, body).json()["choices"]?.elements?.first
                let value = try Value(parsing: Array((choice?["message"]?["content"]?.text ?? "").utf8))
                #expect(ComposingTests.satisfies(value, schema, schema))
            }
        }
    }

    @Test(
        "Embeddings have unit length and the dimensions asked for, and Base64 holds the same numbers",
        arguments: [1, 3, 256])
    func embeddings(dimensions: Int) async throws {
        let vector = Embedding.vector("the old clock", dimensions: dimensions)
        #expect(vector.count == dimensions)
        #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-4)
        let text = Embedding.base64(vector)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var bits = text.compactMap { alphabet.firstIndex(of: $0) }.flatMap { six in (0..<6).map { six >> (5 - $0) & 1 }
        }[...]
        var bytes: [UInt8] = []
        while bits.count >= 8 {
            bytes.append(bits.prefix(8).reduce(0) { $0 << 1 | UInt8($1) })
            bits = bits.dropFirst(8)
        }
        let numbers = stride(from: 0, to: bytes.count, by: 4).map { start in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << ($1 * 8) })
        }
        #expect(numbers == vector && text.count.isMultiple(of: 4))
        func product(_ left: String, _ right: String) -> Float {
            zip(Embedding.vector(left, dimensions: 256), Embedding.vector(right, dimensions: 256)).reduce(0) {
                $0 + $1.0 * $1.1
            }
        }
        #expect(product("a red boat", "a red kite") > product("a red boat", "slow northern wind"))
    }

    @Test("Models name themselves as rehearsals, and unknown ones are not found")
    func models() async throws {
        try await withRehearsal { running in
            let end = " HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            let list = try await RawClient.exchange(running.port, "GET /v1/models" + end).json()["data"]?.elements ?? []
            #expect(list.compactMap { $0["id"]?.text } == Behaviour.names)
            #expect(list.allSatisfy { $0["owned_by"] == "steward-rehearsal" })
            #expect(try await RawClient.exchange(running.port, "GET /v1/models/rehearsal-echo" + end).status == 200)
            #expect(try await RawClient.exchange(running.port, "GET /v1/models/x" + end).status == 404)
            #expect(try await RawClient.exchange(running.port, "GET /health" + end).status == 200)
            let unknown = try await RawClient.post(running.port, chatPath, chat("gpt"))
            #expect(unknown.status == 404)
            #expect(try unknown.json()["error"]?["code"] == "model_not_found")
        }
    }

    @Test(
        "A request that can't be read is told which part",
        arguments: [
            ("{", nil), ("[]", nil), (#"{"messages":[]}"#, "model"),
            (#"{"model":"rehearsal","messages":[]}"#, "messages"),
            (#"{"model":"rehearsal","messages":[{"role":"user","content":""}],"n":0}"#, "n"),
            (#"{"model":"rehearsal","model":"x","messages":[]}"#, nil),
        ])
    func complains(body: String, param: String?) async throws {
        try await withRehearsal { running in
            let answer = try await RawClient.post(running.port, chatPath, body)
            #expect(answer.status == 400)
            #expect(try answer.json()["error"]?["param"]?.text == param)
        }
    }
}
