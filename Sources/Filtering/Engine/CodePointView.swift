internal import CICU

/// What code points become in a view, remembered as texts use them.
///
/// A view is made code point by code point, never from neighbours: so it does not matter where a streamed text is cut.
/// For that, composition is left out: a view is decomposed (NFKD), without marks, and patterns pass through the same
/// map. ICU is asked once for each code point (0.4 µs, for some 3 µs), so hostile text can't have it work at every
/// character. Owned by one `Screener`; grows to 3 MB where texts use every code point there is.
final class CodePointView {
    enum Form {
        /// What rules look at.
        case view(Rule.View)
        /// What the classifier reads: see `CICU_FOLDED`.
        case folded
    }

    private let form: cicu_view
    /// By code point / 256: 256 entries each, made when a text uses one of them.
    private let pages: UnsafeMutablePointer<UnsafeMutablePointer<UInt16>?>
    /// All that code points become, one behind the other.
    private var results: UnsafeMutablePointer<UInt8>
    private var resultsCapacity = 1_024
    private var resultsCount = 0
    /// By result: where its bytes begin; one more for where the last ends.
    private var starts: [UInt32] = [0]

    private static let pageCount = 0x1100
    /// What ICU may write at most.
    static let resultBytesMax = 64
    // An entry is one of these, or the number of a result, which count from `firstResult`.
    private static let unknown: UInt16 = 0
    private static let same: UInt16 = 1
    private static let firstResult: UInt16 = 2

    /// Whether ICU's tables could be opened. If not, every code point would stay as written.
    static var isReady: Bool { cicu_ready() != 0 }

    init(_ form: Form) {
        self.form =
            switch form {
            case .view(.normalised): CICU_NORMALISED
            case .view(.skeleton): CICU_SKELETON
            case .folded: CICU_FOLDED
            }
        pages = .allocate(capacity: Self.pageCount)
        pages.initialize(repeating: nil, count: Self.pageCount)
        results = .allocate(capacity: resultsCapacity)
    }

    convenience init(_ view: Rule.View) { self.init(.view(view)) }

    var isSkeleton: Bool { form == CICU_SKELETON }

    deinit {
        for page in 0..<Self.pageCount { pages[page]?.deallocate() }
        pages.deallocate()
        results.deallocate()
    }

    /// Bytes that are kept, all tables together.
    var keptBytes: Int {
        let used = (0..<Self.pageCount).count { pages[$0] != nil }
        return Self.pageCount * 8 + used * 256 * 2 + resultsCapacity + starts.capacity * 4
    }

    /// The bytes that a code point outside of plain ASCII becomes: empty where the view leaves it out, `nil` where it
    /// stays as written. They are there until the next call.
    func map(_ codePoint: UInt32) -> UnsafeBufferPointer<UInt8>? {
        // What is no code point would stand outside of the table; valid UTF-8 has none.
        guard codePoint < UInt32(Self.pageCount) << 8 else { return nil }
        let page = pages[Int(codePoint &>> 8)] ?? makePage(Int(codePoint &>> 8))
        let index = Int(codePoint & 0xFF)
        var entry = page[index]
        if entry == Self.unknown {
            entry = makeEntry(codePoint)
            page[index] = entry
        }
        if entry == Self.same { return nil }
        let result = Int(entry &- Self.firstResult)
        let start = Int(starts[result])
        return UnsafeBufferPointer(start: results + start, count: Int(starts[result + 1]) - start)
    }

    private func makePage(_ index: Int) -> UnsafeMutablePointer<UInt16> {
        let page = UnsafeMutablePointer<UInt16>.allocate(capacity: 256)
        page.initialize(repeating: Self.unknown, count: 256)
        pages[index] = page
        return page
    }

    private func makeEntry(_ codePoint: UInt32) -> UInt16 {
        if resultsCount + Self.resultBytesMax > resultsCapacity { growResults() }
        let count = cicu_map(
            codePoint, form, results + resultsCount, Int32(Self.resultBytesMax))
        guard count >= 0 else { return Self.same }
        // Some 40,000 code points change.
        precondition(
            starts.count <= Int(UInt16.max - Self.firstResult), "ICU maps more code points than there is room for.")
        resultsCount += Int(count)
        starts.append(UInt32(resultsCount))
        return Self.firstResult + UInt16(starts.count - 2)
    }

    private func growResults() {
        let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: resultsCapacity * 2)
        grown.update(from: results, count: resultsCount)
        results.deallocate()
        results = grown
        resultsCapacity *= 2
    }
}
