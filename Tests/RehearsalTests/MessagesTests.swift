import Testing

@testable import Rehearsal

@Suite("Messages of the rehearsal model", .timeLimit(.minutes(10)))
struct MessagesTests {
    private static func ask(
        _ running: RunningRehearsal, _ model: String, _ limit: Int?, stream: Bool, _ more: [(String, Value)] = []
    ) async throws -> RawAnswer {
        let limits = limit.map { [("max_tokens", Value.number($0))] } ?? []
        return try await Endpoint.messages.ask(
            running, model, stream: stream, limits + [("tools", WeatherTool.messages)] + more)
    }

    @Test(
        "A stream's events build, in order, the message that a whole answer is", arguments: Combination.options,
        Combination.limits)
    func streams(model: String, limit: Int?) async throws {
        try await withRehearsal { running in
            let stream = try await Self.ask(running, model, limit, stream: true)
            let events = try stream.chunks()
            #expect(stream.namedEvents.map(\.name) == events.map { $0["type"]?.text })
            var builder = MessageBuilder()
            for event in events { try builder.take(event) }
            #expect(builder.isOver)
            let whole = try await Self.ask(running, model, limit, stream: false).json()
            for name in ["stop_reason", "stop_sequence", "model", "role", "type"] {
                #expect(builder.message[name] == whole[name])
            }
            #expect(builder.usage == whole["usage"])
            #expect(builder.content == (whole["content"]?.elements ?? []).map(MessageBuilder.comparable))
        }
    }

    @Test(
        "A message says why it stopped",
        arguments: [
            ("rehearsal?tokens=9", 9, "end_turn", nil), ("rehearsal?tokens=9", 8, "max_tokens", nil),
            ("rehearsal-tools", 1_000, "tool_use", nil), ("rehearsal-echo", 1_000, "stop_sequence", " turn"),
            ("rehearsal-echo", 1, "max_tokens", nil),
        ])
    func stops(model: String, limit: Int, reason: String, sequence: String?) async throws {
        try await withRehearsal { running in
            let more: [(String, Value)] = [("stop_sequences", ["zzz", " turn"])]
            let message = try await Self.ask(running, model, limit, stream: false, more).json()
            #expect(message["stop_reason"]?.text == reason && message["stop_sequence"]?.text == sequence)
            if sequence != nil { #expect(message["content"]?.elements?.first?["text"] == "How do ferries") }
        }
    }

    @Test(
        "Thinking comes when it is asked for, signed",
        arguments: [
            (["type": "enabled", "budget_tokens": 1_024], true), (["type": "adaptive"], true),
            (["type": "disabled"], false),
        ] as [(Value, Bool)])
    func thinks(thinking: Value, expected: Bool) async throws {
        try await withRehearsal { running in
            let message = try await Self.ask(running, "rehearsal", 5_000, stream: false, [("thinking", thinking)])
                .json()
            let types = message["content"]?.elements?.compactMap { $0["type"]?.text }
            #expect(types == (expected ? ["thinking", "text"] : ["text"]))
            #expect(message["content"]?.elements?.first?["signature"]?.text?.isEmpty == (expected ? false : nil))
        }
    }

    @Test("Tokens are counted as the answer counts them, and need no limit")
    func counts() async throws {
        try await withRehearsal { running in
            let more: [(String, Value)] = [
                ("system", [["type": "text", "text": "Be brief."]]), ("tools", WeatherTool.messages),
            ]
            let count = try await Endpoint.countTokens.ask(running, "rehearsal", more).json()
            let answer = try await Endpoint.messages.ask(running, "rehearsal", more).json()
            #expect(count["input_tokens"] == answer["usage"]?["input_tokens"])
            #expect((count["input_tokens"]?.integer ?? 0) > 10 && count.members?.count == 1)
        }
    }

    @Test("Blocks of every kind are read, and what they say changes the answer")
    func readsBlocks() async throws {
        try await withRehearsal { running in
            func text(_ result: String) async throws -> String? {
                let use: Value = ["type": "tool_use", "id": "t", "name": "weather", "input": ["city": "Ulm"]]
                let thought: Value = ["type": "thinking", "thinking": "Hm", "signature": "s"]
                let image: Value = ["type": "image", "source": ["type": "url", "url": "https://example.com/a.png"]]
                let output: Value = [["type": "text", "text": .string(result)]]
                let tool: Value = ["type": "tool_result", "tool_use_id": "t", "content": output]
                let messages: Value = [
                    ["role": "user", "content": "Hm"], ["role": "assistant", "content": [thought, use]],
                    ["role": "user", "content": [tool, image]],
                ]
                let message = try await Self.ask(running, "rehearsal", nil, stream: false, [("messages", messages)])
                    .json()
                return message["content"]?.elements?.first?["text"]?.text
            }
            let rain = try await text("rain")
            #expect(try await text("rain") == rain && rain?.contains("Image parts seen: 1.") == true)
            #expect(try await text("sun") != rain)
        }
    }

    @Test("A stream without its end ends after the last token")
    func endsEarly() async throws {
        try await withRehearsal { running in
            let answer = try await Endpoint.messages.ask(running, "rehearsal?fault=no-done", stream: true)
            #expect(answer.namedEvents.last?.name == "content_block_delta")
        }
    }
}

/// Builds a message from events as a client does, and checks that each event may come where it does.
private struct MessageBuilder {
    private(set) var message = Value.null
    private(set) var content: [Value] = []
    private(set) var usage: Value?
    private(set) var isOver = false
    private var block: Value?
    private var text = ""
    private var signature: String?
    private var hasPinged = false
    private var stop: Value?

