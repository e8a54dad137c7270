import JSON
import Testing

@testable import Gateway

@Suite("JSON without needless escapes")
struct EscapedTextTests {
    @Test(
        "is the same JSON with plain characters",
        arguments: [
            (#"{"a":"\u0034\u0031"}"#, #"{"a":"41"}"#), (#"\u00E4\u20ac\ud83d\ude00"#, "ä€😀"), (#"\/\/"#, "//"),
            (#"\\u0034"#, nil), (#"\\\u0034"#, #"\\4"#), (#"\n\t\"\\"#, nil), (#"\u0022\u005c\u000a"#, nil),
            (#"\u003"#, nil), (#"\u00zz"#, nil), (#"\ud83d"#, nil), (#"\ud83dx\u0034"#, #"\ud83dx4"#),
            (#"\ude00\ud83d"#, nil), (#"\ud83d\ud83d\ude00"#, #"\ud83d😀"#), ("\\", nil), ("", nil), ("4", nil),
            (#"\u0034\"#, #"4\"#), (#"\uFF14"#, "４"),
        ] as [(String, String?)])
    func unescapes(_ text: String, _ expected: String?) {
        let bytes = Array(" \(text)".utf8)
        #expect(EscapedText.plain(bytes.dropFirst()).map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test("means what it meant before", arguments: 0..<200)
    func meansTheSame(seed: UInt64) throws {
        var random = WireRandom(seed: seed)
        var inside = ""
        for _ in 0..<random.below(40) {
            let scalar = Unicode.Scalar(UInt32(random.below(0x2FF))) ?? "a"
            let unit = String(scalar.value, radix: 16)
            switch random.below(4) {
            case 0: inside += #"\u"# + String(repeating: "0", count: 4 - unit.count) + unit
            case 1: inside += #"\ud83d\ude"# + String(random.below(64) + 16, radix: 16)
            case 2: inside += [#"\\"#, #"\""#, #"\/"#, #"\n"#, #"\b"#][random.below(5)]
            default: inside += "u4"
            }
        }
        let text = Array(#"{"\#(inside)":["\#(inside)"]}"#.utf8)
        let plain = EscapedText.plain(text[...]) ?? text
        #expect(plain.count <= text.count)
        #expect(try JSONDocument(parsing: plain).serialised == JSONDocument(parsing: text).serialised)
    }
}
