internal import NIOCore

/// What time it is on one event loop, never earlier than it is and up to a tick later: good enough for deadlines, and no
/// call of the system.
///
/// `@unchecked Sendable`: touched on its loop only.
final class LoopClock: @unchecked Sendable {
    /// How exactly deadlines are kept.
    static let tick = TimeAmount.milliseconds(100)

    private(set) var now = NIODeadline.now() + tick

    /// Sets the clock; called at every tick.
    func update(to time: NIODeadline) {
        now = time + Self.tick
    }
}
