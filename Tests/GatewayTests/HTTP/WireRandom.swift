/// SplitMix64: the same seed gives the same cases everywhere. Source: Steele, Lea and Flood, OOPSLA 2014.
struct WireRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from nought to one less than `bound`.
    mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: next() % UInt64(bound))
    }

    mutating func chance(_ percent: Int) -> Bool {
        below(100) < percent
    }

    mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[below(choices.count)]
    }

    /// Cuts at up to three places; now and then everywhere.
    mutating func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        if chance(3) { return bytes.indices.map { bytes[$0...$0] } }
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        for cut in (0..<below(4)).map({ _ in below(bytes.count + 1) }).sorted() {
            pieces.append(bytes[start..<cut])
            start = cut
        }
        pieces.append(bytes[start...])
        return pieces
    }

    /// Flips, inserts, repeats and removes a few bytes; what it inserts is what parsers trip over.
    mutating func mutate(_ bytes: inout [UInt8]) {
        let awkward: [UInt8] = [0x0D, 0x0A, 0x20, 0x09, 0x00, 0x3A, 0x3B, 0x2C, 0x30, 0x0B, 0x0C, 0x7F, 0x80, 0xFF]
        for _ in 0..<(1 + below(3)) where !bytes.isEmpty {
            let place = below(bytes.count)
            switch below(6) {
            case 0: bytes[place] ^= 1 << UInt8(below(8))
            case 1: bytes[place] ^= 0x20
            case 2, 3: bytes.insert(pick(awkward), at: place)
            case 4: bytes.remove(at: place)
            default: bytes[place] = pick(awkward)
            }
        }
    }
}
