internal import Synchronization

/// How many bytes of bodies the whole gateway may hold at once.
package final class ByteBudget: Sendable {
    private let available: Atomic<Int>
    private let max: Atomic<Int>

    package init(_ bytes: Int) {
        available = Atomic(bytes)
        max = Atomic(bytes)
    }

    /// So many from now on. Where more are held already, nothing more is taken until enough is given back.
    func resize(to bytes: Int) {
        available.add(bytes - max.exchange(bytes, ordering: .relaxed), ordering: .relaxed)
    }

    /// Takes `bytes` if there are so many left.
    func take(_ bytes: Int) -> Bool {
        if available.subtract(bytes, ordering: .relaxed).newValue >= 0 { return true }
        available.add(bytes, ordering: .relaxed)
        return false
    }

    func give(back bytes: Int) {
        if bytes > 0 { available.add(bytes, ordering: .relaxed) }
    }
}
