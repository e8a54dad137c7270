import Testing

@testable import Filtering

@Suite("Chunking never changes a decision")
struct ChunkingTests {
    static let number = cardNumber("411111111111111")
    static let other = cardNumber("550000000000000")
    static let texts: [String] = [
        "My card is \(number), thanks.",
        "My card is 4111 1111 1111 1111",
        "4111-1111-1111-1111 and 5500 0000 0000 0004.",
        "12 4111 1111 1111 1111 99",
        "\(number)\(other)",
        "4\u{200B}1\u{200D}11 1111\u{00AD} 1111 1111\u{200B} done",
        "４１１１ １１１１ １１１１ １１１１ und mehr",
        "٤١١١١١١١١١١١١١١١ عربي",
        "Write to jane.doe@example.co.uk or joe@x.org, not to a@b.",
        "é\u{301}jane@exämple.com, jané@example.com!",
        "sk-abcdefghijklmnopqrstuvwxyz0123456789 is my key sk-short",
        "my account is 12345678.",
        "12345678 is my account",
        "12345678 is not near it; much later comes account 1234567",
        "1234567 2345678 3456789 konto 4567890",
        "key abcd/1234, keyword abcdefgh",
        "a key/abcdefgh, pass/key/abcdefgh and abcdefgh key",
        "abcd key abcdefghijklmnop, pass: word-----BEGIN PRIVATE KEY-----",
        "account x4111 1111 1111 1111, 1.4111111111111111 and .4111111111111111_ konto",
        "key = 'a1b2c3d4e5f6g7h8j9', konto: z9y8x7w6v5u4t3s2r1== and key=================",
        "It is Zz9Yy8Xx7Ww6Vv5Uu4= or Zz9Yy8Xx7Ww6Vv5Uu4=ab, key=Zz9Yy8Xx7Ww6Vv5Uu4===",
        "mykey=\"a1b2c3d4e5f6g7h8j9=b1-----BEGIN PRIVATE KEY-----",
        "visit paypal, pаypаl, PayPa1, p\u{200B}aypal and paypals",
        "a frobnix, two frobnicks, FR0BNIХs frobnic",
        "before -----BEGIN RSA PRIVATE KEY----- after",
        "mail a@b.com\(number) then -----BEGIN PRIVATE KEY-----x joe@x.org",
        "411111111111-----BEGIN PRIVATE KEY-----1111",
        "joe@x-----BEGIN PRIVATE KEY-----.org",
        "12345678-----BEGIN PRIVATE KEY----- account 12345678",
        "12345678 a@b.co and so on, for longer than context is waited for",
        "frobni-----BEGIN PRIVATE KEY-----",
        "Ignore all of it\nignore all rules\r\nsay ignore all",
        "ignore all\n\nIGNORE ALL that\n",
        "4\u{0}1\u{1E}1\u{7F}1 1111 1111\u{85}1111 or 4\u{E0031}1\u{E0041}11 1111 1111 1111",
        "is 4\u{E0034}\u{E0031}1\u{E0031}\u{E0031}11 1111 \u{E0031}\u{E0031}1111 1111 \u{E0064}one",
        "👩‍👩‍👧 family 🏴󠁧󠁢󠁥󠁮󠁧󠁿 flag ❤️ heart हिन्दी ไทย 한국어 日本語。",
        "",
    ]

    static let policies: [[String: Verdict]] = [
        Fixture.verdicts,
        Fixture.verdicts.mapValues { _ in .redact }.filter { $0.key != "flag/line" }.merging(["flag/line": .flag]) {
            $1
        },
        [
            "pii/account": .block, "pii/mail": .block, "pii/card": .redact, "word/slur": .flag, "secret/key": .block,
            "secret/token": .block,
        ],
        Fixture.verdicts.mapValues { _ in .flag },
        Fixture.verdicts.mapValues { _ in .block },
        Fixture.verdicts.merging(["pii/account": .flag, "pii/mail": .block]) { $1 },
    ]

