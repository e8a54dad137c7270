import Limits
import Testing

@Suite("Money and prices")
struct MoneyTests {
    @Test("an amount reads as it is written, to the last decimal", arguments: 0..<20 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = Seeded(seed)
        for _ in 0..<1_000 {
            let micros = Int64.random(in: 0...(1 << Int64.random(in: 0...49, using: &random)), using: &random)
            let decimals = String(String(micros % 1_000_000 + 1_000_000).dropFirst())
            let text = "\(micros / 1_000_000).\(decimals)"
            let amount = try Money(parsing: text)
            #expect(amount.nanos == micros * 1_000)
            #expect(try Money(parsing: amount.description) == amount)
            #expect(
                try TokenPrice(perMillion: "\(micros % 1_000_000).\(decimals)").picos
                    == UInt64(micros % 1_000_000) * 1_000_000 + UInt64(decimals)!)
        }
    }

    /// Catches every text that a lenient reader would take, or take for another number.
    @Test(
        "what is no amount is none, and says why",
        arguments: [
            ("", .notANumber), (".", .notANumber), ("1.", .notANumber), (".5", .notANumber), ("1.2.3", .notANumber),
            ("1,5", .notANumber), (" 1", .notANumber), ("1 ", .notANumber), ("+1", .notANumber), ("--1", .notANumber),
            ("1e3", .notANumber), ("0x10", .notANumber), ("NaN", .notANumber), (".nan", .notANumber),
            ("inf", .notANumber), ("١", .notANumber), ("-", .notANumber), ("1_000", .notANumber), ("-1", .negative),
            ("-0.5", .negative), ("0.0000001", .tooFine), ("1.1234567", .tooFine), ("1000000000.000001", .tooLarge),
            ("99999999999999999999999", .tooLarge), ("9223372036854775808", .tooLarge),
        ] as [(String, MoneyComplaint)])
    func wrong(text: String, complaint: MoneyComplaint) {
        #expect(throws: complaint) { try Money(parsing: text) }
    }

    @Test("zeros at the end of an amount are no finer than none")
    func zeros() throws {
        #expect(try Money(parsing: "1.50000000000") == Money(nanos: 1_500_000_000))
        #expect(try Money(parsing: "00012") == Money(nanos: 12_000_000_000))
        #expect(Money(nanos: 1).description == "0.000000001" && Money.zero.description == "0.00")
        #expect(Money(nanos: -5) == .zero && Money(nanos: .max).nanos == Money.nanosMax)
    }

    /// Catches floating point, intermediate overflow and rounding more than once.
    @Test("a cost is the exact sum, rounded up once", arguments: 0..<20 as Range<UInt64>)
    func cost(seed: UInt64) throws {
        var random = Seeded(seed)
        for _ in 0..<500 {
            func price() throws -> TokenPrice {
                let micros = Int64.random(in: 0...(1 << Int64.random(in: 0...39, using: &random)), using: &random)
                return try TokenPrice(
                    perMillion: "\(micros / 1_000_000).\(String(micros % 1_000_000 + 1_000_000).dropFirst())")
            }
            let prices = TokenPrices(
                input: try price(), output: try price(), cachedInput: try price(), cacheWrite: try price())
            func count() -> Int { Int.random(in: 0...(1 << Int.random(in: 0...31, using: &random)), using: &random) }
            let (input, cached, written, output) = (count(), count(), count(), count())
            let (hit, put) = (min(cached, input), min(written, input - min(cached, input)))
            var picos = UInt128(input - hit - put) * UInt128(prices.input.picos)
            picos += UInt128(hit) * UInt128(prices.cachedInput.picos) + UInt128(put) * UInt128(prices.cacheWrite.picos)
            picos += UInt128(output) * UInt128(prices.output.picos)
            let expected = min((picos + 999) / 1_000, UInt128(Money.nanosMax))
            let cost = prices.cost(input: input, cached: cached, written: written, output: output)
            #expect(UInt128(cost.nanos) == expected)
            // What is held before is never less than what is charged after.
            #expect(prices.most(input: input, output: output) >= cost)
        }
    }

    @Test("counts that are no counts cost nothing, and none overflows")
    func hostileCounts() throws {
        let dear = TokenPrices(
            input: try TokenPrice(perMillion: "1000000"), output: try TokenPrice(perMillion: "1000000"))
        #expect(dear.cost(input: -1, cached: -5, written: .min, output: .min) == .zero)
        #expect(dear.cost(input: .max, cached: .max, written: .max, output: .max).nanos == Money.nanosMax)
        #expect(TokenPrices.free.cost(input: .max, output: .max) == .zero)
    }
}
