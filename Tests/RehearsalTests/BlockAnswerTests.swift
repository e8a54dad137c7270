import Testing

@testable import Rehearsal

/// Options and limits whose every combination is asked for.
enum Combination {
    static let options = [
        "rehearsal", "rehearsal?tokens=0", "rehearsal?tokens=1", "rehearsal?chunk=7", "rehearsal-reasoning",
        "rehearsal?reasoning=1&tokens=1", "rehearsal-echo", "rehearsal-tools", "rehearsal-tools?calls=3&reasoning=2",
        "rehearsal?violation=all&split=9", "rehearsal?violation=card&in=reasoning&split=4",
        "rehearsal-tools?violation=card&in=arguments", "rehearsal?fault=empty-choices", "rehearsal?fault=no-finish",
        "rehearsal?fault=no-usage", "rehearsal-tools?fault=empty-choices",
    ]
    static let limits: [Int?] = [nil, 1, 2, 5, 26, 100_000]
}

@Suite("Responses of the rehearsal model", .timeLimit(.minutes(10)))
struct ResponsesTests {
    private static func ask(
        _ running: RunningRehearsal, _ model: String, _ limit: Int?, stream: Bool, _ more: [(String, Value)] = []
    ) async throws -> RawAnswer {
        let limits = limit.map { [("max_output_tokens", Value.number($0))] } ?? []
        return try await Endpoint.responses.ask(
            running, model, stream: stream, limits + [("tools", WeatherTool.responses)] + more)
    }

    /// A response without what differs from one answer to the next.
    private static func timeless(_ response: Value?) -> Value {
        func without(_ names: Set<String>, _ value: Value) -> Value {
            .object((value.members ?? []).filter { !names.contains($0.name) })
        }
        let response = response ?? .null
        let output = (response["output"]?.elements ?? []).map { without(["id"], $0) }
        return without(["id", "created_at", "output"], response).with("output", .array(output))
    }

    @Test(
        "A stream's events build, in order and by number, the response that it ends with and that a whole answer is",
        arguments: Combination.options, Combination.limits)
    func streams(model: String, limit: Int?) async throws {
        try await withRehearsal { running in
            let stream = try await Self.ask(running, model, limit, stream: true)
            let events = try stream.chunks()
            #expect(stream.namedEvents.map(\.name) == events.map { $0["type"]?.text })
            #expect(events.map { $0["sequence_number"]?.integer } == Array(0..<events.count))
            var builder = ResponseBuilder()
            for event in events { try builder.take(event) }
            let last = try #require(events.last?["response"])
            #expect(last["output"]?.elements == builder.items)
            let whole = try await Self.ask(running, model, limit, stream: false).json()
            #expect(Self.timeless(last) == Self.timeless(whole))
            #expect(Set(builder.items.map { $0["id"] }).count == builder.items.count)
        }
    }

    @Test("A response says how it ended, and counts no more tokens than it may", arguments: Combination.limits)
    func ends(limit: Int?) async throws {
        try await withRehearsal { running in
            let response = try await Self.ask(running, "rehearsal?tokens=20&reasoning=10", limit, stream: false).json()
            let isCut = (limit ?? 100) < 30
            #expect(response["status"] == (isCut ? "incomplete" : "completed"))
            #expect(response["incomplete_details"] == (isCut ? ["reason": "max_output_tokens"] : .null))
            #expect(response["usage"]?["output_tokens"]?.integer == min(limit ?? 30, 30))
            #expect(response["usage"]?["output_tokens_details"]?["reasoning_tokens"]?.integer == min(limit ?? 10, 10))
            #expect(response["max_output_tokens"]?.integer == limit)
        }
    }

    @Test("A response that fails says so whole and in a stream, after its tokens", arguments: [nil, 429])
    func fails(status: Int?) async throws {
        try await withRehearsal { running in
            let options = "fault=failed; after=3" + (status.map { "; error=\($0)" } ?? "")
            for stream in [false, true] {
                let answer = try await Endpoint.responses.ask(running, "rehearsal", stream: stream, options: options)
                let response = stream ? try answer.chunks().last?["response"] : try answer.json()
                #expect(response?["status"] == "failed")
                #expect(response?["error"]?["code"] == (status == nil ? "server_error" : "rate_limit_exceeded"))
                guard stream else { continue }
                #expect(answer.namedEvents.map(\.name).suffix(2) == ["response.output_text.delta", "response.failed"])
                #expect(answer.namedEvents.count { $0.name == "response.output_text.delta" } == 3)
            }
        }
    }

    @Test("A stream without its end ends after the last token")
    func endsEarly() async throws {
        try await withRehearsal { running in
            let answer = try await Endpoint.responses.ask(running, "rehearsal?fault=no-done", stream: true)
            #expect(answer.namedEvents.last?.name == "response.output_text.delta")
        }
    }