    mutating func take(_ event: Value) throws {
        #expect(!isOver)
        let type = event["type"]?.text
        if type != "message_start" { #expect(message != .null) }
        switch type {
        case "message_start":
            #expect(message == .null)
            message = try #require(event["message"])
            #expect(message["content"] == [] && message["stop_reason"] == .null)
            #expect(message["usage"]?["output_tokens"] == (message["usage"] == nil ? nil : 0))
        case "ping": hasPinged = true
        case "content_block_start":
            #expect(block == nil && hasPinged && stop == nil && event["index"]?.integer == content.count)
            block = event["content_block"]
            (text, signature) = ("", nil)
            #expect((block?["text"] ?? block?["thinking"])?.text ?? "" == "" && block?["input"] ?? [:] == [:])
        case "content_block_delta": try takeDelta(event)
        case "content_block_stop":
            #expect(event["index"]?.integer == content.count)
            let built = try #require(block)
            #expect((built["type"] == "thinking") == (signature != nil))
            content.append(Self.built(built, text))
            block = nil
        case "message_delta":
            #expect(block == nil && stop == nil)
            let delta = try #require(event["delta"])
            (stop, usage) = (delta, event["usage"])
            message = .object((message.members ?? []).filter { delta[$0.name] == nil } + (delta.members ?? []))
        case "message_stop":
            #expect(stop != nil)
            isOver = true
        default: Issue.record("There is no event \(type ?? "without a type").")
        }
    }

    private mutating func takeDelta(_ event: Value) throws {
        let delta = try #require(event["delta"])
        #expect(event["index"]?.integer == content.count && signature == nil)
        switch (block?["type"]?.text, delta["type"]?.text) {
        case ("text", "text_delta"): text += delta["text"]?.text ?? ""
        case ("tool_use", "input_json_delta"): text += delta["partial_json"]?.text ?? ""
        case ("thinking", "thinking_delta"): text += delta["thinking"]?.text ?? ""
        case ("thinking", "signature_delta"): signature = delta["signature"]?.text
        case (let block, let delta): Issue.record("\(delta ?? "") in \(block ?? "no block")")
        }
    }

    /// A block by its type, its name and its text; an input that is no whole JSON as an empty one.
    private static func built(_ block: Value, _ text: String) -> Value {
        guard block["type"] == "tool_use" else { return ["type": block["type"] ?? .null, "text": .string(text)] }
        let input = try? Value(parsing: Array(text.utf8))
        return ["type": "tool_use", "name": block["name"] ?? .null, "input": input ?? [:]]
    }

    /// A whole block, to compare with a built one.
    static func comparable(_ block: Value) -> Value {
        let text = String(decoding: (block["input"] ?? [:]).encoded, as: UTF8.self)
        return built(block, (block["text"] ?? block["thinking"])?.text ?? text)
    }
}
