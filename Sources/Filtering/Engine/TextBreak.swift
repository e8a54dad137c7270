/// The end of one of several texts that are screened in one go.
///
/// Each is judged as if nothing stood beside it, but for words of context, which may stand in the other texts of its
/// section. Behind each stands a line's end that belongs to none, so that one search finds what any of them ends with.
package struct TextBreak: Sendable, Hashable {
    /// Where the line's end stands; the next text begins behind it.
    package var end: Int
    package var endsSection: Bool
    /// Who wrote the text that ends here.
    package var source: TextSource

    package init(end: Int, endsSection: Bool, source: TextSource = .caller) {
        self.end = end
        self.endsSection = endsSection
        self.source = source
    }

    /// What stands at `end`.
    package static let separator: UInt8 = 0x0A
    static let separatorCount = 1
}

extension [TextBreak] {
    /// The text that ends with a break, as a match sees it.
    func text(_ index: Int, of window: Window) -> Window {
        window.ended(at: self[index].end).begun(at: begin(of: index))
    }

    /// The same with what stands beside it, as far as words of context are looked for.
    func surroundings(of index: Int, in window: Window) -> Window {
        let reach = FilterRules.contextBytesMax
        var (first, last) = (index, index)
        while first > 0, !self[first - 1].endsSection, begin(of: index) - begin(of: first) < reach { first -= 1 }
        while last + 1 < count, !self[last].endsSection, self[last].end - self[index].end < reach { last += 1 }
        return window.ended(at: self[last].end).begun(at: begin(of: first))
    }

    /// The same where somebody else than the caller wrote any of the texts; otherwise none.
    var ofSeveralSources: [TextBreak] { contains { $0.source != .caller } ? self : [] }

    /// Who wrote the text in which an offset lies.
    func source(at offset: Int) -> TextSource {
        let index = partitionPoint { $0.end < offset }
        return index < count ? self[index].source : .caller
    }

    func begin(of index: Int) -> Int { index > 0 ? self[index - 1].end + 1 : 0 }
}

extension Array {
    /// The first index whose element does not fulfil `belongsBefore`, in an array where those that do stand first.
    package func partitionPoint(_ belongsBefore: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if belongsBefore(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
