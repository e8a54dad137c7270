internal import NIOCore

/// What time it is on one event loop, as of its last tick: good enough for deadlines, and no call of the system.
///
/// Deadlines are set and checked by this clock alone. It counts the time in which the loop was at work, so that nobody is
/// late because something held the loop up.
///
/// `@unchecked Sendable`: touched on its loop only.
final class LoopClock: @unchecked Sendable {
    /// How exactly deadlines are kept.
    static let tick = TimeAmount.milliseconds(100)
    /// Ticks that come later than this say that something held the loop up.
    static let lateness = TimeAmount.milliseconds(300)

    private(set) var now = NIODeadline.now()

    /// A deadline no earlier than `time` from now, and up to a tick later.
    func deadline(in time: TimeAmount) -> NIODeadline { Self.deadline(time, from: now) }

    static func deadline(_ time: TimeAmount, from now: NIODeadline) -> NIODeadline { now + time + tick }

    /// Called at every tick with the time since the one before.
    func advance(by time: TimeAmount) {
        now = now + min(time, Self.lateness)
    }
}
