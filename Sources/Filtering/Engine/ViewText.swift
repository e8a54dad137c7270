/// The last part of a text in one view, and where its bytes came from.
///
/// Holds what rules may still look back at; `trim` drops the rest. Offsets count from the beginning of all text.
struct ViewText {
    /// A stretch of the view. Where `isLinear`, its bytes are the original's, one for one; otherwise all of it comes from all of
    /// the original stretch. What the view leaves out lies between stretches.
    struct Stretch {
        var view: Int
        var original: Int
        var viewCount: Int
        var originalCount: Int
        var isLinear: Bool

        var viewEnd: Int { view + viewCount }
    }

    let view: Rule.View
    private(set) var bytes: [UInt8] = []
    /// The offset of `bytes`' first byte.
    private(set) var start = 0
    private var stretches: [Stretch] = []
    /// Left-out characters since the last one that was not.
    private var leftOut = 0
    /// After so many left-out characters in a row the view gets a blank, so that held text stays bounded.
    static let leftOutMax = 32

    init(_ view: Rule.View) {
        self.view = view
    }

    var end: Int { start + bytes.count }

    func withWindow<Result>(isComplete: Bool, _ body: (Window) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else {
                return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { empty in
                    // An empty text has no byte that anyone reads.
                    body(
                        Window(
                            bytes: UnsafePointer(empty.baseAddress.unsafelyUnwrapped), start: start, end: start,
                            isComplete: isComplete))
                }
            }
            return body(Window(bytes: base, start: start, end: start + bytes.count, isComplete: isComplete))
        }
    }

    // MARK: - Appending

    /// Appends text whose bytes the view keeps one for one, such as plain ASCII.
    mutating func append(same text: UnsafeBufferPointer<UInt8>, original: Int) {
        leftOut = 0
        if let last = stretches.indices.last, stretches[last].isLinear,
            stretches[last].original + stretches[last].originalCount == original
        {
            stretches[last].viewCount += text.count
            stretches[last].originalCount += text.count
        } else {
            stretches.append(
                Stretch(view: end, original: original, viewCount: text.count, originalCount: text.count, isLinear: true)
            )
        }
        let count = bytes.count
        bytes.append(contentsOf: text)
        guard view == .skeleton else { return }
        bytes.withUnsafeMutableBufferPointer { all in
            for index in count..<all.count { all[index] = Skeleton.ascii(all[index]) }
        }
    }

    /// Appends whole characters of valid UTF-8.
    ///
    /// - Parameter reveals: whether to read characters that hide ASCII as what they hide, instead of leaving them out.
    /// - Returns: where the first of them stands in `text`.
    @discardableResult
    mutating func append(
        _ text: UnsafeBufferPointer<UInt8>, original: Int, _ view: CodePointView, reveals: Bool
    ) -> Int? {
        var hidden: Int?
        var sameFrom = 0
        var index = 0
        func same(_ upTo: Int) -> UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: text[sameFrom..<upTo]) }
        while index < text.count {
            let byte = text[index]
            if UTF8Decoding.isPlain(byte) {
                index += 1
                continue
            }
            let (codePoint, width) = byte < 0x80 ? (UInt32(byte), 1) : UTF8Decoding.codePoint(text, index)
            if let mapped = view.map(codePoint) {
                if sameFrom < index { append(same: same(index), original: original + sameFrom) }
                sameFrom = index + width
                let secret = mapped.isEmpty ? HiddenASCII.byte(of: codePoint) : nil
                if secret != nil { hidden = hidden ?? index }
                if reveals, let secret {
                    append(revealed: secret, original: original + index, width)
                } else {
                    append(mapped: mapped, original: original + index, width)
                }
            }
            index += width
        }
        if sameFrom < index { append(same: same(index), original: original + sameFrom) }
        return hidden
    }

    private mutating func append(mapped: UnsafeBufferPointer<UInt8>, original: Int, _ originalCount: Int) {
        var count = mapped.count
        if count == 0 {
            leftOut += 1
            guard leftOut > Self.leftOutMax else { return }
            count = 1
            stretches.append(
                .init(view: end, original: original, viewCount: 1, originalCount: originalCount, isLinear: false))
            bytes.append(0x20)
        } else {
            stretches.append(
                .init(view: end, original: original, viewCount: count, originalCount: originalCount, isLinear: false))
            bytes.append(contentsOf: mapped)
        }
        leftOut = 0
    }

    private mutating func append(revealed byte: UInt8, original: Int, _ originalCount: Int) {
        stretches.append(
            .init(view: end, original: original, viewCount: 1, originalCount: originalCount, isLinear: false))
        bytes.append(view == .skeleton ? Skeleton.ascii(byte) : byte)
        leftOut = 0
    }

    /// Appends a blank that the original does not have at `original`.
    mutating func appendBlank(original: Int) {
        stretches.append(.init(view: end, original: original, viewCount: 1, originalCount: 0, isLinear: false))
        bytes.append(0x20)
        leftOut = 0
    }

    /// Drops what lies more than `reach` bytes before the end, now and then.
    mutating func trim(to reach: Int) {
        guard bytes.count > 2 * reach + 256 else { return }
        let dropped = bytes.count - reach
        bytes.removeFirst(dropped)
        start += dropped
        if let keep = stretches.firstIndex(where: { $0.viewEnd > start }) { stretches.removeFirst(keep) }
    }

    // MARK: - Offsets

    /// The original offset where the character at a view offset begins; `nil` at the view's end.
    func original(startingAt offset: Int) -> Int? {
        guard offset < end, let stretch = stretch(holding: offset) else { return nil }
        guard stretch.isLinear else { return stretch.original }
        var offset = offset
        while offset > max(stretch.view, start), bytes[offset - start] & 0xC0 == 0x80 { offset -= 1 }
        return stretch.original + offset - stretch.view
    }

    /// The original offset where the character before a view offset ends.
    func original(endingAt offset: Int) -> Int {
        guard offset > start, let stretch = stretch(holding: offset - 1) else { return stretches.first?.original ?? 0 }
        guard stretch.isLinear else { return stretch.original + stretch.originalCount }
        var offset = offset
        while offset < stretch.viewEnd, bytes[offset - start] & 0xC0 == 0x80 { offset += 1 }
        return stretch.original + offset - stretch.view
    }

    /// How many view bytes come from the original before `original`.
    func viewOffset(ofOriginal original: Int) -> Int {
        guard let stretch = stretches.last(where: { $0.original < original }) else { return start }
        return stretch.isLinear ? min(stretch.viewEnd, stretch.view + original - stretch.original) : stretch.viewEnd
    }

    private func stretch(holding offset: Int) -> Stretch? {
        var (low, high) = (0, stretches.count)
        while low < high {
            let middle = (low + high) / 2
            if stretches[middle].view <= offset { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? stretches[low - 1] : nil
    }
}

enum UTF8Decoding {
    /// The code point at `index` of valid UTF-8, not ASCII, and its bytes.
    static func codePoint(_ text: UnsafeBufferPointer<UInt8>, _ index: Int) -> (UInt32, Int) {
        let lead = UInt32(text[index])
        func tail(_ offset: Int) -> UInt32 { index + offset < text.count ? UInt32(text[index + offset] & 0x3F) : 0 }
        if lead < 0xE0 { return ((lead & 0x1F) << 6 | tail(1), min(2, text.count - index)) }
        if lead < 0xF0 { return ((lead & 0x0F) << 12 | tail(1) << 6 | tail(2), min(3, text.count - index)) }
        return ((lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), min(4, text.count - index))
    }

    /// Whether all bytes are plain ASCII; a loop without branches, which vectorises (50 ns a KB).
    static func isPlain(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        // What lies between tab and carriage return wraps round to the top.
        var (least, most, leastControl): (UInt8, UInt8, UInt8) = (0xFF, 0, 0xFF)
        for byte in text {
            least = min(least, byte)
            most = max(most, byte)
            leastControl = min(leastControl, byte &- 0x0E)
        }
        return least >= 0x09 && most <= 0x7E && leastControl >= 0x12
    }

    /// Whether views keep the byte as it is: a visible character or white space (tab to carriage return, and the blank).
    /// Other control characters are no more to be seen than zero-width ones.
    @inline(__always)
    static func isPlain(_ byte: UInt8) -> Bool {
        byte &- 0x20 <= 0x5E || byte &- 0x09 <= 4
    }
}

/// Characters that readers don't see and that carry an ASCII text for programs: tags, and variation selectors used as
/// bytes.
///
/// Views leave them out, as readers do. A text that has any is read with what they hide too: see `TextScan`.
enum HiddenASCII {
    /// What each of them begins with in UTF-8.
    static let lead: UInt8 = 0xF3

    static func byte(of codePoint: UInt32) -> UInt8? {
        switch codePoint {
        case 0xE0020...0xE007E: UInt8(truncatingIfNeeded: codePoint)
        // The first of these selectors stands for the byte 16.
        case 0xE0110...0xE016E: UInt8(truncatingIfNeeded: codePoint &- 0xE0100 &+ 16)
        default: nil
        }
    }
}
