/// How long a journal's writer lets entries gather: for as long as a batch of the wanted size took to come lately.
struct Linger {
    private let bounds: ClosedRange<Int>
    private(set) var microseconds: Int

    /// Fewer entries in a batch are not worth a trip of two threads; with more, their callers wait for nothing.
    static let entriesWanted = 16

    /// - Precondition: the bounds, in microseconds, are positive and no more than a second.
    init(within bounds: ClosedRange<Int>) {
        precondition(bounds.lowerBound > 0 && bounds.upperBound <= 1_000_000)
        self.bounds = bounds
        microseconds = bounds.lowerBound
    }

    /// Takes in how many entries came while it lasted; by half, since batches differ.
    mutating func learn(entries: Int) {
        let wanted = microseconds * Self.entriesWanted / max(1, entries)
        microseconds = min(max((microseconds + wanted) / 2, bounds.lowerBound), bounds.upperBound)
    }
}
