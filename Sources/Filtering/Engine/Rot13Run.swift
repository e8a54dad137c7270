/// Finds stretches of a text that are another text in ROT13, byte by byte.
///
/// Whether there may be any is seen by pairs of letters that ROT13 has at every twentieth place and prose nearly nowhere, so
/// that prose costs little. Around such a pair, words are counted: a stretch begins up to 64 bytes before it, and ends where
/// eight words in a row are none of the `Rot13Words`. Frequent words as they are, before or behind all of those, don't belong to
/// it.
struct Rot13Run {
    /// Of the stretch that is counted; `nil` outside of any.
    private var stretch: Stretch?
    /// Outside, what came last: what one may begin with.
    private var recent: [UInt8] = []
    /// Where in the original the text begins, or the latest stretch was given up.
    private var floor = 0
    private var end = 0
    /// How many more are read.
    private var remaining: Int
    /// Whether there was more that people could read.
    private var exceedsBounds = false

    static let bytesMax = EncodedRun.bytesMax
    static let leadBytesMax = 64
    /// So many bytes are looked at for pairs at a time.
    private static let blockBytes = 512

    /// - Parameter countMax: how many are read; further ones are left alone.
    init(countMax: Int) {
        remaining = countMax
    }

    /// Whether there was more that people could read since this was asked last.
    mutating func takeExcess() -> Bool {
        defer { exceedsBounds = false }
        return exceedsBounds
    }

    /// Before which offset of the original no further stretch begins.
    var settled: Int { stretch?.begin ?? end - min(recent.count, Self.leadBytesMax) }

    /// Takes what comes next, which begins at an offset of the original.
    mutating func take(_ part: UnsafeBufferPointer<UInt8>, original: Int, found: (EncodedRun.Decoded) -> Void) {
        // Between two texts stands what belongs to neither.
        if original != end { floor = original }
        var index = 0
        while index < part.count {
            if stretch == nil {
                guard let pair = nextPair(in: part, from: index) else { break }
                open(part, from: index, to: pair, original: original)
                index = pair
            }
            while index < part.count, stretch?.take(part[index], at: original + index) == true { index += 1 }
            if index < part.count { close(at: original + index, found) }
        }
        end = original + part.count
        if stretch == nil { keep(part, from: index) }
    }

    /// Ends the text at an offset of the original.
    mutating func finish(at offset: Int, found: (EncodedRun.Decoded) -> Void) {
        if stretch != nil {
            stretch?.endWord(at: offset)
            close(at: offset, found)
        }
        recent.removeAll(keepingCapacity: true)
        (floor, end) = (offset, offset)
    }

    /// Whether a text has any of the pairs: where it has none, nothing in it is read.
    static func isPossible(in text: UnsafeBufferPointer<UInt8>) -> Bool { nextPair(in: text, from: 0) != nil }

    private mutating func close(at offset: Int, _ found: (EncodedRun.Decoded) -> Void) {
        defer { (stretch, floor) = (nil, offset) }
        guard let stretch, stretch.isRotated else { return }
        guard remaining > 0 else {
            exceedsBounds = true
            return
        }
        remaining -= 1
        found(stretch.decoded(at: offset))
    }

    // MARK: - Where one begins

    /// Begins a stretch that a pair announces whose second letter stands at an index of the part.
    private mutating func open(_ part: UnsafeBufferPointer<UInt8>, from start: Int, to pair: Int, original: Int) {
        var lead = recent
        lead += part[max(start, pair - Self.leadBytesMax)..<pair]
        lead.removeFirst(max(lead.count - Self.leadBytesMax, 0))
        recent.removeAll(keepingCapacity: true)
        let begin = original + pair - lead.count
        // What is left of a word is none.
        let first = begin == floor ? 0 : lead.firstIndex { !Stretch.isLetter($0) } ?? lead.count
        var stretch = Stretch(begin: begin + first)
        for index in first..<lead.count { _ = stretch.take(lead[index], at: begin + index) }
        stretch.endLead()
        self.stretch = stretch
    }

    private mutating func keep(_ part: UnsafeBufferPointer<UInt8>, from start: Int) {
        recent.append(contentsOf: UnsafeBufferPointer(rebasing: part[max(start, part.count - Self.leadBytesMax)...]))
        // Not every time, for pieces of few bytes.
        if recent.count > Self.blockBytes { recent.removeFirst(recent.count - Self.leadBytesMax) }
    }

    /// Where the second letter of the next pair stands.
    private func nextPair(in part: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        if let last = recent.last, Self.miss(last, part[start]) == 0 { return start }
        return Self.nextPair(in: part, from: start)
    }

    private static func nextPair(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        var begin = start
        while begin + 1 < text.count {
            let whole = min(blockBytes, (text.count - 1 - begin) & ~31)
            guard whole > 0 else { return pair(in: text, begin..<text.count - 1) }
            // No branches within, so that many bytes are taken at a time.
            var least: UInt8 = 0xFF
            for index in begin..<begin + whole { least = min(least, miss(text[index], text[index &+ 1])) }
            if least == 0 { return pair(in: text, begin..<begin + whole) }
            begin += whole
        }
        return nil
    }

