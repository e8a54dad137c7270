internal import Snapshots

/// Whether a thread has ended, for one that awaits it.
final class ThreadEnd: Sendable {
    private enum State: Sendable {
        case open
        case awaited(UnsafeContinuation<Bool, Never>)
        case decided(Bool)
    }

    /// Held for a few lines.
    private let state = Lock(State.open)

    /// Awaits the end, but not longer than that.
    ///
    /// - Returns: whether it came. `false` when the task is cancelled, too.
    func wait(atMost: Duration) async -> Bool {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                try? await Task.sleep(for: atMost)
                self.decide(false)
            }
            defer { tasks.cancelAll() }
            return await withUnsafeContinuation { continuation in
                let decision = state.withLock { state -> Bool? in
                    if case .decided(let decision) = state { return decision }
                    state = .awaited(continuation)
                    return nil
                }
                if let decision { continuation.resume(returning: decision) }
            }
        }
    }

    /// It has ended, or nobody should wait any longer; the first word counts.
    func decide(_ hasEnded: Bool) {
        let continuation = state.withLock { state -> UnsafeContinuation<Bool, Never>? in
            defer { if case .decided = state {} else { state = .decided(hasEnded) } }
            if case .awaited(let continuation) = state { return continuation }
            return nil
        }
        continuation?.resume(returning: hasEnded)
    }
}
