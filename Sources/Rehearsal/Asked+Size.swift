/// How much of an answer is in memory at once, estimated before it is composed, so that no request can ask for more than
/// there is.
extension Asked {
    /// The most pieces of one answer: some 64 MB of text, and perhaps ten times as much in memory.
    static let piecesMax = 8_000_000

    /// Tokens, numbers and the like of a whole answer; of a stream, those that are composed before it begins.
    var pieces: Int {
        let inputs = endpoint == .completions || endpoint == .embeddings ? prompts.count : 1
        // What an answer without further wishes has.
        var each = 100
        if endpoint == .embeddings {
            each += dimensions * 8
        } else {
            each += behaviour.reasoning
            if behaviour.style == .echo { each += lastUserText.utf8.count }
            if !isStreamed || endpoint.repeatsText {
                // A token of a huge answer is a line of some 1.5 KB.
                let (tokens, size) =
                    behaviour.fault == .huge ? (behaviour.bytes / 1_024, 128) : (behaviour.tokens ?? 0, 1)
                // A log probability or a word's time is some numbers, and each alternative as many more.
                let numbers = (logprobs.map { $0 + 1 } ?? 0) + (audio.hasWords ? 1 : 0)
                each += min(tokens, tokensMax ?? tokens) * (size + 16 * numbers)
            }
        }
        let echoed = echoes ? prompts.reduce(0) { $0 + $1.utf8.count } : 0
        let (composed, overflows) = each.multipliedReportingOverflow(by: inputs * n)
        let (sum, passes) = composed.addingReportingOverflow(echoed * n)
        return overflows || passes ? .max : sum
    }

    /// What one value made of a schema may have, so that those of all choices fit.
    var schemaPiecesMax: Int {
        max(64, Self.piecesMax / 4 / (n * behaviour.calls))
    }
}

extension Asked {
    /// Whether the failure that is asked for comes instead of an answer, and not within one.
    var failsAtOnce: Bool {
        if behaviour.fault == .errorIn200 { return true }
        let failsLater =
            behaviour.fault == .errorMidStream && isStreamed || behaviour.fault == .failed && endpoint == .responses
        return behaviour.error != nil && !failsLater
    }
}
