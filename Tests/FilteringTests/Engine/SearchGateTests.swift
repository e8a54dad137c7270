import Testing

@testable import Filtering

@Suite("The gates before a search")
struct SearchGateTests {
    /// A stream is searched for everything, always; a whole text only for what may stand in it.
    @Test("never change what is found in a text full of digits and addresses", arguments: 0..<20 as Range<UInt64>)
    func findsTheSame(_ seed: UInt64) throws {
        var random = Seeded(state: seed &+ 4_000)
        let policy = try Self.shipped.get()
        let screener = Screener()
        let gaps = [
            " ", "-", ".", "/", "  ", " - ", ", ", "\n", "", "", "", "x", " and then ", "@", " ann@mill.example ",
            String(repeating: "-", count: 17),
        ]
        let words = ["account ", "SSN ", "passport ", "card ", "steuer ", "born ", "tel ", "NHS ", "BSN ", "IBAN DE"]
        for _ in 0..<60 {
            var text = ""
            for _ in 0..<Int.random(in: 1...14, using: &random) {
                if Int.random(in: 0..<4, using: &random) == 0 { text += words.randomElement(using: &random) ?? "" }
                for _ in 0..<Int.random(in: 1...9, using: &random) {
                    text += String(Int.random(in: 0...9, using: &random))
                }
                text += gaps.randomElement(using: &random) ?? ""
            }
            let whole = screener.screened(text, policy).0
            #expect(whole.findings == screener.streamed(text, policy).findings, "\(text.debugDescription)")
        }
    }

    private static let shipped = Result {
        try FilterPolicy(ShippedRules.compiled(), holdBackBytesMax: FilterRules.widthMax) { _, _ in
            Enforcement(.flag)
        }
    }

    @Test(
        "are passed by what may hold a match, and by no prose",
        arguments: [
            ("The heron stood there, 1 of 3 that I saw; 12 left and 24 came.", [SearchGate.open, .digit]),
            ("", [.open]),
            ("1", [.open, .digit]), ("It takes $ or nothing.", [.open, .dollar]),
            ("In 1999 the harbour had 12 boats and 3 dogs; in 2004 only 2.", [.open, .digit, .digits]),
            ("123456", [.open, .digit, .digits]), ("1 2 3 4 5 6", [.open, .digit, .digits]),
            ("12 or 3", [.open, .digit, .digits]),
            ("12 and 3", [.open, .digit]), ("meet @ noon", [.open, .at]), ("@", [.open, .at]),
            ("1234567", [.open, .digit, .digits, .manyDigits]), ("$1-2-3-4-5-6-7@", SearchGate.allCases),
            ("a1bb2ccc3dddd4eeeee5ffffff6ggggggg7", [.open, .digit, .digits, .manyDigits]),
        ])
    func passed(_ text: String, gates: [SearchGate]) {
        let passed = Array(text.utf8).withUnsafeBufferPointer(SearchGate.passed)
        #expect(SearchGate.allCases.filter(passed.contains) == gates)
    }

    /// Catches a digit that is overlooked, or another byte taken for one, at any place of eight.
    @Test("see the digits that there are", arguments: 0..<30 as Range<UInt64>)
    func seesDigits(_ seed: UInt64) {
        var random = Seeded(state: seed &+ 900)
        let bytes = Array(0...0xFF as ClosedRange<UInt8>)
        for _ in 0..<200 {
            let text = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? UInt8.random(in: 0x30...0x39, using: &random)
                    : bytes.randomElement(using: &random) ?? 0
            }
            let passed = text.withUnsafeBufferPointer(SearchGate.passed)
            text.withUnsafeBufferPointer { text in
                #expect(passed.contains(.digit) == text.contains { 0x30...0x39 ~= $0 })
                #expect(passed.contains(.digits) == DigitDemand.hasDigits(text, fewest: 3, gap: 4), "\(text)")
                #expect(passed.contains(.manyDigits) == DigitDemand.hasDigits(text, fewest: 7, gap: 7), "\(text)")
            }
        }
    }

    /// Catches a rule that every text is searched for though it has nothing to be found by: each takes a µs a KB.
    @Test("stand before the shipped rules that have no word to be found by")
    func shippedRules() throws {
        let rules = try Self.shipped.get().rules.compiled
        for (id, gate) in [
            ("pii/iban", SearchGate.digit), ("secret/password-hash", .dollar), ("pii/email", .at),
            ("pii/phone-with-context", .digits),
            ("pii/ipv4", .digits), ("pii/card-number", .manyDigits), ("pii/it-codice-fiscale-lower-case", .manyDigits),
            ("secret/npm", .open),
        ] {
            #expect(rules.first { $0.rule.id == id }?.gate == gate, "\(id)")
        }
        #expect(rules.count { $0.gate == .manyDigits } >= 25)
    }
}