    @Test("Log probabilities are those of the text's tokens", arguments: [false, true])
    func logprobs(stream: Bool) async throws {
        try await withRehearsal { running in
            let more: [(String, Value)] = [("include", ["message.output_text.logprobs"]), ("top_logprobs", 2)]
            let answer = try await Self.ask(running, "rehearsal-reasoning", 40, stream: stream, more)
            let response = stream ? try answer.chunks().last?["response"] : try answer.json()
            let part = response?["output"]?.elements?.last?["content"]?.elements?.first
            let entries = part?["logprobs"]?.elements ?? []
            #expect(entries.compactMap { $0["token"]?.text }.joined() == part?["text"]?.text && !entries.isEmpty)
            guard stream else { return }
            let deltas = try answer.chunks().filter { $0["type"] == "response.output_text.delta" }
            #expect(deltas.flatMap { $0["logprobs"]?.elements ?? [] } == entries)
        }
    }

    @Test("Items of every kind are read, and what they say changes the answer")
    func readsItems() async throws {
        try await withRehearsal { running in
            func text(_ output: String) async throws -> String? {
                let items: Value = [
                    ["role": "developer", "content": "Be brief."],
                    ["type": "message", "role": "user", "content": [["type": "input_text", "text": "Hm"]]],
                    ["type": "reasoning", "id": "rs_1", "summary": []],
                    ["type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"],
                    ["type": "function_call_output", "call_id": "c", "output": .string(output)],
                ]
                let response = try await Self.ask(running, "rehearsal", nil, stream: false, [("input", items)]).json()
                return response["output"]?.elements?.first?["content"]?.elements?.first?["text"]?.text
            }
            let rain = try await text("rain")
            #expect(try await text("rain") == rain && rain?.isEmpty == false)
            #expect(try await text("sun") != rain)
        }
    }
}

/// Builds a response's items from events as a client does, and checks that each event may come where it does.
private struct ResponseBuilder {
    private(set) var items: [Value] = []
    private var begun = 0
    private var item: Value?
    private var id: Value?
    private var text = ""
    /// Of the parts of the item: how far its building is.
    private var step = 0
    private var isOver = false

    /// For each kind of item, the events between `output_item.added` and `output_item.done`; the second may repeat.
    private static let steps = [
        "message": ["content_part.added", "output_text.delta", "output_text.done", "content_part.done"],
        "reasoning": [
            "reasoning_summary_part.added", "reasoning_summary_text.delta", "reasoning_summary_text.done",
            "reasoning_summary_part.done",
        ],
        "function_call": ["", "function_call_arguments.delta", "function_call_arguments.done", ""],
    ]

    mutating func take(_ event: Value) throws {
        #expect(!isOver)
        let type = String((event["type"]?.text ?? "").dropFirst("response.".count))
        switch type {
        case "created", "in_progress":
            #expect(begun == (type == "created" ? 0 : 1) && event["response"]?["output"] == [])
            #expect(event["response"]?["status"] == "in_progress" && event["response"]?["usage"] == .null)
            begun += 1
        case "output_item.added":
            #expect(begun == 2 && item == nil && event["output_index"]?.integer == items.count)
            item = event["item"]
            id = item?["id"]
            (text, step) = ("", 0)
            #expect(item?["type"] == "reasoning" || item?["status"] == "in_progress")
            if item?["type"] == "function_call" { step = 1 }
        case "output_item.done":
            let done = try #require(event["item"])
            #expect(done["id"] == id && done["type"] == item?["type"] && event["output_index"]?.integer == items.count)
            let parts = (done["content"] ?? done["summary"])?.elements
            #expect(parts?.first?["text"]?.text ?? done["arguments"]?.text == text)
            #expect(step == (item?["type"] == "function_call" ? 3 : 4))
            items.append(done)
            item = nil
        case "completed", "incomplete":
            #expect(begun == 2 && item == nil)
            #expect(event["response"]?["status"] == .null || event["response"]?["status"]?.text == type)
            isOver = true
        default: try takePart(type, event)
        }
    }

    private mutating func takePart(_ type: String, _ event: Value) throws {
        let kind = try #require(item?["type"]?.text)
        let steps = try #require(Self.steps[kind])
        #expect(event["item_id"] == id && event["output_index"]?.integer == items.count)
        #expect(kind == "function_call" || (event["content_index"] ?? event["summary_index"]) == 0)
        let index = try #require(steps.firstIndex(of: type))
        #expect(index == step || index == 1 && step == 1 || index == 2 && step == 1)
        step = index == 1 ? 1 : index + 1
        if index == 1 { text += event["delta"]?.text ?? "" }
        if index >= 2 { #expect((event["text"] ?? event["arguments"] ?? event["part"]?["text"])?.text == text) }
    }
}
