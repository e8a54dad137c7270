/// An answer of chat or completions: all its choices, and how they look whole and in a stream.
struct Answer: DialectAnswer {
    let asked: Asked
    let id: String
    /// Seconds since 1970.
    let created: Int
    let choices: [Completion]

    init(_ asked: Asked, id: String, created: Int) {
        self.asked = asked
        self.id = (asked.endpoint == .chat ? "chatcmpl-" : "cmpl-") + id
        self.created = created
        let prompts = asked.endpoint == .completions ? asked.prompts.count : 1
        choices = (0..<prompts).flatMap { prompt in
            (0..<asked.n).map { Completion(asked, prompt: prompt, index: $0) }
        }
    }

    var tokenCount: Int { choices.reduce(0) { $0 + $1.tokenCount } }

    private var isChat: Bool { asked.endpoint == .chat }
    private var fault: Fault? { asked.behaviour.fault }

    private var usage: Value {
        let reasoning = choices.reduce(0) { $0 + $1.reasoning.count }
        let answer = tokenCount
        return [
            "prompt_tokens": .number(asked.promptTokens), "completion_tokens": .number(answer),
            "total_tokens": .number(asked.promptTokens + answer), "prompt_tokens_details": ["cached_tokens": 0],
            "completion_tokens_details": ["reasoning_tokens": .number(reasoning)],
        ]
    }

    private func envelope(_ object: String, _ choices: [Value]) -> Value {
        [
            "id": .string(id), "object": .string(object), "created": .number(created), "model": .string(asked.model),
            "choices": .array(fault == .emptyChoices ? [] : choices),
        ]
    }

    private func finishReason(_ choice: Int) -> Value {
        fault == .noFinish ? .null : .string(choices[choice].finishReason)
    }

    // MARK: Whole

    var whole: AnswerBody {
        let choices = choices.indices.map { isChat ? message($0) : text($0) }
        let answer = envelope(isChat ? "chat.completion" : "text_completion", choices)
            .with("system_fingerprint", "rehearsal")
        return .json(fault == .noUsage ? answer : answer.with("usage", usage))
    }

    private func message(_ index: Int) -> Value {
        let choice = choices[index]
        let hasCalls = !choice.calls.isEmpty
        var message: Value = [
            "role": "assistant", "content": hasCalls ? .null : .string(choice.text), "refusal": .null,
        ]
        if !choice.reasoning.isEmpty { message = message.with("reasoning_content", .string(choice.reasoning.joined())) }
        if hasCalls {
            message = message.with("tool_calls", .array(choice.calls.map { Self.call($0, $0.arguments.joined()) }))
        }
        var logprobs = Value.null
        if let alternatives = asked.logprobs {
            let source = LogProbabilities(seed: choice.seed, alternatives: alternatives)
            let entries = (0..<choice.contentCount).map { source.chat(choice.piece($0), at: $0) }
            logprobs = ["content": .array(entries), "refusal": .null]
        }
        return [
            "index": .number(index), "message": message, "logprobs": logprobs, "finish_reason": finishReason(index),
        ]
    }

    private static func call(_ call: Completion.Call, _ arguments: String) -> Value {
        [
            "id": .string(call.id), "type": "function",
            "function": ["name": .string(call.name), "arguments": .string(arguments)],
        ]
    }

    private func text(_ index: Int) -> Value {
        let choice = choices[index]
        let prompt = echoed(index)
        let tokens = (0..<choice.contentCount).map(choice.piece)
        let logprobs = asked.logprobs.map { alternatives in
            LogProbabilities(seed: choice.seed, alternatives: alternatives)
                .completions(tokens, from: 0, offset: prompt.unicodeScalars.count)
        }
        return [
            "text": .string(prompt + choice.text), "index": .number(index), "logprobs": logprobs ?? .null,
            "finish_reason": finishReason(index),
        ]
    }

    private func echoed(_ index: Int) -> String {
        asked.echoes ? asked.prompts[index / asked.n] : ""
    }

