/// How much of an answer is in memory at once, estimated before it is composed, so that no request can ask for more than
/// there is.
extension Asked {
    /// The most pieces of one answer: some 64 MB of text, and perhaps ten times as much in memory.
    static let piecesMax = 8_000_000

    /// Tokens, numbers and the like of a whole answer; of a stream, those that are composed before it begins.
    var pieces: Int {
        let inputs = endpoint == .chat ? 1 : prompts.count
        // What an answer without further wishes has.
        var each = 100
        if endpoint == .embeddings {
            each += dimensions * 8
        } else {
            each += behaviour.reasoning
            if behaviour.style == .echo { each += lastUserText.utf8.count }
            if !isStreamed {
                let tokens = behaviour.fault == .huge ? behaviour.bytes / 8 : behaviour.tokens ?? 0
                // A log probability is some numbers, and each alternative as many more.
                each += min(tokens, tokensMax ?? tokens) * (1 + 16 * (logprobs.map { $0 + 1 } ?? 0))
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
