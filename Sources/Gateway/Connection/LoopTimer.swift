internal import NIOCore

/// A wait that somebody else may end.
///
/// `@unchecked Sendable`: touched on its loop only.
final class LoopTimer: @unchecked Sendable {
    private let loop: any EventLoop
    private var scheduled: Scheduled<Void>?
    private let isDue = LoopPromise<Bool>()

    init(on loop: any EventLoop) {
        self.loop = loop
    }

    /// Whether the time passed before it was stopped.
    func wait(_ time: TimeAmount) async -> Bool {
        if !isDue.isKept { scheduled = loop.scheduleTask(in: time) { [isDue] in _ = isDue.keep(true) } }
        return await isDue.value()
    }

    func stop() {
        scheduled?.cancel()
        isDue.keep(false)
    }
}