    // MARK: In a stream

    private func chunk(_ choices: [Value]) -> Value {
        var chunk = envelope(isChat ? "chat.completion.chunk" : "text_completion", choices)
        if isChat { chunk = chunk.with("system_fingerprint", "rehearsal") }
        return asked.includesUsage ? chunk.with("usage", .null) : chunk
    }

    private func chunk(_ index: Int, delta: Value, logprobs: Value = .null, finish: Value = .null) -> Value {
        chunk([["index": .number(index), "delta": delta, "logprobs": logprobs, "finish_reason": finish]])
    }

    private func chunk(_ index: Int, text: String, logprobs: Value = .null, finish: Value = .null) -> Value {
        chunk([["text": .string(text), "index": .number(index), "logprobs": logprobs, "finish_reason": finish]])
    }

    var rounds: Int { choices.map(\.deltaCount).max() ?? 0 }

    func opening() -> [Event] {
        choices.indices.compactMap { opening($0).map { Event(value: $0) } }
    }

    func round(_ place: Int) -> [Event] {
        choices.indices.filter { place < choices[$0].deltaCount }.map {
            Event(value: delta(place, of: $0), isToken: true)
        }
    }

    func closing() -> [Event] {
        (choices.indices.map(closing) + [accounting].compactMap(\.self)).map { Event(value: $0) }
    }

    /// The first event of a choice: its role; of a completion the echoed prompt, if one is asked for.
    private func opening(_ index: Int) -> Value? {
        if isChat { return chunk(index, delta: ["role": "assistant", "content": "", "refusal": .null]) }
        return asked.echoes ? chunk(index, text: echoed(index)) : nil
    }

    private func delta(_ place: Int, of index: Int) -> Value {
        let choice = choices[index]
        let delta = choice.delta(place)
        switch delta {
        case .reasoning(let text):
            return isChat ? chunk(index, delta: ["reasoning_content": .string(text)]) : chunk(index, text: text)
        case .content(let text):
            let token = place - choice.reasoning.count
            let source = asked.logprobs.map { LogProbabilities(seed: choice.seed, alternatives: $0) }
            guard isChat else {
                let before = echoed(index).unicodeScalars.count
                let offset =
                    source == nil ? 0 : (0..<token).reduce(before) { $0 + choice.piece($1).unicodeScalars.count }
                let logprobs = source?.completions([text], from: token, offset: offset)
                return chunk(index, text: text, logprobs: logprobs ?? .null)
            }
            let logprobs: Value? = source.map { ["content": [$0.chat(text, at: token)], "refusal": .null] }
            return chunk(index, delta: ["content": .string(text)], logprobs: logprobs ?? .null)
        case .callStart(let call):
            let start = Self.call(choice.calls[call], "")
            let indexed = Value.object([.init(name: "index", value: .number(call))] + (start.members ?? []))
            return chunk(index, delta: ["tool_calls": [indexed]])
        case .callArguments(let call, let text):
            let part: Value = ["index": .number(call), "function": ["arguments": .string(text)]]
            return chunk(index, delta: ["tool_calls": [part]])
        }
    }

    /// The event with the finish reason.
    private func closing(_ index: Int) -> Value {
        let event =
            isChat
            ? chunk(index, delta: [:], finish: finishReason(index))
            : chunk(index, text: "", finish: finishReason(index))
        guard asked.includesUsage, fault == .usageWithChoices, index == choices.count - 1 else { return event }
        let members = (event.members ?? []).filter { $0.name != "usage" }
        return Value.object(members).with("usage", usage)
    }

    /// The event before the last, if usage is asked for.
    private var accounting: Value? {
        guard asked.includesUsage, fault != .noUsage, fault != .usageWithChoices else { return nil }
        let members = (chunk([]).members ?? []).filter { $0.name != "usage" }
        return Value.object(members).with("usage", usage)
    }
}
