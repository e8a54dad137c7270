internal import Glibc

/// What a text must have before it is searched for some patterns: those that have no word which a search could look for first,
/// so that it follows every character. Five of the shipped ones took nine tenths of the time of all, and most texts have nothing
/// that they want.
enum SearchGate: Sendable, CaseIterable {
    /// Searched for in every text.
    case open
    /// The sign of addresses.
    case at
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
        } else {
            self = asks(for: Self.few) ? .digits : .open
        }
    }

    /// The gates that a text in the normalised view passes.
    static func passed(by text: UnsafeBufferPointer<UInt8>) -> Set {
        var passed = Set()
        if let base = text.baseAddress, memchr(base, 0x40, text.count) != nil { passed.insert(.at) }
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
    }

    private var bit: UInt8 {
        switch self {
        case .open: 1
        case .at: 2
        case .digits: 4
        case .manyDigits: 8
        }
    }
}
