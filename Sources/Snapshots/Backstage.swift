internal import Glibc

/// What threads do between the small steps of work that nobody waits for, such as storing records.
///
/// On a machine whose processors are all taken, a thread that works on keeps an event loop from its own for up to three
/// milliseconds; the 99th percentile of answers was there. One that gives way between steps of 50 µs does so for no longer.
package struct Backstage: Sendable {
    private let every: Int
    private var steps = 0

    /// - Parameter every: how many steps take some 50 µs.
    package init(every: Int) {
        self.every = every
    }

    /// After a step: lets others that are ready have the processor now and then, which takes 0.3 µs where none is.
    package mutating func step() {
        steps &+= 1
        if steps.isMultiple(of: every) { sched_yield() }
    }
}
