/// The words of which one must stand near a match.
struct ContextWords: Sendable {
    /// Lower case, as they appear in the view.
    let words: [[UInt8]]
    /// What a word may begin with, in either case.
    private let first: ByteSet

    var isEmpty: Bool { words.isEmpty }
    /// Bytes of the longest in the view; 0 without any.
    var widthMax: Int { words.map(\.count).max() ?? 0 }

    init(_ words: [String], _ view: CodePointView) {
        let variants = words.flatMap { [$0, $0.lowercased(), $0.uppercased()] }
        var seen = Set<[UInt8]>()
        let mapped = variants.map { Self.mapped($0, view) }.filter { !$0.isEmpty && seen.insert($0).inserted }
        self.words = mapped
        first = ByteSet(mapped.compactMap(\.first)).ignoringCase
    }

    /// Where the first word ends that lies in `range` and begins behind no letter. Behind a digit it may: what it speaks
    /// of often stands right against it.
    func firstEnd(in range: Range<Int>, _ window: Window) -> Int? {
        var best: Int?
        for offset in range
        where first.contains(window[offset])
            && (offset == window.first || !window[offset - 1].isASCIILetter)
        {
            if let best, offset >= best { break }
            for word in words where offset + word.count <= min(best ?? range.upperBound, range.upperBound) {
                if matches(word, at: offset, window) { best = offset + word.count }
            }
        }
        return best
    }

    private func matches(_ word: [UInt8], at offset: Int, _ window: Window) -> Bool {
        for index in word.indices where Self.lowered(window[offset + index]) != word[index] { return false }
        return true
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    private static func mapped(_ word: String, _ view: CodePointView) -> [UInt8] {
        word.unicodeScalars.flatMap { scalar -> [UInt8] in
            if scalar.isASCII {
                let byte = UInt8(scalar.value)
                return [view.isSkeleton ? Skeleton.ascii(byte) : lowered(byte)]
            }
            return view.map(scalar.value)?.map(lowered) ?? Array(String(scalar).utf8)
        }
    }
}
