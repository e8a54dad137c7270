/// An answer of OpenAI's Responses: output items, and the events that build them.
///
/// Source: openai-python, `types/responses`.
struct ResponsesAnswer: BlockAnswer {
    private enum Stage { case begun, ended, failed(Complaint) }

    let asked: Asked
    let completion: Completion
    let blocks: [Completion.Block]
    private let id: String
    /// Seconds since 1970.
    private let created: Int

    init(_ asked: Asked, id: String, created: Int) {
        self.asked = asked
        self.id = id
        self.created = created
        completion = Completion(asked)
        blocks = asked.behaviour.fault == .emptyChoices ? [] : completion.blocks
    }

    private var isCut: Bool { completion.finishReason == "length" }

    // MARK: Whole

    var whole: AnswerBody {
        let fails = asked.behaviour.fault == .failed
        return .json(response(fails ? .failed(Complaint(rehearsedBy: asked.behaviour)) : .ended))
    }

    private func response(_ stage: Stage) -> Value {
        var status: Value = "in_progress"
        var error = Value.null
        var details = Value.null
        var output: [Value] = []
        var usage = Value.null
        switch stage {
        case .begun: break
        case .ended:
            status = asked.behaviour.fault == .noFinish ? .null : isCut ? "incomplete" : "completed"
            if isCut { details = ["reason": "max_output_tokens"] }
            output = blocks.indices.map { item($0, isDone: true) }
            if asked.behaviour.fault != .noUsage { usage = self.usage }
        case .failed(let complaint):
            status = "failed"
            let code = asked.behaviour.errorCode ?? (complaint.status == 429 ? "rate_limit_exceeded" : "server_error")
            error = ["code": .string(code), "message": .string(complaint.message)]
        }
        return [
            "id": .string("resp_" + id), "object": "response", "created_at": .number(created), "status": status,
            "background": false, "error": error, "incomplete_details": details,
            "instructions": repeated("instructions"), "max_output_tokens": repeated("max_output_tokens"),
            "model": .string(asked.model), "output": .array(output),
            "parallel_tool_calls": repeated("parallel_tool_calls", else: true), "previous_response_id": .null,
            "reasoning": repeated("reasoning", else: ["effort": .null, "summary": .null]), "store": false,
            "temperature": repeated("temperature", else: 1),
            "text": repeated("text", else: ["format": ["type": "text"]]),
            "tool_choice": repeated("tool_choice", else: "auto"), "tools": repeated("tools", else: []),
            "top_p": repeated("top_p", else: 1), "truncation": "disabled", "usage": usage,
            "metadata": repeated("metadata", else: [:]),
        ]
    }

    /// What a response repeats of its request.
    private func repeated(_ name: String, else standard: Value = .null) -> Value {
        asked.request[name]?.unlessNull ?? standard
    }

    private var usage: Value {
        [
            "input_tokens": .number(asked.promptTokens),
            "input_tokens_details": ["cached_tokens": 0, "cache_write_tokens": 0],
            "output_tokens": .number(tokenCount),
            "output_tokens_details": ["reasoning_tokens": .number(completion.reasoning.count)],
            "total_tokens": .number(asked.promptTokens + tokenCount),
        ]
    }

    private func itemID(_ block: Int) -> String {
        let prefix =
            switch blocks[block] {
            case .reasoning: "rs_"
            case .content: "msg_"
            case .call: "fc_"
            }
        return prefix + id + String(block, radix: 16)
    }

    /// An output item as it is first told, or as it is in the end.
    private func item(_ block: Int, isDone: Bool) -> Value {
        let isLast = block == blocks.count - 1
        let status: Value = !isDone ? "in_progress" : isCut && isLast ? "incomplete" : "completed"
        let text = isDone ? completion.text(of: blocks[block]) : ""
        let id = Value.string(itemID(block))
        switch blocks[block] {
        case .reasoning:
            return ["id": id, "type": "reasoning", "summary": isDone ? [Self.summary(text)] : []]
        case .content:
            let content: Value = isDone ? [part(text, logprobs: allLogprobs)] : []
            return ["id": id, "type": "message", "status": status, "role": "assistant", "content": content]
        case .call(let place):
            let call = completion.calls[place]
            return [
                "id": id, "type": "function_call", "status": status, "call_id": .string(call.id),
                "name": .string(call.name), "arguments": .string(text),
            ]
        }
    }

