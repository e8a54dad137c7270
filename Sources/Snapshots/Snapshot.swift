/// An immutable value that many read and one replaces as a whole.
///
/// Stages of the request path read snapshots; whoever learns of a change builds the next value off the path and swaps
/// it in. A reader holds what it read for as long as it needs it, so no request sees half of two values.
///
/// Cost: one uncontended lock and a retain, about 20 ns.
public final class Snapshot<Value: Sendable>: Sendable {
    @usableFromInline let lock: Lock<Value>

    @inlinable
    public init(_ value: Value) {
        lock = Lock(value)
    }

    /// The value as of now. Read it once per decision and keep it.
    @inlinable
    public var current: Value {
        lock.withLock { $0 }
    }

    /// Replaces the value; readers that hold the old one keep it.
    @inlinable
    public func replace(with value: Value) {
        lock.withLock { $0 = value }
    }
}