    static let compiled = Result { try policies.map { try Fixture.policy(Fixture.all, $0) } }

    @Test("at every cut in two", arguments: texts)
    func everyCut(_ text: String) throws {
        let screener = Screener()
        for policy in try Self.compiled.get() {
            let whole = screener.streamed(text, policy)
            for cut in 0...text.unicodeScalars.count {
                let parts = screener.streamed(pieces(text, at: [cut]), policy)
                #expect(parts == whole, "cut at \(cut)")
            }
            let single = screener.streamed(text.unicodeScalars.map { Array(String($0).utf8) }, policy)
            #expect(single == whole, "character by character")
        }
    }

    @Test("at random cuts of random texts", arguments: 0..<40 as Range<UInt64>)
    func randomCuts(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        let screener = Screener()
        let policies = try Self.compiled.get()
        for _ in 0..<20 {
            let text = Self.randomText(&random)
            guard let policy = policies.randomElement(using: &random) else { continue }
            let whole = screener.streamed(text, policy)
            for _ in 0..<6 {
                let count = text.unicodeScalars.count
                let cuts = (0..<Int.random(in: 1...12, using: &random)).map { _ in
                    Int.random(in: 0...count, using: &random)
                }
                let parts = screener.streamed(pieces(text, at: cuts.sorted()), policy)
                #expect(parts == whole, "\(text.debugDescription) cut at \(cuts.sorted())")
            }
        }
    }

    /// Near misses and hits next to and inside one another.
    static func randomText(_ random: inout Seeded) -> String {
        let parts = [
            "4111", "1111", " ", "-", "1111 1111", number, other, "a@", "b.com", "@", ".", "joe", "sk-", "abcdefghij",
            "0123456789", "account ", "konto", "key", "pass", "/", "key=", "key: \"", "=",
            "z9y8x7w6v5u4t3s2r1", "12345678", "paypal", "pаypal", "\u{200B}", "１２３４",
            "é", "e\u{301}",
            "\n",
            "ignore all", "frobni", "ck", "x", "s", "-----BEGIN ", "RSA ", "PRIVATE KEY", "-----", "日本", "😀",
            "\u{E0041}", "\u{E0034}\u{E0031}\u{E0031}\u{E0031}", "\u{E0131}", "\u{0}", "\u{1E}",
        ]
        return (0..<Int.random(in: 1...30, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }
            .joined()
    }

    @Test("a streamed text is redacted as the whole one is", arguments: 0..<40 as Range<UInt64>)
    func equalsWhole(_ seed: UInt64) throws {
        var random = Seeded(state: seed &+ 1_000)
        let screener = Screener()
        let policy = try Self.compiled.get()[1]
        for text in Self.texts + (0..<20).map({ _ in Self.randomText(&random) }) {
            let (screening, redacted) = screener.screened(text, policy)
            let streamed = screener.streamed(text, policy)
            #expect(streamed.output == redacted)
            #expect(streamed.findings == screening.findings)
            #expect(streamed.verdict == screening.verdict)
            #expect(streamed.redactions == screener.redactions.map(\.range))
        }
    }

    @Test("a large text is redacted as its stream is, also far behind the last finding that is kept")
    func largeTexts() throws {
        let screener = Screener()
        let policy = try Self.compiled.get()[1]
        var random = Seeded(state: 7)
        let text = (0..<3_000).map { _ in Self.randomText(&random) }.joined(separator: " and then some more prose, ")
        let (screening, redacted) = screener.screened(text, policy)
        let streamed = screener.streamed(text, policy)
        #expect(streamed.output == redacted)
        #expect(streamed.findings == screening.findings)
        #expect(screening.findings.count == FindingLog.findingsMax + screening.findings.count { $0.verdict == .flag })
        #expect(screener.redactions.count > 1_000)
    }
}
