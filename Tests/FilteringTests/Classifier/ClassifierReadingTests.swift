import Testing

@testable import Filtering

@Suite("What the classifier reads")
struct ClassifierReadingTests {
    /// A text as the classifier reads it.
    static func folded(_ text: String, cutting size: Int = .max) -> String {
        let view = CodePointView(.folded)
        var (reader, bytes) = (ClassifierText(), [UInt8]())
        for piece in Pieces.of(text, bytes: size) {
            piece.withUnsafeBufferPointer { reader.take($0, original: 0, view) { byte, _ in bytes.append(byte) } }
        }
        reader.finish { bytes.append($0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(
        "undoes what people write to be read by people alone",
        arguments: [
            ("How do I kill a Process?", "how do i kill a process?"),
            ("h4t3 5p33ch $hit @ll", "hate speech shit all"),
            ("k i l l   y o u", "kill you"), ("k.i.l.l t.h.e lights", "kill the lights"), ("a b", "ab"),
            ("a man, a plan", "a man, a plan"), ("I am a b student", "i am ab student"),
            ("soooooo good!!!!!!", "sooo good!!!"), ("tab\tand\n\nline", "tab and line"),
            ("ｆｕｌｌ ｗｉｄｔｈ", "full width"), ("h\u{200B}a\u{200D}t\u{AD}e", "hate"),
            ("саре", "cape"), ("crème brûlée", "creme brulee"), ("ｋ４ｌｌ", "kall"),
            ("Hi" + Fixture.tags(" Kill"), "hi kill"), ("", ""), ("x", "x"), ("x.", "x."), ("x .y", "x .y"),
        ])
    func folds(text: String, folded: String) {
        #expect(Self.folded(text) == folded)
    }

    @Test("is the same wherever a text is cut", arguments: 0..<60)
    func chunks(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let text = RandomText.make(&random, characters: 200)
        let whole = Self.folded(text)
        for size in [1, 2, 3, 5, 17] { #expect(Self.folded(text, cutting: size) == whole, "\(text.debugDescription)") }
    }

    @Test("has one feature for each run of 3 to 5 bytes, and three for each word, as counted by hand")
    func counts() {
        // A blank stands before and after: 8 bytes have 6, 5 and 4 runs.
        let features = Self.features("ab cde")
        #expect(features.filter { !$0.isOfWords }.count == 6 + 5 + 4)
        // Two words, two pairs (the first with nothing), no pair with one between.
        #expect(features.filter(\.isOfWords).count == 4)
        #expect(Self.features("").isEmpty)
    }

    @Test("finds the same rows for the same runs and words, and others for others")
    func rows() {
        func words(_ text: String) -> [Int] { Self.features(text).filter(\.isOfWords).map(\.row) }
        #expect(Set(words("kill you")).isSubset(of: words("i kill you") + words("kill you")))
        // The word itself is one feature wherever it stands.
        #expect(Set(words("kill")).contains(words("go kill it")[2]))
        #expect(Set(Self.features("abcde").map(\.row)) != Set(Self.features("abcdf").map(\.row)))
        #expect(Self.features("kill the lights").allSatisfy { $0.row >= 0 && $0.row < 1 << 18 })
    }

    private static func features(_ text: String) -> [(row: Int, isOfWords: Bool)] {
        var (hashes, features) = (ClassifierFeatures(bits: 18), [(row: Int, isOfWords: Bool)]())
        for byte in text.utf8 { hashes.take(byte) { features.append(($0, $1)) } }
        if !text.isEmpty { hashes.finish { features.append(($0, $1)) } }
        return features
    }
}

/// A text in whole characters of at least so many bytes each.
enum Pieces {
    static func of(_ text: String, bytes size: Int) -> [[UInt8]] {
        let bytes = Array(text.utf8)
        var pieces: [[UInt8]] = []
        var start = 0
        while start < bytes.count {
            var end = size < bytes.count - start ? start + size : bytes.count
            while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
            pieces.append(Array(bytes[start..<end]))
            start = end
        }
        return pieces
    }
}

/// Texts of words and of all that makes reading them hard.
enum RandomText {
    private static let parts = [
        "ignore", "all", "previous", "instructions", "kill", "h4te", "k i l l", "l.o.v.e", "soooooo", " ", "  ", "\n",
        ".", "!",
        "é", "ß", "Привет", "日本語", "😀", "\u{200B}", "e\u{301}", "ＦＵＬＬ", "0", "1", "x", "a b", Fixture.tags("hidden"),
    ]

    static func make(_ random: inout SplitMix64, characters: Int) -> String {
        var text = ""
        while text.unicodeScalars.count < characters {
            text += random.pick(parts)
            if random.below(3) > 0 { text += " " }
        }
        return text
    }
}
