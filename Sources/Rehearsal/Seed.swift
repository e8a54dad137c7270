/// A deterministic stream of numbers that begins at a hash of what was asked.
///
/// Source: FNV-1a, 64 bits (Fowler, Noll, Vo) for the hash; SplitMix64 (Steele, Lea, Flood 2014) for the stream.
package struct Seed: Sendable, Hashable, RandomNumberGenerator {
    private var state: UInt64

    package init(_ state: UInt64 = 0xcbf2_9ce4_8422_2325) {
        self.state = state
    }

    /// The same seed with more bytes hashed into it.
    package func adding(_ text: some Sequence<UInt8>) -> Seed {
        var hash = state
        for byte in text {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
        }
        return Seed(hash)
    }

    package func adding(_ text: String) -> Seed {
        adding(text.utf8)
    }

    package func adding(_ number: Int) -> Seed {
        Seed((state ^ UInt64(truncatingIfNeeded: number)) &* 0x9e37_79b9_7f4a_7c15)
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    package mutating func digits(_ count: Int) -> String {
        characters(count, from: "0123456789")
    }

    package mutating func characters(_ count: Int, from alphabet: String) -> String {
        let alphabet = Array(alphabet)
        var text = ""
        for _ in 0..<count {
            text.append(alphabet[Int.random(in: 0..<alphabet.count, using: &self)])
        }
        return text
    }

    /// Thirty-two hexadecimal digits.
    package mutating func identifier() -> String {
        characters(32, from: "0123456789abcdef")
    }
}
