/// What may stand in a text by the words that it has: what a `WordSearch` saw. Owned by one `Screener`.
final class WordHits {
    /// Where a text must be searched for a target.
    struct Stretch {
        var target: Int
        var range: Range<Int>
    }

    private var owner: WordSearch?
    /// By target: whether all words were seen that one of its rules demands.
    private var isOpen: [Bool] = []
    private(set) var opened: [Int] = []
    /// Of those that are searched for near their words only.
    private(set) var stretches: [Stretch] = []
    /// By target: its latest stretch; -1 without one.
    private var latest: [Int] = []
    /// By set: where a word of it ended last; `nowhere` without one.
    private var ends: [Int] = []
    /// Sets that have one.
    private var seen: [Int] = []
    /// The text as it is looked at, with `margin` blanks on either side: what stands there is looked at too.
    private var letters = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 0)
    private static let margin = 2

    private static let nowhere = -(1 << 40)

    deinit { letters.deallocate() }

    func isOpen(_ target: Int) -> Bool { isOpen[target] }

    /// Forgets what was seen in other texts.
    func begin(_ search: WordSearch) {
        if owner !== search {
            owner = search
            isOpen = [Bool](repeating: false, count: search.targetCount)
            latest = [Int](repeating: -1, count: search.targetCount)
            ends = [Int](repeating: Self.nowhere, count: 2 * search.owners.count)
            opened.removeAll()
            stretches.removeAll()
        }
        guard !opened.isEmpty else { return }
        for target in opened { (isOpen[target], latest[target]) = (false, -1) }
        opened.removeAll(keepingCapacity: true)
        stretches.removeAll(keepingCapacity: true)
    }

    /// Between two scans: keeps no words but those of these rules alive.
    func forget(allBut rules: [FilterRules]) {
        if !rules.contains(where: { $0.words === owner }) { owner = nil }
    }

    /// Adds what a text has.
    ///
    /// - Parameter barIsLetter: whether it is read as a skeleton.
    /// - Returns: whether that makes a difference.
    @discardableResult
    func look(in text: UnsafeBufferPointer<UInt8>, for search: WordSearch, barIsLetter: Bool) -> Bool {
        let count = text.count + 2 * Self.margin
        if letters.count < count + WordSearch.slack {
            letters.deallocate()
            letters = .allocate(capacity: 2 * (count + WordSearch.slack))
            letters.initialize(repeating: GateText.blank)
        }
        guard let base = letters.baseAddress else { preconditionFailure("There is always room for the margins.") }
        let hasBar = GateText.write(text, to: base + Self.margin, barIsLetter: barIsLetter)
        (base + Self.margin + text.count).update(repeating: GateText.blank, count: Self.margin + WordSearch.slack)
        search.scan(base, count) { see($0, at: $1 - Self.margin, search, text.count) }
        if !seen.isEmpty {
            for set in seen { ends[set] = Self.nowhere }
            seen.removeAll(keepingCapacity: true)
        }
        return hasBar
    }

    private func see(_ set: Int, at end: Int, _ search: WordSearch, _ count: Int) {
        let owner = search.owners[set / 2]
        if owner.hasSecond {
            if ends[set] == Self.nowhere { seen.append(set) }
            // They come by the place of the letters that were looked up, which may be in any part of them.
            ends[set] = max(ends[set], end)
            guard end - ends[set ^ 1] <= owner.reach else { return }
        }
        if !isOpen[owner.target] {
            isOpen[owner.target] = true
            opened.append(owner.target)
        }
        if owner.isNear {
            add(min(max(end - owner.reach, 0), count)..<min(max(end + owner.reach, 0), count), for: owner.target)
        }
    }

    private func add(_ range: Range<Int>, for target: Int) {
        let last = latest[target]
        if last >= 0, stretches[last].range.overlaps(range) {
            let known = stretches[last].range
            stretches[last].range =
                min(known.lowerBound, range.lowerBound)..<max(known.upperBound, range.upperBound)
        } else {
            latest[target] = stretches.count
            stretches.append(Stretch(target: target, range: range))
        }
    }
}
