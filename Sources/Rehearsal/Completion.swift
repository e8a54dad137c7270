/// What the rehearsal model says as one choice: pieces that are tokens and, in a stream, events.
struct Completion: Sendable {
    struct Call: Sendable {
        var id: String
        var name: String
        var arguments: [String]
    }

    /// A run of deltas that belong together.
    enum Block: Sendable, Hashable { case reasoning, content, call(Int) }

    /// One event of a stream, in order.
    enum Delta: Sendable {
        case reasoning(String)
        case content(String)
        case callStart(Int)
        case callArguments(Int, String)
    }

    var reasoning: [String] = []
    /// Repeated, with a space between, until there are `contentCount` of them.
    private(set) var content: [String] = []
    private(set) var contentCount = 0
    var calls: [Call] = []
    private(set) var finishReason = "stop"
    /// The sequence before which the content ends.
    private(set) var stopSequence: String?
    /// Tells the tokens' probabilities.
    var seed: Seed

    /// Tokens of the answer; of what `split` or `chunk` cut, its pieces.
    var tokenCount: Int {
        reasoning.count + contentCount + calls.reduce(0) { $0 + $1.arguments.count + 1 }
    }

    func piece(_ index: Int) -> String {
        let place = index % content.count
        return place == 0 && index > 0 ? " " + content[0] : content[place]
    }

    /// The whole content.
    var text: String {
        contentCount == content.count ? content.joined() : (0..<contentCount).lazy.map(piece).joined()
    }

    var deltaCount: Int { tokenCount }

    /// All that is said, in order; an empty content where there is nothing.
    var blocks: [Block] {
        var blocks: [Block] = reasoning.isEmpty ? [] : [.reasoning]
        if contentCount > 0 { blocks.append(.content) }
        blocks += calls.indices.map(Block.call)
        return blocks.isEmpty ? [.content] : blocks
    }

    func deltaCount(of block: Block) -> Int {
        switch block {
        case .reasoning: reasoning.count
        case .content: contentCount
        case .call(let call): calls[call].arguments.count + 1
        }
    }

    func text(of block: Block) -> String {
        switch block {
        case .reasoning: reasoning.joined()
        case .content: text
        case .call(let call): calls[call].arguments.joined()
        }
    }

    func delta(_ index: Int) -> Delta {
        if index < reasoning.count { return .reasoning(reasoning[index]) }
        var rest = index - reasoning.count
        if rest < contentCount { return .content(piece(rest)) }
        rest -= contentCount
        var call = 0
        while rest > calls[call].arguments.count {
            rest -= calls[call].arguments.count + 1
            call += 1
        }
        return rest == 0 ? .callStart(call) : .callArguments(call, calls[call].arguments[rest - 1])
    }
}

extension Completion {
    /// Composes choice number `index` of the answer to the prompt number `prompt`.
    init(_ asked: Asked, prompt: Int = 0, index: Int = 0) {
        let behaviour = asked.behaviour
        var seed = asked.promptSeed.adding(index)
        if asked.endpoint == .completions { seed = seed.adding(prompt) }
        self.seed = seed
        if asked.endpoint.hasReasoning { reasoning = Self.reasoning(behaviour, seed) }
        let tools = Self.toolsCalled(asked)
        if tools.isEmpty {
            setContent(asked, seed)
        } else {
            let text = behaviour.style == .violating ? Self.violation(behaviour, seed) : nil
            let free = behaviour.style == .echo ? asked.lastUserText : text
            calls = (0..<max(tools.count, behaviour.calls)).map { place in
                let tool = tools[place % tools.count]
                var sample = SchemaSample(
                    tool.parameters, seed.adding(place), text: free, piecesMax: asked.schemaPiecesMax)
                let arguments = String(decoding: sample.value().encoded, as: UTF8.self)
                var own = seed.adding(place)
                let id = "call_" + own.characters(24, from: "abcdefghijklmnopqrstuvwxyz0123456789")
                return Call(id: id, name: tool.name, arguments: Self.cut(arguments, behaviour))
            }
            if case .named = asked.toolChoice { finishReason = "stop" } else { finishReason = "tool_calls" }
        }
        limitTokens(asked.tokensMax)
    }

    private static func toolsCalled(_ asked: Asked) -> [Asked.Tool] {
        switch asked.toolChoice {
        case .none: return []
        case .named(let name): return asked.tools.first { $0.name == name }.map { [$0] } ?? []
        case .required: return Array(asked.tools.prefix(1))
        case .auto: return asked.behaviour.callsTools ? Array(asked.tools.prefix(1)) : []
        }
    }