    private static func summary(_ text: String) -> Value {
        ["type": "summary_text", "text": .string(text)]
    }

    private func part(_ text: String, logprobs: [Value]) -> Value {
        ["type": "output_text", "text": .string(text), "annotations": [], "logprobs": .array(logprobs)]
    }

    private var allLogprobs: [Value] {
        asked.logprobs == nil ? [] : (0..<completion.contentCount).flatMap { logprobs(completion.piece($0), at: $0) }
    }

    /// - Parameter place: of the token in the content.
    private func logprobs(_ token: String, at place: Int) -> [Value] {
        asked.logprobs.map { [LogProbabilities(seed: completion.seed, alternatives: $0).chat(token, at: place)] } ?? []
    }

    // MARK: In a stream

    private func event(_ type: String, _ members: Value = [:]) -> Value {
        .object([.init(name: "type", value: .string("response." + type))] + (members.members ?? []))
    }

    /// An event about an item, and about a part of it, which is always the first.
    private func event(_ type: String, of block: Int, _ members: Value, part: String? = nil) -> Value {
        var event = event(type, ["item_id": .string(itemID(block)), "output_index": .number(block)])
        if let part { event = event.with(part, 0) }
        return .object((event.members ?? []) + (members.members ?? []))
    }

    private func itemEvent(_ type: String, _ block: Int, isDone: Bool) -> Value {
        event(type, ["output_index": .number(block), "item": item(block, isDone: isDone)])
    }

    func opening() -> [Event] {
        ["created", "in_progress"].map { Event(value: event($0, ["response": response(.begun)])) }
    }

    func open(_ block: Int) -> [Event] {
        var events = [itemEvent("output_item.added", block, isDone: false)]
        switch blocks[block] {
        case .reasoning:
            events.append(
                event("reasoning_summary_part.added", of: block, ["part": Self.summary("")], part: "summary_index"))
        case .content:
            events.append(
                event("content_part.added", of: block, ["part": part("", logprobs: [])], part: "content_index"))
        case .call: break
        }
        return events.map { Event(value: $0) }
    }

    func piece(_ text: String, of block: Int, at place: Int) -> Value {
        let delta = Value.string(text)
        switch blocks[block] {
        case .reasoning:
            return event("reasoning_summary_text.delta", of: block, ["delta": delta], part: "summary_index")
        case .content:
            let logprobs = logprobs(text, at: place - completion.reasoning.count)
            return event(
                "output_text.delta", of: block, ["delta": delta, "logprobs": .array(logprobs)], part: "content_index")
        case .call: return event("function_call_arguments.delta", of: block, ["delta": delta])
        }
    }

    func close(_ block: Int) -> [Event] {
        let text = completion.text(of: blocks[block])
        var events: [Value] = []
        switch blocks[block] {
        case .reasoning:
            events = [
                event("reasoning_summary_text.done", of: block, ["text": .string(text)], part: "summary_index"),
                event("reasoning_summary_part.done", of: block, ["part": Self.summary(text)], part: "summary_index"),
            ]
        case .content:
            let logprobs = allLogprobs
            let whole: Value = ["text": .string(text), "logprobs": .array(logprobs)]
            events = [
                event("output_text.done", of: block, whole, part: "content_index"),
                event(
                    "content_part.done", of: block, ["part": part(text, logprobs: logprobs)], part: "content_index"),
            ]
        case .call:
            events = [event("function_call_arguments.done", of: block, ["arguments": .string(text)])]
        }
        return (events + [itemEvent("output_item.done", block, isDone: true)]).map { Event(value: $0) }
    }

    func ending() -> [Event] {
        [Event(value: event(isCut ? "incomplete" : "completed", ["response": response(.ended)]))]
    }

    func failed(_ complaint: Complaint) -> Event? {
        Event(value: event("failed", ["response": response(.failed(complaint))]))
    }
}
