internal import NIOCore

/// Runs tasks' jobs on one event loop, so that straight-line `async` code never leaves the loop of its connection. Keeps the
/// loop's clock and its flushes too, which whatever runs here needs.
///
/// `@unchecked Sendable`: everything mutable is touched on the loop only.
final class LoopExecutor: TaskExecutor, @unchecked Sendable {
    let loop: any EventLoop
    let flushes: FlushQueue
    let clock = LoopClock()
    private var ready: [UnownedJob] = []
    private var isCollecting = false

    init(_ loop: any EventLoop) {
        self.loop = loop
        flushes = FlushQueue(loop: loop)
        ready.reserveCapacity(16)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        guard loop.inEventLoop else {
            return loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
        ready.append(job)
        if !isCollecting {
            isCollecting = true
            runCollectedSoon()
        }
    }

    /// Returns after the loop has looked for other events.
    func letOthersRun() async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            // A loop polls only when nothing is left that may run at once, so this must not be due before it looks.
            loop.scheduleTask(in: .microseconds(500)) { continuation.resume() }
        }
    }

    /// From here on, jobs that a channel's event makes ready gather until `runCollected`, which saves a trip through the
    /// loop's queue for each.
    func collect() {
        isCollecting = true
    }

    /// For a channel that goes while its event is handled, after which no other event of it may come.
    func runCollectedSoon() {
        if isCollecting { loop.execute { self.runCollected() } }
    }

    /// Runs what has gathered, and what that makes ready.
    func runCollected() {
        guard isCollecting else { return }
        var index = 0
        while index < ready.count {
            let job = ready[index]
            index += 1
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
        ready.removeAll(keepingCapacity: true)
        isCollecting = false
    }
}