    private static func reasoning(_ behaviour: Behaviour, _ seed: Seed) -> [String] {
        let isViolating = behaviour.style == .violating && behaviour.place == .reasoning
        guard behaviour.reasoning > 0 || isViolating else { return [] }
        let opening = "Thinking aloud, as a rehearsal."
        if isViolating {
            return WordPieces.split(opening + " ") + cut(violation(behaviour, seed), behaviour)
                + WordPieces.split(" So much for that.")
        }
        let unit = WordPieces.split(opening + " " + Text.sentences(3, seed.adding("reasoning")) + " ")
        return (0..<behaviour.reasoning).map { unit[$0 % unit.count] }
    }

    private static func violation(_ behaviour: Behaviour, _ seed: Seed) -> String {
        let kinds = behaviour.violations.isEmpty ? [.card] : behaviour.violations
        let text = behaviour.text ?? kinds.map { $0.value(seed) }.joined(separator: "\n")
        return behaviour.disguise?(text) ?? text
    }

    /// Splits as `split` or `chunk` say, else into word pieces.
    private static func cut(_ text: String, _ behaviour: Behaviour) -> [String] {
        if let split = behaviour.split { return WordPieces.cut(text, into: split) }
        guard let chunk = behaviour.chunk, !text.isEmpty else { return WordPieces.split(text) }
        let count = text.unicodeScalars.count
        return WordPieces.cut(text, into: (count + chunk - 1) / chunk)
    }

    private mutating func setContent(_ asked: Asked, _ seed: Seed) {
        let behaviour = asked.behaviour
        if behaviour.fault == .huge {
            let line = Text.sentences(40, seed)
            content = [line]
            contentCount = max(1, behaviour.bytes / (line.utf8.count + 1))
            return
        }
        content = Self.pieces(asked, seed)
        contentCount = content.count
        if let tokens = behaviour.tokens {
            contentCount = content.isEmpty ? 0 : tokens
            // Fewer than the text has: the model had no more to say, so it isn't cut by a limit.
            if tokens < content.count { content.removeLast(content.count - tokens) }
        }
        stop(at: asked.stop)
    }

    private static func pieces(_ asked: Asked, _ seed: Seed) -> [String] {
        let behaviour = asked.behaviour
        switch asked.format {
        case .object:
            let value: Value = [
                "rehearsal": true, "note": .string(Text.disclaimer), "text": .string(Text.sentences(1, seed)),
            ]
            return cut(String(decoding: value.encoded, as: UTF8.self), behaviour)
        case .schema(let schema):
            var sample = SchemaSample(
                schema, seed, text: behaviour.style == .violating ? violation(behaviour, seed) : nil,
                piecesMax: asked.schemaPiecesMax)
            return cut(String(decoding: sample.value().encoded, as: UTF8.self), behaviour)
        case .text: break
        }
        switch behaviour.style {
        case .echo: return cut(asked.lastUserText, behaviour)
        case .violating where behaviour.place == .content:
            return WordPieces.split(Text.sentences(1, seed) + " ") + cut(violation(behaviour, seed), behaviour)
                + WordPieces.split(" " + Text.sentences(1, seed.adding("end")))
        case .prose, .violating:
            let images = asked.images > 0 ? " Image parts seen: \(asked.images)." : ""
            let text = Text.disclaimer + images + " " + Text.sentences(5, seed)
            return behaviour.chunk == nil && behaviour.split == nil ? WordPieces.split(text) : cut(text, behaviour)
        }
    }

    /// Ends the content before the first stop sequence in it. Content that repeats is searched once through.
    private mutating func stop(at sequences: [String]) {
        let text = Array(content.joined().utf8)
        let ends = sequences.filter { !$0.isEmpty }.compactMap { sequence in
            Self.firstIndex(of: Array(sequence.utf8), in: text).map { (index: $0, sequence: sequence) }
        }
        guard let end = ends.min(by: { $0.index < $1.index }) else { return }
        stopSequence = end.sequence
        var left = end.index
        var pieces: [String] = []
        for piece in content where left > 0 {
            let count = piece.utf8.count
            pieces.append(count <= left ? piece : String(decoding: piece.utf8.prefix(left), as: UTF8.self))
            left -= min(count, left)
        }
        content = pieces
        contentCount = pieces.count
    }

    private static func firstIndex(of sequence: [UInt8], in text: [UInt8]) -> Int? {
        guard sequence.count <= text.count else { return nil }
        return (0...text.count - sequence.count).first { text[$0] == sequence[0] && text[$0...].starts(with: sequence) }
    }

    private mutating func limitTokens(_ limit: Int?) {
        guard let limit, tokenCount > limit else { return }
        finishReason = "length"
        var left = limit
        reasoning = Array(reasoning.prefix(left))
        left -= reasoning.count
        contentCount = min(contentCount, left)
        content = Array(content.prefix(contentCount))
        left -= contentCount
        var kept: [Call] = []
        for var call in calls where left > 0 {
            call.arguments = Array(call.arguments.prefix(left - 1))
            left -= call.arguments.count + 1
            kept.append(call)
        }
        calls = kept
    }
}
