/// Log probabilities of tokens, invented but alike for alike seeds; in the shapes of chat and of completions.
struct LogProbabilities {
    let seed: Seed
    /// Alternatives a token.
    let alternatives: Int

    /// A token's own and the alternatives', the most probable first.
    private func candidates(_ token: String, at index: Int) -> [(token: String, logprob: Double)] {
        var seed = seed.adding(index)
        var logprob = -Double(Int.random(in: 1...2_000, using: &seed)) / 10_000
        let chosen = (token: token, logprob: logprob)
        var others: [(token: String, logprob: Double)] = []
        for _ in 0..<max(0, alternatives - 1) {
            logprob -= Double(Int.random(in: 1_000...20_000, using: &seed)) / 10_000
            others.append((" " + Text.words[Int.random(in: 0..<Text.words.count, using: &seed)], logprob))
        }
        return [chosen] + others
    }

    /// `logprobs.content` of one chat token.
    func chat(_ token: String, at index: Int) -> Value {
        let candidates = candidates(token, at: index)
        let shown = alternatives > 0 ? candidates : []
        return Self.entry(candidates[0]).with("top_logprobs", .array(shown.map(Self.entry)))
    }

    private static func entry(_ candidate: (token: String, logprob: Double)) -> Value {
        [
            "token": .string(candidate.token), "logprob": .number(candidate.logprob),
            "bytes": .array(candidate.token.utf8.map { .number(Int($0)) }),
        ]
    }

    /// `logprobs` of completion tokens. Offsets count Unicode scalars of the answer, as the legacy API does.
    func completions(_ tokens: [String], from index: Int, offset: Int) -> Value {
        var offset = offset
        var offsets: [Value] = []
        var logprobs: [Value] = []
        var tops: [Value] = []
        for (place, token) in tokens.enumerated() {
            let candidates = candidates(token, at: index + place)
            offsets.append(.number(offset))
            offset += token.unicodeScalars.count
            logprobs.append(.number(candidates[0].logprob))
            var names: Set<String> = []
            let members = candidates.filter { names.insert($0.token).inserted }
            tops.append(.object(members.map { .init(name: $0.token, value: .number($0.logprob)) }))
        }
        return [
            "tokens": .array(tokens.map(Value.string)), "token_logprobs": .array(logprobs),
            "top_logprobs": alternatives > 0 ? .array(tops) : .null, "text_offset": .array(offsets),
        ]
    }
}
