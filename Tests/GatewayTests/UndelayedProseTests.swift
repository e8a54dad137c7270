import Filtering
import Guidelines
import Testing

@testable import Gateway

/// What readers of a stream feel: with the rules and guidelines that are shipped, words leave with the event that they
/// came in.
@Suite("Prose that streams past the shipped rules")
struct UndelayedProseTests {
    static let policy = Result {
        try Policy(guidelines: .shipped(), rules: ShippedRules.compiled(), categories: .shipped())
    }

    static let texts = [
        "english": """
        The heron stood in the shallow water as if somebody had put it there and forgotten to come back. "Is it real?" \
        asked the boy, who had been told of such things before; his aunt, a patient woman with an old umbrella, said \
        that it was, and that one must not speak so loud. To be honest, I would have asked the same: it is so still, \
        and so grey, that you take it for a post until it moves. We waited for an hour or so, in the wind.
        """,
        "german": """
        Der Reiher stand im seichten Wasser, als hätte ihn jemand dort abgestellt und vergessen. „Ist der echt?“, fragte \
        der Junge, und seine Tante, eine geduldige Frau mit einem alten Schirm, sagte ja, man dürfe nur nicht so laut \
        sein. Ehrlich gesagt: Ich hätte es auch gefragt, so grau und still ist er, bis er sich rührt.
        """,
        "spanish": """
        La garza y el niño se miraban sin moverse. ¿Es de verdad?, preguntó él; y su tía, que era paciente y llevaba un \
        paraguas viejo, dijo que sí, y que no había que hablar tan alto. A decir verdad, yo habría preguntado lo mismo.
        """,
        "code": """
        let herons = birds.filter { $0.isGrey && !$0.moves }
        for heron in herons { print(heron.name, heron.age ?? "unknown") }
        if (a < b || c) return new Map(entries.map(([key, value]) => [key, value.length]));
        """,
    ]

    /// What is held begins a phrase that is blocked (`to…ddler`), or is the first letter or digit of a key or number. Of
    /// whole words a few small ones are that, and next to no long ones.
    @Test("few words are held back, and hardly any long one", arguments: Self.texts.keys.sorted(), [3, 6, 40])
    func undelayed(_ language: String, _ lettersMax: Int) throws {
        let stream = Screener().stream(policy: try Self.policy.get().filter(for: .production))
        let tokens = Self.tokens(try #require(Self.texts[language]), lettersMax: lettersMax)
        var output: [UInt8] = []
        var held: [String] = []
        for token in tokens {
            Array(token.utf8).withUnsafeBufferPointer { stream.feed($0, to: &output) }
            if stream.heldCount > 0 { held.append(token) }
        }
        stream.finish(to: &output)
        #expect(String(decoding: output, as: UTF8.self) == tokens.joined() && stream.findings.isEmpty)
        #expect(held.count * (language == "english" ? 6 : 4) <= tokens.count, "\(held)")
        #expect(held.count { $0.count > 5 } * 50 <= tokens.count, "\(held)")
    }

    /// Words with the blank before them, the longer ones in pieces, and other characters by themselves: as models write.
    static func tokens(_ text: String, lettersMax: Int) -> [String] {
        text.reduce(into: [""]) { tokens, character in
            let last = tokens[tokens.count - 1]
            let isOfWord = character.isLetter && (last.last?.isLetter ?? true || last == " ")
            if isOfWord, last.count <= lettersMax {
                tokens[tokens.count - 1].append(character)
            } else {
                tokens.append(String(character))
            }
        }
    }
}