    private static func pair(in text: UnsafeBufferPointer<UInt8>, _ firsts: Range<Int>) -> Int? {
        for index in firsts {
            // Mostly it is neither.
            let (first, second) = (text[index] | 0x20, text[index &+ 1] | 0x20)
            guard first == 0x76 || second == 0x76 || first == 0x71 else { continue }
            if miss(first, second) == 0 { return index &+ 1 }
        }
        return nil
    }

    /// 0 for the pairs: what in ROT13 are an i behind or before one of c, d, s and t, io, ip, and a d before one of a, b, e, f,
    /// o and p.
    @inline(__always)
    private static func miss(_ first: UInt8, _ second: UInt8) -> UInt8 {
        // Pairs of f and g, p and q, b and c differ in the lowest bit alone.
        let (former, latter) = (first | 0x21, second | 0x21)
        let before = max(min(former ^ 0x67, former ^ 0x71), (second | 0x20) ^ 0x76)
        let behind = max(min(latter ^ 0x67, min(latter ^ 0x71, latter ^ 0x63)), (first | 0x20) ^ 0x76)
        let other = max(min(latter ^ 0x73, min(latter ^ 0x6F, latter ^ 0x63)), (first | 0x20) ^ 0x71)
        return min(before, min(behind, other))
    }
}

extension Rot13Run {
    /// What may be a text in ROT13, as far as it came.
    struct Stretch {
        /// In the original.
        private(set) var begin: Int
        private var bytes: [UInt8] = []
        /// How many of them belong to it.
        private var count = 0
        /// Whether a frequent word as it is came behind them.
        private var isEnded = false
        private var word = Word()
        /// Frequent words in ROT13, and how many different ones.
        private var signs = 0
        private var kinds: Set<Int> = []
        /// Words of any kind from the first of them on, as far as the latest, and since that.
        private var words = 0
        private var idle = 0
        /// With so many of these it ends; what stands before the pair never does.
        private var idleLimit = Int.max

        private static let idleMax = 8
        /// More letters in a row are no word.
        private static let lettersMax = 20

        /// The word that the latest bytes belong to.
        private struct Word {
            var key: UInt64 = 0
            var count = 0
            /// Whether it has letters only.
            var isPlain = true
        }

        init(begin: Int) { self.begin = begin }

        /// Whether there are so many frequent words in ROT13 that it can be nothing else.
        var isRotated: Bool {
            kinds.count >= 2 && signs * (kinds.count == 2 ? 3 : 4) >= words
        }

        func decoded(at offset: Int) -> EncodedRun.Decoded {
            EncodedRun.Decoded(
                range: begin..<begin + count, decided: offset, text: bytes.prefix(count).map(Rot13.rotated),
                isRotated: true)
        }

        /// Takes a byte, unless the stretch ends before it.
        mutating func take(_ byte: UInt8, at offset: Int) -> Bool {
            if Self.isLetter(byte) {
                if word.count < Rot13Words.lettersMax { word.key = word.key &<< 8 | UInt64(byte | 0x20) }
                word.count &+= 1
            } else if Self.isSign(byte) {
                word.isPlain = false
                word.count &+= 1
            } else if word.count > 0 {
                endWord(at: offset)
            }
            guard idle < idleLimit, bytes.count < Rot13Run.bytesMax else { return false }
            if bytes.isEmpty {
                guard word.count > 0 else { return true }
                begin = offset
            }
            bytes.append(byte)
            return true
        }

        /// Ends what stands before the pair.
        mutating func endLead() { idleLimit = idle + Self.idleMax }

        /// Ends the latest word at an offset of the original.
        mutating func endWord(at offset: Int) {
            defer { word = Word() }
            guard word.count > 0 else { return }
            let isWord = word.isPlain && word.count >= Rot13Words.lettersMin && word.count <= Self.lettersMax
            if isWord, let kind = Rot13Words.shared.index(of: word.key) {
                words += signs == 0 ? 1 : idle + 1
                (signs, idle, isEnded) = (signs + 1, 0, false)
                if idleLimit != .max { idleLimit = Self.idleMax }
                kinds.insert(kind)
            } else if isWord {
                idle += 1
                let isFrequent = Rot13Words.shared.index(of: Rot13Words.rotated(word.key)) != nil
                if isFrequent, signs == 0 { return begin(at: offset) }
                isEnded = isEnded || isFrequent
            }
            if !isEnded { count = bytes.count }
        }

        private mutating func begin(at offset: Int) {
            begin = offset
            bytes.removeAll(keepingCapacity: true)
            count = 0
        }

        @inline(__always)
        static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

        /// Whether base64 has it besides letters.
        @inline(__always)
        private static func isSign(_ byte: UInt8) -> Bool {
            byte &- 0x30 < 10 || byte == 0x2B || byte == 0x2F || byte == 0x3D
        }
    }
}
