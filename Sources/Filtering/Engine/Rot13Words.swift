/// Frequent words, by which ROT13 is told from other text: those whose ROT13 is hardly ever a word of its own, in any language
/// of Latin script.
struct Rot13Words: Sendable {
    /// By the hash of a key, and for those of one hash next to one another: keys, 0 where there is none.
    private let keys: [UInt64]

    /// Shorter words are too often something else: `gb` is a unit, and `vg` a newspaper.
    static let lettersMin = 3
    /// Of longer words, so many letters are looked at.
    static let lettersMax = 8

    static let shared = Rot13Words(
        """
        about access after ain all also always and answer anything ask asked back because been before being best book bring but \
        call can case change code come content could create data day describe did didn does doesn doing don each even every \
        everything example explain find first five follow following four free from generate get give given going good guide had \
        has have hello help him his home how human ignore important include information instead instruct into its just keep kill \
        know language law learn let life like list little live long look made make many may message might model more most much \
        must need never new not nothing now number off only order other our out over password people person play please \
        possible previous print problem prompt provide put question really reason remember repeat reply respond response right \
        rules said same say secret security see sentence should show simple since some someone something start state steps still \
        such system take tell text than that the their them then there these they thing things think this time told two under \
        understand use used user uses using very want was way well were what when where which while who will with within without \
        woman word words work world would write year yes you your yourself \
        aber auch bitte das der die eine ich ist kann nicht sich sie und wenn wie wir \
        avec comment dans des les pour que qui votre vous como esta para puedo todo
        """)

    /// - Parameter words: with blanks between, at most half as many as there are places.
    init(_ words: String) {
        var keys = [UInt64](repeating: 0, count: Self.placeCount)
        for word in words.split(separator: " ") {
            let key = Self.rotated(Self.key(of: word.utf8))
            var place = Self.place(of: key)
            while keys[place] != 0, keys[place] != key { place = (place + 1) % Self.placeCount }
            keys[place] = key
        }
        self.keys = keys
    }

    private static let placeBits = 10
    private static let placeCount = 1 << placeBits

    /// The keys of the ROT13 of all words.
    var all: [UInt64] { keys.filter { $0 != 0 } }

    /// Which of the words it is whose ROT13 has this key; `nil` if it is none.
    func index(of key: UInt64) -> Int? {
        var place = Self.place(of: key)
        while keys[place] != 0 {
            if keys[place] == key { return place }
            place = (place &+ 1) % Self.placeCount
        }
        return nil
    }

    private static func place(of key: UInt64) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) &>> UInt64(64 - placeBits))
    }

    /// Of letters, in either case.
    static func key(of letters: some Sequence<UInt8>) -> UInt64 {
        letters.prefix(lettersMax).reduce(0) { $0 << 8 | UInt64($1 | 0x20) }
    }

    /// The key of the ROT13 of what a key is of.
    static func rotated(_ key: UInt64) -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: 0, to: UInt64(UInt64.bitWidth), by: 8) {
            result |= UInt64(Rot13.rotated(UInt8(truncatingIfNeeded: key &>> shift))) &<< shift
        }
        return result
    }
}

/// The cipher that puts each letter 13 places on, and back.
enum Rot13 {
    static func rotated(_ byte: UInt8) -> UInt8 {
        switch byte | 0x20 {
        case 0x61...0x6D: byte &+ 13
        case 0x6E...0x7A: byte &- 13
        default: byte
        }
    }
}
