/// An answer of Anthropic's Messages: content blocks, and the events that build them.
///
/// Source: anthropic-sdk-python, `types/raw_*_event.py`.
struct MessagesAnswer: BlockAnswer {
    let asked: Asked
    let completion: Completion
    let blocks: [Completion.Block]
    private let id: String

    init(_ asked: Asked, id: String) {
        self.asked = asked
        self.id = id
        completion = Completion(asked)
        blocks = asked.behaviour.fault == .emptyChoices ? [] : completion.blocks
    }

    // MARK: Whole

    var whole: AnswerBody {
        .json(message(blocks.indices.map { block($0, isDone: true) }, isDone: true))
    }

    private func message(_ content: [Value], isDone: Bool) -> Value {
        let stop = isDone ? self.stop : [:]
        let start: Value = [
            "id": .string("msg_" + id), "type": "message", "role": "assistant", "model": .string(asked.model),
            "content": .array(content), "stop_reason": stop["stop_reason"] ?? .null,
            "stop_sequence": stop["stop_sequence"] ?? .null,
        ]
        return asked.behaviour.fault == .noUsage ? start : start.with("usage", usage(isDone ? tokenCount : 0))
    }

    /// Why the answer ends, as a message and its `message_delta` say it.
    private var stop: Value {
        guard asked.behaviour.fault != .noFinish else { return ["stop_reason": .null, "stop_sequence": .null] }
        let isCut = completion.finishReason == "length"
        let sequence = isCut ? nil : completion.stopSequence
        let other: Value = isCut ? "max_tokens" : completion.calls.isEmpty ? "end_turn" : "tool_use"
        return [
            "stop_reason": sequence == nil ? other : "stop_sequence",
            "stop_sequence": sequence.map(Value.string) ?? .null,
        ]
    }

    private func usage(_ outputTokens: Int) -> Value {
        [
            "input_tokens": .number(asked.promptTokens), "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0, "output_tokens": .number(outputTokens),
        ]
    }

    /// A content block as it is first told, or as it is in the end.
    private func block(_ index: Int, isDone: Bool) -> Value {
        let text = isDone ? completion.text(of: blocks[index]) : ""
        switch blocks[index] {
        case .reasoning:
            return ["type": "thinking", "thinking": .string(text), "signature": isDone ? signature : ""]
        case .content: return ["type": "text", "text": .string(text)]
        case .call(let place):
            let call = completion.calls[place]
            // Arguments that a limit cut off are no JSON, and a whole answer has no place for such.
            let input = try? Value(parsing: Array(text.utf8))
            return [
                "type": "tool_use", "id": .string("toolu_" + call.id.dropFirst("call_".count)),
                "name": .string(call.name), "input": input ?? [:],
            ]
        }
    }

    /// What would let the real server recognise its own thinking.
    private var signature: Value { .string("rehearsal-" + id) }

    // MARK: In a stream

    private static func event(_ type: String, _ members: Value = [:]) -> Event {
        Event(value: .object([.init(name: "type", value: .string(type))] + (members.members ?? [])))
    }

    private static func delta(_ index: Int, _ delta: Value) -> Event {
        event("content_block_delta", ["index": .number(index), "delta": delta])
    }

    func opening() -> [Event] {
        [Self.event("message_start", ["message": message([], isDone: false)])]
    }

    func open(_ index: Int) -> [Event] {
        let start = Self.event(
            "content_block_start", ["index": .number(index), "content_block": block(index, isDone: false)])
        // Before the first piece the real server pings.
        return (index == 0 ? [Self.event("ping")] : []) + [start]
    }

    func piece(_ text: String, of index: Int, at _: Int) -> Value {
        let delta: Value =
            switch blocks[index] {
            case .reasoning: ["type": "thinking_delta", "thinking": .string(text)]
            case .content: ["type": "text_delta", "text": .string(text)]
            case .call: ["type": "input_json_delta", "partial_json": .string(text)]
            }
        return Self.delta(index, delta).value
    }

    func close(_ index: Int) -> [Event] {
        let isThinking = blocks[index] == .reasoning
        return (isThinking ? [Self.delta(index, ["type": "signature_delta", "signature": signature])] : [])
            + [Self.event("content_block_stop", ["index": .number(index)])]
    }

    func ending() -> [Event] {
        let members: Value = ["delta": stop]
        let hasUsage = asked.behaviour.fault != .noUsage
        return [
            Self.event("message_delta", hasUsage ? members.with("usage", usage(tokenCount)) : members),
            Self.event("message_stop"),
        ]
    }
}
