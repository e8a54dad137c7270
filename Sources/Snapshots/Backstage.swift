internal import Glibc

/// What threads do between the small steps of work that nobody waits for, such as storing records.
///
/// On a machine whose processors are all taken, a thread that works on keeps an event loop from its own for up to three
/// milliseconds, and slows it down on the other half of a core: the 99th percentile of answers was there. One that pauses
/// between steps of 50 µs spreads its work over the time that it has.
package struct Backstage: Sendable {
    private let every: Int
    private let isBehind: Bool
    private var steps = 0

    private static let pauseMicroseconds = 50

    /// - Parameters:
    ///   - every: how many steps take some 50 µs.
    ///   - isBehind: whether there is no time to pause; then it only lets go first who is ready.
    package init(every: Int, isBehind: Bool) {
        self.every = every
        self.isBehind = isBehind
    }

    /// After a step.
    package mutating func step() {
        steps &+= 1
        guard steps.isMultiple(of: every) else { return }
        if isBehind { sched_yield() } else { OwnedThread.nap(microseconds: Self.pauseMicroseconds) }
    }
}
