/// What a model's tokens cost. A price for a million tokens with at most six decimals makes one token cost a whole number of
/// picos (10⁻¹² of the currency's unit), so a request's cost is exact until it is rounded up to nanos, once.
package struct TokenPrices: Sendable, Hashable {
    /// Picos a token.
    package var input: TokenPrice
    package var output: TokenPrice
    /// Of prompt tokens that the model server had in its cache; as `input` where nothing is said.
    package var cachedInput: TokenPrice
    /// Of prompt tokens that it puts into its cache; as `input` where nothing is said.
    package var cacheWrite: TokenPrice

    package init(
        input: TokenPrice, output: TokenPrice, cachedInput: TokenPrice? = nil, cacheWrite: TokenPrice? = nil
    ) {
        self.input = input
        self.output = output
        self.cachedInput = cachedInput ?? input
        self.cacheWrite = cacheWrite ?? input
    }

    package static let free = TokenPrices(input: .free, output: .free)

    /// What was used costs this, rounded up to a nano.
    ///
    /// - Parameters:
    ///   - input: All of the prompt; `cached` and `written` are parts of it, and count no more than is left of it.
    ///   - output: Tokens of the answer.
    package func cost(input: Int, cached: Int = 0, written: Int = 0, output: Int) -> Money {
        let input = UInt64(max(0, input))
        let cached = min(UInt64(max(0, cached)), input)
        let written = min(UInt64(max(0, written)), input - cached)
        // A price is below 2⁶⁰ and a count below 2⁶³, so four products fit.
        let picos =
            self.input.cost(input - cached - written) + cachedInput.cost(cached) + cacheWrite.cost(written)
            + self.output.cost(UInt64(max(0, output)))
        let nanos = (picos + 999) / 1_000
        return Money(nanos: nanos > UInt128(Money.nanosMax) ? Money.nanosMax : Int64(nanos))
    }

    /// No request of so many prompt tokens and answer tokens costs more.
    package func most(input: Int, output: Int) -> Money {
        let dearest = TokenPrices(input: max(self.input, cachedInput, cacheWrite), output: self.output)
        return dearest.cost(input: input, output: output)
    }
}

/// The price of one token, in picos (10⁻¹² of the currency's unit). As text the price of a million tokens: `0.15`.
package struct TokenPrice: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let picos: UInt64

    /// A million units for a million tokens.
    private static let picosMax: Int64 = 1_000_000_000_000

    package static let free = TokenPrice(picos: 0)

    private init(picos: UInt64) { self.picos = picos }

    /// Reads the price of a million tokens.
    ///
    /// - Throws: `MoneyComplaint`.
    package init(perMillion text: String) throws(MoneyComplaint) {
        picos = UInt64(try Money.micros(parsing: text, max: Self.picosMax))
    }

    package var description: String { Money.decimal(Int64(picos), decimals: 6) }

    package static func < (left: TokenPrice, right: TokenPrice) -> Bool { left.picos < right.picos }

    fileprivate func cost(_ tokens: UInt64) -> UInt128 { UInt128(picos) * UInt128(tokens) }
}
