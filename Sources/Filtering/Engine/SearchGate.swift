/// What a text must have before it is searched for some patterns: those that have no word which a search could look for first,
/// so that it follows every character. Five of the shipped ones took nine tenths of the time of all, and most texts have nothing
/// that they want.
enum SearchGate: Sendable, CaseIterable {
    /// Searched for in every text.
    case open
    /// The sign of addresses.
    case at
    /// What names of hashes begin with.
    case dollar
    /// Any digit.
    case digit
    /// Three digits near one another, as in a year.
    case digits
    /// More digits, nearer to one another, than numbers in prose mostly have; and no more than numbers of people do.
    case manyDigits

    private static let few = (digits: 3, gap: 4)
    private static let many = (digits: 7, gap: 7)

    /// The narrowest gate that every match of a pattern passes.
    init(of pattern: Pattern) {
        let demand = DigitDemand(of: pattern)
        func asks(for tier: (digits: Int, gap: Int)) -> Bool { demand.fewest >= tier.digits && demand.gap <= tier.gap }
        if asks(for: Self.many) {
            self = .manyDigits
        } else if pattern.demands(ByteSet([0x40])) {
            self = .at
        } else if asks(for: Self.few) {
            self = .digits
        } else if pattern.demands(ByteSet([0x24])) {
            self = .dollar
        } else {
            self = demand.fewest > 0 ? .digit : .open
        }
    }

    /// The gates that a text in the normalised view passes.
    static func passed(by text: UnsafeBufferPointer<UInt8>) -> Set {
        // No branches within, so that many bytes are taken at a time: most texts have none of these.
        var (leastAt, leastDollar, leastDigit): (UInt8, UInt8, UInt8) = (0xFF, 0xFF, 0xFF)
        for byte in text {
            leastAt = min(leastAt, byte ^ 0x40)
            leastDollar = min(leastDollar, byte ^ 0x24)
            leastDigit = min(leastDigit, byte &- 0x30)
        }
        var passed = Set()
        if leastAt == 0 { passed.insert(.at) }
        if leastDollar == 0 { passed.insert(.dollar) }
        guard leastDigit < 10 else { return passed }
        passed.insert(.digit)
        var (fewRun, manyRun) = (DigitRun(few), DigitRun(many))
        forEachDigit(of: text) { place in
            fewRun.add(place)
            manyRun.add(place)
        }
        if fewRun.isEnough { passed.insert(.digits) }
        if manyRun.isEnough { passed.insert(.manyDigits) }
        return passed
    }

    /// Digits that stand near one another.
    private struct DigitRun {
        private let tier: (digits: Int, gap: Int)
        private var count = 0
        private var last = 0
        private(set) var isEnough = false

        init(_ tier: (digits: Int, gap: Int)) { self.tier = tier }

        @inline(__always)
        mutating func add(_ place: Int) {
            count = count > 0 && place &- last &- 1 <= tier.gap ? count &+ 1 : 1
            last = place
            if count >= tier.digits { isEnough = true }
        }
    }

    /// Eight bytes at a time, since most have no digit.
    @inline(__always)
    private static func forEachDigit(of text: UnsafeBufferPointer<UInt8>, _ body: (Int) -> Void) {
        let bytes = UnsafeRawBufferPointer(text)
        var offset = 0
        while offset &+ 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            // Of a digit, what is left is below ten: then no bit is carried into its highest.
            let rest = word ^ 0x3030_3030_3030_3030
            let others = ((rest & 0x7F7F_7F7F_7F7F_7F7F) &+ 0x7676_7676_7676_7676) | rest
            var digits = ~others & 0x8080_8080_8080_8080
            while digits != 0 {
                body(offset &+ digits.trailingZeroBitCount / 8)
                digits &= digits &- 1
            }
            offset &+= 8
        }
        while offset < bytes.count {
            if bytes[offset] &- 0x30 < 10 { body(offset) }
            offset &+= 1
        }
    }

    struct Set {
        private var bits: UInt8 = 1

        func contains(_ gate: SearchGate) -> Bool { bits & gate.bit != 0 }

        mutating func insert(_ gate: SearchGate) { bits |= gate.bit }

        func overlaps(_ other: Set) -> Bool { bits & other.bits != 0 }

        /// Of some gates and no others.
        init(only gates: some Sequence<SearchGate>) { bits = gates.reduce(0) { $0 | $1.bit } }

        init() {}
    }

    private var bit: UInt8 {
        switch self {
        case .open: 1
        case .at: 2
        case .digits: 4
        case .manyDigits: 8
        case .dollar: 16
        case .digit: 32
        }
    }
}
