/// Deterministic embeddings: the sum of a vector for each word, of unit length, so that texts with words in common are
/// near each other.
enum Embedding {
    static func vector(_ text: String, dimensions: Int) -> [Float] {
        var vector = [Float](repeating: 0, count: dimensions)
        for piece in WordPieces.split(text) {
            var seed = Seed().adding(piece.lowercased())
            for index in vector.indices {
                // From −1 to 1, by the top 24 bits.
                vector[index] += Float(Int32(seed.next() >> 40) - (1 << 23)) / Float(1 << 23)
            }
        }
        let length = vector.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        guard length > 0 else {
            vector[0] = 1
            return vector
        }
        return vector.map { Float(Double($0) / length) }
    }

    static func answer(_ asked: Asked) -> Value {
        let data = asked.prompts.enumerated().map { index, text -> Value in
            let vector = vector(text, dimensions: asked.dimensions)
            let embedding: Value =
                asked.isBase64 ? .string(base64(vector)) : .array(vector.map { .number("\($0)") })
            return ["object": "embedding", "index": .number(index), "embedding": embedding]
        }
        let answer: Value = [
            "object": "list", "data": .array(asked.behaviour.fault == .emptyChoices ? [] : data),
            "model": .string(asked.model),
        ]
        guard asked.behaviour.fault != .noUsage else { return answer }
        let tokens = Value.number(asked.promptTokens)
        return answer.with("usage", ["prompt_tokens": tokens, "total_tokens": tokens])
    }

    /// Little-endian binary32 in Base64.
    static func base64(_ vector: [Float]) -> String {
        Base64.encoded(
            vector.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> ($0 * 8)) } })
    }
}
