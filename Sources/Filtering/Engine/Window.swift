/// The part of a view's text that is at hand: offsets count from the beginning of all text.
struct Window {
    /// The byte at `start`.
    let bytes: UnsafePointer<UInt8>
    let start: Int
    let end: Int
    /// Whether the text ends at `end`; otherwise what follows is not known yet.
    let isComplete: Bool
    /// Where the text begins. What stands before it belongs to another one.
    var textStart = 0

    subscript(offset: Int) -> UInt8 {
        @inline(__always) get { bytes[offset &- start] }
    }

    subscript(range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: bytes + (range.lowerBound - start), count: range.count)
    }

    /// The same text as it was when it reached `offset`.
    func cut(at offset: Int) -> Window {
        offset >= end ? self : Window(bytes: bytes, start: start, end: offset, isComplete: false, textStart: textStart)
    }

    /// The text if it begins at `offset`.
    func begun(at offset: Int) -> Window {
        Window(bytes: bytes, start: start, end: end, isComplete: isComplete, textStart: offset)
    }

    /// The text if it ends at `offset`.
    func ended(at offset: Int) -> Window {
        Window(bytes: bytes, start: start, end: offset, isComplete: true, textStart: textStart)
    }

    /// Where of the text something is at hand.
    var first: Int { max(start, textStart) }

    /// `nil` where the answer depends on a byte that is not known yet.
    func holds(_ assertion: Pattern.Assertion, at offset: Int) -> Bool? {
        if assertion.looksAhead, offset == end, !isComplete { return nil }
        switch assertion {
        case .textStart: return offset == textStart
        case .lineStart: return offset == textStart || self[offset - 1] == 0x0A
        case .textEnd: return offset == end
        case .lineEnd: return offset == end || self[offset] == 0x0A
        case .wordBoundary: return isWord(offset - 1) != isWord(offset)
        case .notWordBoundary: return isWord(offset - 1) == isWord(offset)
        }
    }

    private func isWord(_ offset: Int) -> Bool {
        guard offset >= first, offset < end else { return false }
        let byte = self[offset]
        return (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x5F
    }
}
