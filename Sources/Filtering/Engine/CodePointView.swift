internal import CICU

/// What code points become in a view, remembered page by page as texts use them.
///
/// A view is made code point by code point, never from neighbours: so it does not matter where a streamed text is cut.
/// For that, composition is left out: a view is decomposed (NFKD), without marks, and patterns pass through the same
/// map. Owned by one `Screener`; at most 2 MB however hostile the text (code points above U+1FFFF are not kept).
final class CodePointView {
    enum Mapped {
        /// Stays as written.
        case same
        /// Becomes that many bytes, which stand in `buffer`; 0 leaves it out.
        case bytes(Int)
    }

    let view: Rule.View
    /// What the last `map` wrote.
    let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: 64)
    /// 256 entries a page; an entry holds a count in its lowest byte and up to 7 bytes above it.
    private var pages = [UnsafeMutablePointer<UInt64>?](repeating: nil, count: 0x200)
    private static let unknown: UInt64 = 0
    private static let same: UInt64 = 0xFF
    private static let long: UInt64 = 0xFE

    init(_ view: Rule.View) {
        self.view = view
    }

    deinit {
        buffer.deallocate()
        for case let page? in pages { page.deallocate() }
    }

    func map(_ codePoint: UInt32) -> Mapped {
        guard codePoint < 0x20000 else { return mapByICU(codePoint) }
        let page = page(Int(codePoint >> 8))
        let index = Int(codePoint & 0xFF)
        var entry = page[index]
        if entry == Self.unknown {
            entry = makeEntry(codePoint)
            page[index] = entry
        }
        if entry == Self.same { return .same }
        if entry == Self.long { return mapByICU(codePoint) }
        let count = Int(entry & 0x0F)
        for byte in 0..<count { buffer[byte] = UInt8(truncatingIfNeeded: entry >> (8 * UInt64(byte + 1))) }
        return .bytes(count)
    }

    private func page(_ index: Int) -> UnsafeMutablePointer<UInt64> {
        if let page = pages[index] { return page }
        let page = UnsafeMutablePointer<UInt64>.allocate(capacity: 256)
        page.initialize(repeating: Self.unknown, count: 256)
        pages[index] = page
        return page
    }

    /// 0x10 | count marks a known entry, so that a left-out code point is not `unknown`.
    private func makeEntry(_ codePoint: UInt32) -> UInt64 {
        switch mapByICU(codePoint) {
        case .same: return Self.same
        case .bytes(let count):
            guard count <= 7 else { return Self.long }
            return (0..<count).reduce(0x10 | UInt64(count)) { $0 | UInt64(buffer[$1]) << (8 * UInt64($1 + 1)) }
        }
    }

    private func mapByICU(_ codePoint: UInt32) -> Mapped {
        let count = cicu_map(codePoint, view == .skeleton ? CICU_SKELETON : CICU_NORMALISED, buffer, 64)
        return count < 0 ? .same : .bytes(Int(count))
    }
}
